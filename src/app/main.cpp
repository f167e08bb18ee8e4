#include "command_line.hpp"
#include "command_terminal.hpp"
#include "server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

namespace {

// Whoever starts us may have closed them. The next file or socket that is opened would be taken for standard input, or be written to as
// standard output.
void open_missing_standard_descriptors() {
  for (const int at : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(at, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR);  // it gets the lowest number that is free
}

}  // namespace

int main(int count, char** words) {
  using namespace sallyport;
  open_missing_standard_descriptors();
  std::ios::sync_with_stdio(false);
  app::surroundings around{std::cin, std::cout, std::cerr, config::environment_of_process(), {}, app::serve, ::isatty(STDERR_FILENO) == 1};
  if (::isatty(STDIN_FILENO))
    around.ask_password = [](const std::string& prompt) { return app::ask_terminal(STDIN_FILENO, STDERR_FILENO, prompt); };
  return app::run_command_line({words + (count > 0 ? 1 : 0), words + count}, around);
}
