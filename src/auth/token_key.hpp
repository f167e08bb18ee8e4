// What a token is remembered as: an HMAC under a key that this object made at random and shows to nobody, so that a memory dump of the
// cache is not a list of cheap password hashes, and nobody can aim at a bucket of its table. One a gate, on the worker's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

struct evp_mac_ctx_st;

namespace sallyport::auth {

using token_key = std::array<unsigned char, 32>;

struct token_key_hash {
  std::size_t operator()(const token_key& key) const {
    std::size_t start = 0;
    std::memcpy(&start, key.data(), sizeof start);
    return start;
  }
};

class token_key_maker {
 public:
  token_key_maker();
  ~token_key_maker();
  token_key_maker(const token_key_maker&) = delete;
  token_key_maker& operator=(const token_key_maker&) = delete;

  token_key operator()(std::string_view token);

 private:
  evp_mac_ctx_st* context_;
};

}  // namespace sallyport::auth
