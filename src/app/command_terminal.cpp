#include "command_terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sallyport::app {

namespace {

constexpr std::size_t password_max = 4096;

// Without echo, byte by byte; the old ways come back when it goes. ^C is read here rather than sent as a signal, which would end the
// program and leave a terminal that shows nothing.
class silent {
 public:
  explicit silent(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal, &before_) != 0) return;
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    on_ = ::tcsetattr(terminal, TCSAFLUSH, &now) == 0;
  }
  silent(const silent&) = delete;
  silent& operator=(const silent&) = delete;
  ~silent() {
    if (on_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  bool on() const { return on_; }

 private:
  int terminal_;
  termios before_{};
  bool on_ = false;
};

void say(int out, std::string_view words) {
  while (!words.empty()) {
    const ssize_t sent = ::write(out, words.data(), words.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    words.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void erase_character(std::string& text) {
  while (!text.empty()) {
    const auto last = static_cast<unsigned char>(text.back());
    text.pop_back();
    if ((last & 0xC0) != 0x80) return;  // not a following byte of UTF-8
  }
}

core::fault canceled() { return {boost::system::errc::make_error_code(boost::system::errc::operation_canceled), "no password was given"}; }

}  // namespace

core::outcome<core::secret> ask_terminal(int in, int out, const std::string& prompt) {
  const silent quiet(in);
  if (!quiet.on())
    return core::fault{core::error_code(errno, boost::system::system_category()),
                       std::string("cannot ask for a password: ") + std::strerror(errno)};
  say(out, prompt);
  std::string typed;
  typed.reserve(password_max);  // never moved, so that no copy stays behind
  for (;;) {
    char c = 0;
    const ssize_t got = ::read(in, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    const bool end = got <= 0 || c == 3 || (c == 4 && typed.empty());
    if (end || c == '\n' || c == '\r') {
      say(out, "\n");
      core::secret password(typed);
      core::wipe(typed);
      if (end) return canceled();
      return password;
    }
    if (c == 0x7F || c == '\b')
      erase_character(typed);
    else if (c == 0x15)  // ^U
      core::wipe(typed), typed.reserve(password_max);
    else if (typed.size() < password_max)
      typed += c;
  }
}

}  // namespace sallyport::app
