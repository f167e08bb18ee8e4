// What a request keeps of itself: all of it while it waits for a connection, and until the answer's head for a second sending
// (docs/passage.md 16), as long as its body has 64 KiB at most. Its memory is used again by the next request, so that nothing is allocated
// once warm; of a body above 4 KiB it is lent by the worker's buffer_pool. Bounded: 16 KiB a spare request, and `large_max` bodies above 4
// KiB a backend that are kept for a second sending alone.
#pragma once

#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/field.hpp>

#include <vector>

namespace sallyport::upstream {

class kept_request {
 public:
  static constexpr std::size_t body_max_bytes = 64 * 1024, small_bytes = 4 * 1024, head_spare_bytes = 4 * 1024;
  static constexpr std::size_t large_max = 256;  // 16 MiB

  // `larges` counts the bodies above 4 KiB of all requests that share it.
  kept_request(http2::buffer_pool& pool, std::size_t& larges) : large_(pool), larges_(larges) {}
  ~kept_request() { drop(); }

  void begin(const std::vector<http2::field>& head, bool end);
  void add_waiting(core::bytes payload, bool end);  // nowhere else yet: all of it is kept, and the windows bound it
  void add_sent(core::bytes payload, bool end) {    // on its way already: kept as long as it is worth it
    if (held_) keep_sent(payload, end);
  }
  void trim();  // was waiting, and has been sent: what is too large goes
  void drop();

  bool held() const { return held_; }
  bool ended() const { return ended_; }
  const std::vector<http2::field>& fields() const { return fields_; }
  std::size_t buffer_bytes() const { return large_.capacity(); }  // what it has of the worker's buffer_pool
  core::bytes body() const { return large_.empty() ? core::bytes(small_) : large_.view(); }

 private:
  void keep_sent(core::bytes payload, bool end);

  std::vector<char> text_;            // names and values, one after the other
  std::vector<http2::field> fields_;  // views of it
  std::vector<std::byte> small_;
  http2::buffer large_;
  std::size_t& larges_;
  bool held_ = false, ended_ = false;
};

}  // namespace sallyport::upstream
