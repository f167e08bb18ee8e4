#include "head_reader.hpp"

#include <sallyport/core/defence.hpp>

#include <algorithm>
#include <cstring>

namespace sallyport::http1 {
namespace {

constexpr std::size_t kept_capacity = 2048;  // a connection at rest owns no more than this

}  // namespace

void head_reader::start(kind of, std::size_t max_bytes, std::size_t max_fields) {
  release();
  of_ = of;
  max_bytes_ = core::defended("P13a") ? max_bytes : std::string::npos;
  max_fields_ = max_fields;
  fields_ = line_began_ = start_line_length_ = 0;
  start_line_seen_ = empty_line_borne_ = false;
  why_ = {};
}

void head_reader::release() {
  text_.clear();
  if (text_.capacity() > kept_capacity) std::string().swap(text_);
}

head_reader::found head_reader::refuse(std::uint32_t status, std::string_view reason) {
  why_ = {status, reason};
  return found::fault;
}

head_reader::found head_reader::take(core::bytes& in) {
  while (!in.empty()) {
    // Where the limit lies depends on the bytes alone, not on how they came: nothing behind it is looked at.
    const auto* const data = reinterpret_cast<const char*>(in.data());
    const std::string_view within(data, std::min(in.size(), max_bytes_ - std::min(max_bytes_, text_.size())));
    const auto lf = within.find('\n');
    const auto piece = within.substr(0, lf == within.npos ? lf : lf + 1);
    const auto result = lf == within.npos ? tail(piece) : take_line(piece);
    in = in.subspan(piece.size());
    if (result != found::nothing) return result;
    if (text_.size() < max_bytes_) continue;
    if (of_ == kind::trailers) return refuse(431, "trailers_too_large");
    return in_start_line() ? refuse(414, "request_line_too_long") : refuse(431, "head_too_large");
  }
  return found::nothing;
}

// A piece of a line whose end has not come.
head_reader::found head_reader::tail(std::string_view piece) {
  if (!piece.empty() && text_.size() > line_began_ && text_.back() == '\r') return refuse(400, "bare_cr");
  const auto cr = piece.find('\r');
  if (core::defended("P05b") && cr != piece.npos && cr + 1 != piece.size()) return refuse(400, "bare_cr");
  text_.append(piece);
  return found::nothing;
}

// The rest of a line, with its LF.
head_reader::found head_reader::take_line(std::string_view piece) {
  const bool cr_before = text_.size() > line_began_ && text_.back() == '\r';
  if (cr_before && piece.size() > 1) return refuse(400, "bare_cr");
  const auto cr = piece.find('\r');
  if (!cr_before && cr == piece.npos)
    return core::defended("P05a") ? refuse(400, "bare_lf") : take_line(std::string(piece.substr(0, piece.size() - 1)) + "\r\n");
  if (core::defended("P05b") && !cr_before && cr + 2 != piece.size()) return refuse(400, "bare_cr");
  text_.append(piece);
  const auto length = text_.size() - line_began_ - 2;
  if (in_start_line()) {
    if (length == 0) {
      // RFC 9112 2.2: one empty line before a request line is borne.
      if (of_ != kind::request || empty_line_borne_) return refuse(400, "empty_line");
      empty_line_borne_ = true;
      text_.clear();
      return found::nothing;
    }
    start_line_seen_ = true;
    start_line_length_ = length;
    line_began_ = text_.size();
    return found::start_line;
  }
  line_began_ = text_.size();
  if (length == 0) return found::end;
  if (core::defended("P13b") && ++fields_ > max_fields_) return refuse(431, "too_many_fields");
  return found::nothing;
}

}  // namespace sallyport::http1
