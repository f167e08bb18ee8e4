#include "yaml_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sallyport::config {

// A folder, a pipe that never ends and a device are refused before a byte is read; a file that grows meanwhile is cut at the limit.
bool read_file(const std::string& path, const place& named_at, std::string& text, std::vector<problem>& problems) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    problems.push_back(fault_at(named_at, "cannot open " + path + ": " + std::strerror(errno), "is the path right?"));
    return false;
  }
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode))) {
    ::close(descriptor);
    problems.push_back(fault_at(named_at, path + " is not a file", "name a YAML file"));
    return false;
  }
  if (S_ISFIFO(status.st_mode)) ::fcntl(descriptor, F_SETFL, 0);  // <(command) of a shell: wait for its writer
  text.clear();
  char buffer[16 * 1024];
  ssize_t got = 0;
  while (text.size() <= file_max_bytes && (got = ::read(descriptor, buffer, sizeof buffer)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const int fault = errno;
  ::close(descriptor);
  if (got < 0) problems.push_back(fault_at(named_at, "cannot read " + path + ": " + std::strerror(fault)));
  return got >= 0;
}

}  // namespace sallyport::config
