// Finds the lines of a head, or of trailers, in input that comes in pieces, and holds them until they are whole (RFC 9112 2.2).
// One a session. Every line ends in CRLF; a CR or LF alone is a fault as soon as it is seen. Bounded by what `start` is given.
#pragma once

#include <sallyport/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::http1 {

// Why something is refused: the status that a client sees, and a word for the log. 0: it is not.
struct refusal {
  std::uint32_t status = 0;
  std::string_view reason;
  explicit operator bool() const { return status != 0; }
};

class head_reader {
 public:
  enum class kind { request, response, trailers };
  enum class found { nothing, start_line, end, fault };

  void start(kind of, std::size_t max_bytes, std::size_t max_fields);
  // Takes what belongs to the head from the front of `in`. start_line is found once, before anything behind that line is looked at;
  // trailers have none.
  found take(core::bytes& in);

  bool begun() const { return !text_.empty(); }
  std::string_view start_line() const { return {text_.data(), start_line_length_}; }
  // The lines behind it, each with its CRLF, for the parser to write lower case into. Only when `end` was found.
  char* lines() { return text_.data() + (of_ == kind::trailers ? 0 : start_line_length_ + 2); }
  std::size_t lines_length() const { return text_.size() - (of_ == kind::trailers ? 0 : start_line_length_ + 2) - 2; }
  const refusal& why() const { return why_; }
  void release();  // the text is not needed any more

 private:
  found take_line(std::string_view piece);
  found tail(std::string_view piece);
  found refuse(std::uint32_t status, std::string_view reason);
  bool in_start_line() const { return of_ != kind::trailers && !start_line_seen_; }

  std::string text_;
  kind of_ = kind::request;
  std::size_t max_bytes_ = 0, max_fields_ = 0, fields_ = 0;
  std::size_t line_began_ = 0, start_line_length_ = 0;
  bool start_line_seen_ = false, empty_line_borne_ = false;
  refusal why_;
};

}  // namespace sallyport::http1
