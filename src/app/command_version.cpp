#include "command_line.hpp"
#include "exit_codes.hpp"
#include "openssl_version.hpp"

#include <boost/version.hpp>

#include <ostream>

namespace sallyport::app {

namespace {

constexpr const char* build_type() {
#if defined(__SANITIZE_ADDRESS__)
  return "with AddressSanitizer";
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return "with ThreadSanitizer";
#elif defined(__OPTIMIZE__)
  return "optimised";
#else
  return "not optimised";
#endif
#elif defined(__OPTIMIZE__)
  return "optimised";
#else
  return "not optimised";
#endif
}

}  // namespace

int command_version(surroundings& around) {
  around.out << "sallyport " << SALLYPORT_VERSION << "\n"
             << openssl_version() << "\n"
             << "Boost " << BOOST_VERSION / 100'000 << "." << BOOST_VERSION / 100 % 1'000 << "." << BOOST_VERSION % 100 << "\n"
             << "build: " << build_type() << ", compiler " << __VERSION__ << std::endl;
  return ended_well;
}

}  // namespace sallyport::app
