// The `openssl` command, for rooms that may not know OpenSSL: a process, and certificates that sign themselves.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

namespace sallyport::support {

class process {
 public:
  // `descriptor` becomes its standard input and output.
  process(const std::vector<std::string>& words, int descriptor) {
    std::vector<char*> arguments;
    for (const auto& w : words) arguments.push_back(const_cast<char*>(w.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, descriptor, 0);
    ::posix_spawn_file_actions_adddup2(&files, descriptor, 1);
    ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    if (::posix_spawnp(&id_, arguments[0], &files, nullptr, arguments.data(), environ) != 0) id_ = -1;
    ::posix_spawn_file_actions_destroy(&files);
  }
  ~process() {
    if (id_ <= 0) return;
    ::kill(id_, SIGTERM);
    ::waitpid(id_, nullptr, 0);
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  void kill() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    ::waitpid(std::exchange(id_, -1), nullptr, 0);
  }
  bool succeeded() {
    int status = -1;
    if (id_ > 0) ::waitpid(std::exchange(id_, -1), &status, 0);
    return status == 0;
  }

 private:
  pid_t id_ = -1;
};

// Its own authority: a client's may be named as client_ca.
inline void make_certificate(const std::string& common_name, const std::string& cert, const std::string& key,
                             const std::string& alternative_names = {}) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  std::vector<std::string> words;
  std::istringstream fixed("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2");
  for (std::string word; fixed >> word;) words.push_back(word);
  words.insert(words.end(), {"-subj", "/CN=" + common_name, "-keyout", key, "-out", cert});
  if (!alternative_names.empty()) words.insert(words.end(), {"-addext", "subjectAltName=" + alternative_names});
  process maker(words, nothing);
  ::close(nothing);
  BOOST_REQUIRE(maker.succeeded());
  ::chmod(key.c_str(), S_IRUSR | S_IWUSR);
}

}  // namespace sallyport::support
