#include "hashing_pool.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace sallyport::auth {

class hashing_pool::job {
 public:
  explicit job(question asked) : asked_(std::move(asked)) {}

  void run(const verifier& verify) {
    const auto verdict = verify(asked_.password.reveal(), asked_.hash);
    const std::lock_guard held(telling_);
    if (disowned_) return;
    auto tell = [done = std::move(asked_.done), verdict, password = std::move(asked_.password)]() mutable {
      done(verdict, std::move(password));
    };
    core::asio::post(asked_.on, std::move(tell));
  }
  void disown() {
    const std::lock_guard held(telling_);
    disowned_ = true;
  }

 private:
  friend class hashing_pool;
  question asked_;
  std::mutex telling_;
  bool disowned_ = false;
  // Where it waits; under the pool's mutex.
  bool queued_ = false;
  sources::iterator source_;
  std::list<std::shared_ptr<job>>::iterator place_;
};

std::shared_ptr<hashing_pool> make_hashing_pool(const settings& s) { return std::make_shared<hashing_pool>(s); }

hashing_pool::hashing_pool(const settings& s, verifier verify) : queue_max_(s.hash_queue_max), verify_(std::move(verify)) {
  users::decoy_hash();  // made now: the first unknown user would otherwise take twice as long
  const auto wanted = std::max<std::uint32_t>(s.hash_threads, 1);
  for (std::uint32_t i = 0; i < wanted; ++i) threads_.emplace_back([this] { run(); });
}

hashing_pool::~hashing_pool() {
  {
    const std::lock_guard held(mutex_);
    closing_ = true;
  }
  moved_.notify_all();
  for (auto& thread : threads_) thread.join();
}

std::shared_ptr<hashing_pool::job> hashing_pool::submit(question asked) {
  std::string source = std::move(asked.source);
  auto made = std::make_shared<job>(std::move(asked));
  {
    const std::lock_guard held(mutex_);
    if (waiting_ >= queue_max_) return nullptr;
    auto at = sources_.find(source);
    // A part of its own for each address: one that guesses must not make the door refuse everybody.
    if (!source.empty() && at != sources_.end() && at->second.jobs.size() >= std::max<std::size_t>(queue_max_ / 4, 1)) return nullptr;
    if (at == sources_.end()) {
      at = sources_.try_emplace(std::move(source)).first;
      at->second.turn = turns_.insert(turns_.end(), at);
    }
    auto& queue = at->second.jobs;
    made->queued_ = true;
    made->source_ = at;
    made->place_ = queue.insert(queue.end(), made);
    ++waiting_;
  }
  moved_.notify_one();
  return made;
}

bool hashing_pool::withdraw(const std::shared_ptr<job>& of) {
  const std::lock_guard held(mutex_);
  if (!of->queued_) return false;
  take_out(of->source_, of->place_);
  return true;
}

void hashing_pool::disown(const std::shared_ptr<job>& of) {
  if (!withdraw(of)) of->disown();
}

std::size_t hashing_pool::waiting() const {
  const std::lock_guard held(mutex_);
  return waiting_;
}

void hashing_pool::run() {
  while (const auto taken = next()) taken->run(verify_);
}

std::shared_ptr<hashing_pool::job> hashing_pool::next() {
  std::unique_lock held(mutex_);
  moved_.wait(held, [this] { return closing_ || waiting_ > 0; });
  if (closing_) return nullptr;
  const auto source = turns_.front();
  turns_.splice(turns_.end(), turns_, turns_.begin());
  auto taken = source->second.jobs.front();
  take_out(source, source->second.jobs.begin());
  return taken;
}

void hashing_pool::take_out(sources::iterator from, std::list<std::shared_ptr<job>>::iterator at) {
  (*at)->queued_ = false;
  from->second.jobs.erase(at);
  --waiting_;
  if (!from->second.jobs.empty()) return;
  turns_.erase(from->second.turn);
  sources_.erase(from);
}

}  // namespace sallyport::auth
