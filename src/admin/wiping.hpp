// Memory for JSON that may hold a password: wiped before it is given back.
#pragma once

#include <sallyport/core/expect.hpp>

#include <boost/json/memory_resource.hpp>
#include <boost/json/storage_ptr.hpp>

#include <string.h>

#include <cstddef>
#include <new>

namespace sallyport::admin {

class wiping_resource final : public boost::json::memory_resource {
 private:
  // Boost.JSON asks for no more alignment than new gives, and gives some blocks back with another one than it asked for.
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    SALLYPORT_EXPECT(alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return ::operator new(size);
  }
  void do_deallocate(void* at, std::size_t size, std::size_t) override {
    ::explicit_bzero(at, size);
    ::operator delete(at);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

// It has no state, so one does for all: a request may end its life on any thread, and counts nothing when it does.
inline boost::json::storage_ptr wiping() {
  static wiping_resource resource;
  return &resource;
}

}  // namespace sallyport::admin
