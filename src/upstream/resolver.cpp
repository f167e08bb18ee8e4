#include <sallyport/upstream/resolver.hpp>

#include <sallyport/core/expect.hpp>

#include <boost/asio/post.hpp>

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

namespace sallyport::upstream {
namespace {

namespace asio = core::asio;

// What Asio's resolver makes of them.
core::error_code error_of(int failure, int system) {
  switch (failure) {
    case EAI_AGAIN: return asio::error::host_not_found_try_again;
    case EAI_BADFLAGS: return asio::error::invalid_argument;
    case EAI_FAIL: return asio::error::no_recovery;
    case EAI_FAMILY: return asio::error::address_family_not_supported;
    case EAI_MEMORY: return asio::error::no_memory;
    case EAI_NONAME:
    case EAI_ADDRFAMILY:
    case EAI_NODATA: return asio::error::host_not_found;
    case EAI_SERVICE: return asio::error::service_not_found;
    case EAI_SOCKTYPE: return asio::error::socket_type_not_supported;
    default: break;
  }
  if (system == 0) return asio::error::no_recovery;  // an error that says that there is none would be taken for success
  return {system, boost::system::system_category()};
}

resolver::answer by_getaddrinfo(const endpoint& name) {
  addrinfo hints{};  // without flags, as Asio asks for a host and a service
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  addrinfo* first = nullptr;
  errno = 0;
  const int failure = ::getaddrinfo(name.host.c_str(), std::to_string(name.port).c_str(), &hints, &first);
  if (failure != 0) return error_of(failure, errno);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(first, &::freeaddrinfo);
  std::vector<asio::ip::tcp::endpoint> addresses;
  for (const auto* one = first; one; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    auto& address = addresses.emplace_back();
    address.resize(one->ai_addrlen);
    std::memcpy(address.data(), one->ai_addr, one->ai_addrlen);
  }
  return addresses;
}

}  // namespace

// On the worker's thread alone. Each who waits has a wait of his own on the timer, which never ends by itself.
struct system_resolver::question {
  endpoint name;
  core::timer over;
  std::optional<answer> found = {};
};

// All that a look-up's thread touches besides its own: whom to tell, as long as there is somebody.
struct system_resolver::letterbox {
  std::mutex held;  // while a letter is posted, so that the io_context stays until that is done
  system_resolver* owner = nullptr;
};

system_resolver::system_resolver() : system_resolver(by_getaddrinfo) {}

system_resolver::system_resolver(look_up blocking) : blocking_(std::move(blocking)), letters_(std::make_shared<letterbox>()) {
  letters_->owner = this;
}

system_resolver::~system_resolver() {
  {
    const std::lock_guard alone(letters_->held);
    letters_->owner = nullptr;
  }
  for (const auto& q : asked_) q->over.cancel();
}

core::task<resolver::answer> system_resolver::resolve(endpoint name) {
  const auto here = co_await asio::this_coro::executor;
  const auto mine = ask(std::move(name), here);
  if (!mine->found) co_await mine->over.async_wait(core::await);
  if (!mine->found) co_return core::error_code(asio::error::operation_aborted);
  co_return *mine->found;
}

std::shared_ptr<system_resolver::question> system_resolver::ask(endpoint name, core::executor on) {
  const auto under_way = std::find_if(asked_.begin(), asked_.end(), [&name](const auto& q) { return q->name == name; });
  if (under_way != asked_.end()) return *under_way;
  const auto made = std::make_shared<question>(question{std::move(name), core::timer(on, core::timer::time_point::max())});
  asked_.push_back(made);
  try {
    start(made->name, on);
  } catch (const std::system_error&) {
    answered(made->name, core::error_code(asio::error::try_again));
  }
  return made;
}

void system_resolver::start(const endpoint& name, core::executor on) {
  std::thread([blocking = blocking_, name, on, letters = letters_] {
    auto found = blocking(name);
    const std::lock_guard alone(letters->held);
    if (!letters->owner) return;
    asio::post(on, [letters, name, found = std::move(found)]() mutable {
      if (letters->owner) letters->owner->answered(name, std::move(found));  // it may have gone since
    });
  }).detach();
}

void system_resolver::answered(const endpoint& name, answer found) {
  const auto at = std::find_if(asked_.begin(), asked_.end(), [&name](const auto& q) { return q->name == name; });
  SALLYPORT_EXPECT(at != asked_.end());  // it leaves here alone, and has one look-up
  const auto done = *at;
  asked_.erase(at);
  done->found = std::move(found);
  done->over.cancel();
}

}  // namespace sallyport::upstream
