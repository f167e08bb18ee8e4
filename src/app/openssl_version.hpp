// OpenSSL's own words about itself at run time; the room needs nothing else of it.
#pragma once

extern "C" const char* OpenSSL_version(int what);

namespace sallyport::app {

inline const char* openssl_version() { return OpenSSL_version(0); }  // OPENSSL_VERSION

}  // namespace sallyport::app
