// The file of the admin socket: made with mode 0600, never in place of a living one, removed by whoever made it and by nobody else.
#pragma once

#include <sallyport/core/result.hpp>

#include <string>

#include <sys/types.h>

namespace sallyport::admin {

class socket_file {
 public:
  static core::outcome<socket_file> make(const std::string& path);
  socket_file(socket_file&& other) noexcept;
  socket_file& operator=(socket_file&&) = delete;
  ~socket_file();

  int release() noexcept;  // the listening descriptor, nonblocking; the caller's from now on

 private:
  socket_file() = default;
  std::string path_;  // empty: nothing to remove
  int descriptor_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sallyport::admin
