// One file that takes another's place: written and synced beside it, then renamed over it. And the lock that keeps two commands apart that
// read the old file, change it and put it back. Blocking.
#pragma once

#include <sallyport/core/result.hpp>

#include <string>
#include <string_view>

namespace sallyport::certs {

// The mode is 0644, whatever the umask: a server of another user reads it.
core::outcome<void> replace_file(const std::string& directory, const std::string& name, std::string_view contents);

class directory_lock {
 public:
  explicit directory_lock(const std::string& directory);
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  bool is_held() const { return held_; }

 private:
  int descriptor_;
  bool held_ = false;
};

}  // namespace sallyport::certs
