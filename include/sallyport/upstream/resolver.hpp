// From a name to addresses. An interface, so that tests can let a name move. Used on the worker's thread; outlives whoever asks, and their
// tasks.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/upstream/settings.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace sallyport::upstream {

class resolver {
 public:
  using answer = core::result<std::vector<core::asio::ip::tcp::endpoint>>;

  virtual core::task<answer> resolve(endpoint name) = 0;

 protected:
  ~resolver() = default;
};

// getaddrinfo knows no cancellation and no limit in time but the system's own settings, so each look-up has a thread of its own, which
// nobody joins: a name that is slow delays nobody but who asked for it, and those only as long as they want. A cancellation or a deadline
// abandons the answer at once (operation_aborted) and leaves the look-up to the next who asks.
//
// A name has one look-up at a time, whose answer everybody gets who asks meanwhile. Names come from the configuration alone, so there are
// never more threads than it has names, a worker; where none can be started, the answer is try_again.
//
// Owned by a worker, used on its thread, and gone before its io_context. The destructor waits for nothing: who still waits is told
// operation_aborted, and a thread that ends later finds nobody to tell. A look-up is no work that keeps an io_context running.
class system_resolver final : public resolver {
 public:
  // Blocks, on any thread and on several at once; each look-up has a copy of it.
  using look_up = std::function<answer(const endpoint&)>;

  system_resolver();  // by getaddrinfo, with the error codes that Asio gives to its failures
  explicit system_resolver(look_up blocking);
  ~system_resolver();
  system_resolver(const system_resolver&) = delete;
  system_resolver& operator=(const system_resolver&) = delete;

  core::task<answer> resolve(endpoint name) override;

 private:
  struct question;
  struct letterbox;

  std::shared_ptr<question> ask(endpoint name, core::executor on);
  void start(const endpoint& name, core::executor on);
  void answered(const endpoint& name, answer found);

  const look_up blocking_;
  const std::shared_ptr<letterbox> letters_;
  std::vector<std::shared_ptr<question>> asked_;  // those without an answer
};

}  // namespace sallyport::upstream
