// Asking on a real terminal: a pseudo-terminal whose other end plays the person.
#include "command_terminal.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <future>
#include <string>

using namespace sallyport;
using namespace sallyport::app;

namespace {

class terminal {
 public:
  terminal() : person_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    ::grantpt(person_);
    ::unlockpt(person_);
    char name[128] = {};
    if (::ptsname_r(person_, name, sizeof name) == 0) program_ = ::open(name, O_RDWR | O_NOCTTY);
  }
  ~terminal() {
    if (program_ >= 0) ::close(program_);
    ::close(person_);
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  int program() const { return program_; }
  tcflag_t ways() const {
    termios now{};
    ::tcgetattr(program_, &now);
    return now.c_lflag;
  }
  // What the person sees, until `end` has been shown.
  std::string see(const std::string& end) {
    std::string seen;
    pollfd waiting{person_, POLLIN, 0};
    while (seen.find(end) == std::string::npos && ::poll(&waiting, 1, 20'000) > 0) {
      char buffer[256];
      const ssize_t got = ::read(person_, buffer, sizeof buffer);
      if (got <= 0) break;
      seen.append(buffer, static_cast<std::size_t>(got));
    }
    return seen;
  }
  void type(const std::string& keys) { [[maybe_unused]] const ssize_t written = ::write(person_, keys.data(), keys.size()); }

  // The password, or the fault's text; `seen` is all that was shown.
  std::string ask(const std::string& keys, std::string& seen) {
    auto asking = std::async(std::launch::async, [this] {
      auto got = ask_terminal(program_, program_, "password: ");
      return got ? std::string(got->reveal()) : got.error().text;
    });
    seen = see("password: ");  // the prompt comes when the echo is off
    type(keys);
    std::string got = asking.get();
    seen += see("\n");
    return got;
  }

 private:
  int person_, program_ = -1;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(terminals)

BOOST_AUTO_TEST_CASE(what_is_typed_arrives_and_is_not_shown) {
  terminal at;
  BOOST_TEST_REQUIRE(at.program() >= 0);
  const auto before = at.ways();
  const struct {
    std::string keys, password;
  } table[] = {{"opensesame\n", "opensesame"},
               {"opem\x7fnsesame\r", "opensesame"},
               {"wrong\x15right!\n", "right!"},
               {"\xc3\xbc\x7fok\n", "ok"},
               {"\x7f\x7fok\n", "ok"},
               {"blank \n", "blank "},
               {"\n", ""}};
  for (const auto& row : table) {
    std::string seen;
    const std::string got = at.ask(row.keys, seen);
    BOOST_TEST(got == row.password);
    BOOST_TEST(seen == "password: \r\n");
    BOOST_TEST(at.ways() == before);
  }
}

BOOST_AUTO_TEST_CASE(control_c_gives_up_at_once_and_leaves_the_terminal_as_it_was) {
  terminal at;
  BOOST_TEST_REQUIRE(at.program() >= 0);
  const auto before = at.ways();
  for (const std::string keys : {"half\x03", "\x04"}) {
    std::string seen;
    BOOST_TEST(at.ask(keys, seen) == "no password was given");
    BOOST_TEST(at.ways() == before);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_terminal_is_told) {
  const int nothing = ::open("/dev/null", O_RDWR);
  const auto got = ask_terminal(nothing, nothing, "password: ");
  ::close(nothing);
  BOOST_TEST_REQUIRE(!got.has_value());
  BOOST_TEST(got.error().text.starts_with("cannot ask for a password: "), got.error().text);
}

BOOST_AUTO_TEST_SUITE_END()
