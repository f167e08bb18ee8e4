// How a function says that it did not work: a value or an error_code, never an exception.
// Each room has one error_category; the comment at a code says who caused it, what is closed, and what the client sees.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace sallyport::core {

using boost::system::error_category;
using boost::system::error_code;
template <class T>
using result = boost::system::result<T>;

using bytes = std::span<const std::byte>;

// What a step of I/O came to. (boost::system::result<bool> cannot hold an error_code in Boost 1.81.)
enum class progress {
  done,     // all of it happened
  blocked,  // the socket took or gave nothing more for now
  ended,    // the peer said in its protocol that nothing more will come
};

// Whose doing an error is. It decides the level at which it is logged: client info, backend warning, operator and ours error.
enum class blame { client, backend, operator_, ours };

// An error that an operator reads: the code for the program, the sentence (what, where, what to do next) for the person. No secret in it.
struct fault {
  error_code code;
  std::string text;
};
[[noreturn]] void throw_exception_from_error(const fault& f, const boost::source_location& at);  // value() on a fault is a bug: aborts
template <class T>
using outcome = boost::system::result<T, fault>;

}  // namespace sallyport::core
