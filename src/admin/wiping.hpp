// Memory for JSON that may hold a password: wiped before it is given back.
#pragma once

#include <boost/json/memory_resource.hpp>
#include <boost/json/storage_ptr.hpp>

#include <string.h>

#include <cstddef>
#include <new>

namespace sallyport::admin {

class wiping_resource final : public boost::json::memory_resource {
 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override { return ::operator new(size, std::align_val_t(alignment)); }
  void do_deallocate(void* at, std::size_t size, std::size_t alignment) override {
    ::explicit_bzero(at, size);
    ::operator delete(at, std::align_val_t(alignment));
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

inline boost::json::storage_ptr wiping() { return boost::json::make_shared_resource<wiping_resource>(); }

}  // namespace sallyport::admin
