// Asking a person for a password: no echo, twice the caller's business, ^C gives up at once and leaves the terminal as it was.
#pragma once

#include <sallyport/core/result.hpp>
#include <sallyport/core/secret.hpp>

#include <string>

namespace sallyport::app {

// `in` is a terminal's descriptor; the prompt goes to `out`. canceled: ^C, or the end of input.
core::outcome<core::secret> ask_terminal(int in, int out, const std::string& prompt);

}  // namespace sallyport::app
