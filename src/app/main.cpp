#include "command_line.hpp"
#include "command_terminal.hpp"
#include "server.hpp"

#include <unistd.h>

#include <iostream>

int main(int count, char** words) {
  using namespace sallyport;
  std::ios::sync_with_stdio(false);
  app::surroundings around{std::cin, std::cout, std::cerr, config::environment_of_process(), {}, app::serve, ::isatty(STDERR_FILENO) == 1};
  if (::isatty(STDIN_FILENO))
    around.ask_password = [](const std::string& prompt) { return app::ask_terminal(STDIN_FILENO, STDERR_FILENO, prompt); };
  return app::run_command_line({words + (count > 0 ? 1 : 0), words + count}, around);
}
