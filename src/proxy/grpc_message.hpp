// Where a gRPC client is in its messages ("gRPC over HTTP2": a byte, a length of four, the message), so that one that is silent between two
// messages is told from one that is silent inside of one. Lengths are counted down, and nothing is allocated by them.
#pragma once

#include <sallyport/core/result.hpp>

#include <algorithm>
#include <cstdint>

namespace sallyport::proxy {

class grpc_message_position {
 public:
  bool inside() const { return head_ != 0 || left_ != 0; }

  void pass(core::bytes payload) {
    while (!payload.empty()) {
      if (left_ == 0) {
        const auto byte = static_cast<std::uint32_t>(payload.front());
        payload = payload.subspan(1);
        length_ = length_ << 8 | byte;  // the first of the five falls out at the top
        if (++head_ < head_bytes) continue;
        head_ = 0;
        left_ = length_;
        continue;
      }
      const auto n = std::min<std::size_t>(left_, payload.size());
      left_ -= static_cast<std::uint32_t>(n);
      payload = payload.subspan(n);
    }
  }

 private:
  static constexpr std::uint8_t head_bytes = 5;
  std::uint32_t left_ = 0, length_ = 0;
  std::uint8_t head_ = 0;
};

}  // namespace sallyport::proxy
