#include "socket_file.hpp"

#include "limits.hpp"

#include <sallyport/core/defence.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sallyport::admin {

namespace {

core::fault fault_of(int code, const std::string& what, const std::string& hint) {
  return {core::error_code(code, boost::system::system_category()), what + ": " + std::strerror(code) + hint};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int new_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int try_bind(int descriptor, const sockaddr_un& address) {
  return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// Does anybody listen there? 0: yes. A full backlog (EAGAIN) is somebody, too.
int try_connect(const sockaddr_un& address) {
  const int descriptor = new_socket();
  if (descriptor < 0) return errno;
  const int code = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(descriptor);
  return code == EAGAIN ? 0 : code;
}

// A socket that nobody listens on was left by a server that was killed. Everything else stays as it is.
core::outcome<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? core::outcome<void>() : fault_of(errno, "admin socket " + path, "");
  if (!S_ISSOCK(status.st_mode))
    return core::fault{core::error_code(EEXIST, boost::system::system_category()),
                       "admin socket " + path + ": there is a file of that name, and it is no socket; set admin.socket to another path"};
  const int code = try_connect(address);
  if (code == 0)
    return core::fault{core::error_code(EADDRINUSE, boost::system::system_category()),
                       "admin socket " + path + ": a server listens there already; stop it first, or set admin.socket to another path"};
  if (code != ECONNREFUSED) return fault_of(code, "admin socket " + path, "; set admin.socket to another path");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fault_of(errno, "cannot replace the admin socket " + path, "");
  return {};
}

}  // namespace

core::outcome<socket_file> socket_file::make(const std::string& path) {
  if (path.empty() || path.size() > socket_path_max)
    return fault_of(ENAMETOOLONG, "admin socket " + path, "; set admin.socket to a path of 1 to 107 bytes");
  const sockaddr_un address = address_of(path);
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && !std::filesystem::exists(folder, ignored)) {
    std::filesystem::create_directories(folder.parent_path(), ignored);
    ::mkdir(folder.c_str(), 0700);  // when this fails, bind says why
  }
  socket_file made;
  made.descriptor_ = new_socket();
  if (made.descriptor_ < 0) return fault_of(errno, "cannot make a unix socket", "");
  // bind(2) gives the file the mode of the socket: 0600 from its first moment on, without touching the umask of all threads.
  if (core::defended("O17b") && ::fchmod(made.descriptor_, 0600) != 0)
    return fault_of(errno, "cannot protect the admin socket " + path, "");
  int code = try_bind(made.descriptor_, address);
  if (code == EADDRINUSE) {
    if (auto removed = remove_stale(path, address); !removed) return removed.error();
    code = try_bind(made.descriptor_, address);
  }
  if (code != 0)
    return fault_of(code, "cannot make the admin socket " + path, "; set admin.socket to a path in a folder that may be written");
  made.path_ = path;
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return fault_of(errno, "admin socket " + path, "");
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  if (core::defended("O17b") && (status.st_mode & 0777) != 0600)
    return fault_of(EPERM, "admin socket " + path + " is not for its owner alone",
                    "; set admin.socket to a path on a file system with permissions");
  if (::listen(made.descriptor_, static_cast<int>(connections_max)) != 0)
    return fault_of(errno, "cannot listen on the admin socket " + path, "");
  return made;
}

socket_file::socket_file(socket_file&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      device_(other.device_),
      inode_(other.inode_) {}

socket_file::~socket_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  struct stat status{};
  const bool ours = !path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

int socket_file::release() noexcept { return std::exchange(descriptor_, -1); }

}  // namespace sallyport::admin
