#include <sallyport/net/workbench.hpp>

#include <sallyport/core/expect.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define SALLYPORT_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SALLYPORT_POISONS 1
#endif
#endif
#ifdef SALLYPORT_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace sallyport::net {

namespace {

void lend([[maybe_unused]] const std::byte* from) {
#ifdef SALLYPORT_POISONS
  __asan_unpoison_memory_region(from, workbench::plaintext_max_bytes);
#endif
}

void take_back([[maybe_unused]] const std::byte* from) {
#ifdef SALLYPORT_POISONS
  __asan_poison_memory_region(from, workbench::plaintext_max_bytes);
#endif
}

}  // namespace

workbench::workbench()
    : ciphertext_(std::make_unique_for_overwrite<std::byte[]>(ciphertext_max_bytes)),
      plaintext_(std::make_unique_for_overwrite<std::byte[]>(plaintext_max_bytes)),
      outbound_(std::make_unique_for_overwrite<std::byte[]>(outbound_max_bytes)) {
  take_back(plaintext_.get());
}

workbench::~workbench() { lend(plaintext_.get()); }

workbench::loan::loan(workbench& from) : from_(from) {
  SALLYPORT_EXPECT(!from_.lent_);
  from_.lent_ = true;
  lend(from_.plaintext_.get());
}

workbench::loan::~loan() {
  take_back(from_.plaintext_.get());
  from_.lent_ = false;
}

}  // namespace sallyport::net
