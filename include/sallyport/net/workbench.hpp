// The buffers that all connections of one worker share: borrowed for the length of a plain function call, never across a co_await.
// One per worker, used on its thread only. ASan builds poison `plaintext` outside a loan, so that a view that was kept dies in the tests.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace sallyport::net {

class workbench {
 public:
  static constexpr std::size_t ciphertext_max_bytes = 128 * 1024;  // one recv
  static constexpr std::size_t plaintext_max_bytes = 144 * 1024;   // what one recv decrypts to, and a record more
  static constexpr std::size_t outbound_max_bytes = 256 * 1024;    // records on their way to one send

  workbench();
  ~workbench();
  workbench(const workbench&) = delete;
  workbench& operator=(const workbench&) = delete;

  std::byte* ciphertext() { return ciphertext_.get(); }
  std::byte* outbound() { return outbound_.get(); }

  // The plaintext buffer for as long as the loan lives. One at a time: a second one is a bug of ours and aborts.
  class loan {
   public:
    explicit loan(workbench& from);
    ~loan();
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    std::byte* data() const { return from_.plaintext_.get(); }

   private:
    workbench& from_;
  };

 private:
  std::unique_ptr<std::byte[]> ciphertext_, plaintext_, outbound_;
  bool lent_ = false;
};

}  // namespace sallyport::net
