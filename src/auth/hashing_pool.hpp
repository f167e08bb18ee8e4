// Threads that verify passwords, so that no worker's thread ever does. One for the process, shared by the gates of all workers; every call
// from any thread. Bounded: hash_queue_max jobs wait, a quarter of them from one source; the sources take turns, so that a thousand guesses
// from one address delay a login from another by one hash. A job is cancelled by `withdraw`; a job told to nobody by `disown`.
#pragma once

#include <sallyport/auth/gate.hpp>
#include <sallyport/core/asio.hpp>
#include <sallyport/core/secret.hpp>
#include <sallyport/users/password.hpp>

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::auth {

class hashing_pool {
 public:
  // Called on the executor that the job named, with the password given back.
  using told = std::function<void(users::match, core::secret)>;
  struct question {
    core::executor on;
    std::string source;
    core::secret password;
    std::string hash;
    told done;
  };
  // Password and hash. Runs on the pool's threads; another one than verify_password is for tests that hold it up or count it.
  using verifier = std::function<users::match(std::string_view, std::string_view)>;
  class job;

  explicit hashing_pool(const settings& s, verifier verify = users::verify_password);
  ~hashing_pool();
  hashing_pool(const hashing_pool&) = delete;
  hashing_pool& operator=(const hashing_pool&) = delete;

  // nullptr when the queue, or this source's part of it, is full.
  std::shared_ptr<job> submit(question asked);
  // True: it was still waiting, will never run and nobody is told. False: it runs or has run.
  bool withdraw(const std::shared_ptr<job>& of);
  // Nobody is told from now on, and the executor is not touched any more. Waits for nothing but a post under way.
  void disown(const std::shared_ptr<job>& of);

  std::size_t waiting() const;

 private:
  struct source_queue;
  using sources = std::map<std::string, source_queue, std::less<>>;
  struct source_queue {
    std::list<std::shared_ptr<job>> jobs;
    std::list<sources::iterator>::iterator turn;
  };

  void run();
  std::shared_ptr<job> next();
  void take_out(sources::iterator from, std::list<std::shared_ptr<job>>::iterator at);

  const std::size_t queue_max_;
  const verifier verify_;
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  sources sources_;
  std::list<sources::iterator> turns_;  // each source with jobs, in the order in which they are served
  std::size_t waiting_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sallyport::auth
