// A TLS client that is not ours (`openssl s_client`; the proxy room may not know OpenSSL), and certificates that sign themselves.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

namespace sallyport::proxy::testing {

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

// A TLS connection whose plaintext is on `descriptor()`.
class tls_client {
 public:
  tls_client(std::uint16_t port, const std::vector<std::string>& more) {
    int pair[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    ours_ = pair[0];
    std::vector<std::string> words{
        "openssl", "s_client", "-quiet", "-nocommands", "-no_ign_eof", "-connect", "127.0.0.1:" + std::to_string(port)};
    words.insert(words.end(), more.begin(), more.end());
    program_ = std::make_unique<process>(words, pair[1]);
    ::close(pair[1]);
  }
  int descriptor() const { return ours_; }  // whoever takes it closes it
  void kill() { program_->kill(); }         // without a word to the server

 private:
  int ours_ = -1;
  std::unique_ptr<process> program_;
};

// Its own authority: a client's may be named as client_ca.
inline void make_certificate(const std::string& common_name, const std::string& cert, const std::string& key) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  process maker({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                 "/CN=" + common_name, "-keyout", key, "-out", cert},
                nothing);
  ::close(nothing);
  BOOST_REQUIRE(maker.succeeded());
  ::chmod(key.c_str(), S_IRUSR | S_IWUSR);
}

}  // namespace sallyport::proxy::testing
