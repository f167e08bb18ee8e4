// The alerts of TLS by their names in RFC 8446 6, and in RFC 5246 7.2 where only that has them.
#pragma once

#include <string>

namespace sallyport::tls {

std::string alert_name(int number);

}  // namespace sallyport::tls
