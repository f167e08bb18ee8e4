#include <sallyport/core/expect.hpp>
#include <sallyport/core/result.hpp>

#include <cstdio>
#include <cstdlib>

namespace sallyport::core {

void expectation_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "sallyport: this must not happen: %s at %s:%d\n", condition, file, line);
  std::abort();
}

void throw_exception_from_error(const fault& f, const boost::source_location& at) {
  expectation_failed(f.text.c_str(), at.file_name(), static_cast<int>(at.line()));
}

}  // namespace sallyport::core
