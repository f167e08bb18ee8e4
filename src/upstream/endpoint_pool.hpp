// What the pools of both protocols are to the balancer: the connections to one address, and the line of requests that wait for a place on
// one, fair between users. Owned by the balancer, and by a probe while that runs; used on the worker's thread. The lines of all pools of a
// backend are bounded together.
#pragma once

#include <sallyport/upstream/balancer.hpp>

#include "dial.hpp"
#include "fair_line.hpp"

#include <string>

namespace sallyport::upstream {

class endpoint_pool;

// Where a pool connects to: the addresses of one machine, tried in turn. None: a name that has not been resolved yet.
struct target {
  std::string label;  // as the log has it
  std::vector<tcp_address> addresses;
  std::string name = {};  // that its certificate must be for; empty: plaintext
  endpoint of = {};       // the settings'; a name may stand for several

  bool is(const target& other) const { return label == other.label && name == other.name; }
};

// A request on its way to a backend, which may change the pool while nothing of it has been sent.
class balanced_request : public exchange {
 public:
  responder* to = nullptr;
  endpoint_pool* home = nullptr;
  user_share* share = nullptr;  // of the pool that has it, or had it last
  bool waiting = false;         // in the line of its pool
  core::clock::time_point since{};

 protected:
  ~balanced_request() = default;
};

// What the balancer thinks of an endpoint.
struct endpoint_health {
  bool up = true;
  bool tried = false;  // down, and given requests because all are
  bool probing = false;
  std::uint32_t streak = 0;  // probes in a row that say otherwise
  core::clock::time_point next_probe{};
};

// How long a connection takes new requests: until then, and while nothing else is trusted than when it was made.
struct tenure {
  core::clock::time_point ends;
  std::uint64_t trusted;
};

struct pool_figures {
  std::int64_t streams = 0, orphans = 0, waiting = 0;
};

class endpoint_pool : public opener {
 public:
  endpoint_pool(balancer& home, target where, std::string_view protocol);
  virtual ~endpoint_pool() = default;
  endpoint_pool(const endpoint_pool&) = delete;
  endpoint_pool& operator=(const endpoint_pool&) = delete;

  // Takes over a request of which nothing is on its way: from another pool's line, or to be sent again.
  virtual void adopt(balanced_request& who) = 0;
  virtual void sweep(core::clock::time_point now, pool_figures& add_to) = 0;
  virtual void retire() = 0;                                 // no new requests; connections close when they have finished what they carry
  virtual void stop() = 0;                                   // ends every connection; open exchanges have been cancelled before
  virtual bool at_rest() const = 0;                          // nothing of it is left that could call it
  virtual bool may_try() const = 0;                          // has a connection or makes one, or the pause is over
  virtual balanced_request* take_waiting();                  // out of the line, and out of this pool; nullptr: nobody waits
  virtual void connect_failed(const dial_failure& why) = 0;  // or its name has no address

  std::size_t outstanding() const { return outstanding_; }
  const target& where() const { return where_; }
  core::task<core::result<std::unique_ptr<net::stream>>> dial(dial_failure& failure);
  void log_unreachable(const dial_failure& why);
  bool retired() const { return retired_; }
  bool take_answered() { return std::exchange(answered_, false); }  // since the last call
  void trouble() { troubled_ = true; }                              // the balancer wants to hear of the next answer
  void unburden() { troubled_ = false; }
  reconnect_pause pause;
  endpoint_health health;
  std::size_t tunnels = 0;  // open, or being made

 protected:
  // A request comes, and goes.
  void take(balanced_request& who, std::string_view user);
  void let_go(balanced_request& who);
  // The line. Nobody is told from within `has_place_for`; `enter` may fail one that waits, to make the place that it saw.
  bool has_place_for(std::string_view user);
  bool lines_are_full() const;
  void enter(balanced_request& who);
  void leave(balanced_request& who);
  balanced_request& take_next();
  void expire(core::clock::time_point now);
  void begins_to_wait(balanced_request& who);
  void waits_no_more(balanced_request& who);
  virtual void fail(balanced_request& who, failure why) = 0;  // who is in no line any more: told, and given back

  tenure begin_tenure();  // before the connection is made: it may take a while, in which what is trusted changes
  bool is_over(const tenure& of, core::clock::time_point now) const { return now >= of.ends || of.trusted != trust_generation(); }
  exchange* refused(failure why);
  void count(failure why);
  void failing(telemetry::ejection why);
  void connected();
  void answered() {
    answered_ = true;
    broken_in_a_row_ = 0;
    if (troubled_) tell_answered();
  }
  void need_addresses();
  endpoint_pool* another() const;

  const surroundings& around_;
  const settings& settings_;
  telemetry::backend_counts& counted_;
  fair_line line_;  // requests without a connection
  bool stopped_ = false, retired_ = false;
  bool making_way_ = false;  // what breaks off now is our own doing

 private:
  void tell_answered();
  std::uint64_t trust_generation() const { return settings_.trust ? settings_.trust->generation() : 0; }

  balancer& home_;
  const target where_;
  const std::string_view protocol_;  // for ALPN
  std::minstd_rand jitter_{std::random_device{}()};
  std::size_t outstanding_ = 0;  // under way or in line
  std::uint32_t broken_in_a_row_ = 0;
  bool troubled_ = false, answered_ = false;
};

// The exchanges of a backend's pools, in use or spare: a request that changes the pool stays what it is.
template <class Exchange>
class exchange_store {
 public:
  template <class... Arguments>
  Exchange& take(Arguments&&... made_with) {
    if (spare_.empty()) {
      all_.push_back(std::make_unique<Exchange>(std::forward<Arguments>(made_with)...));
      spare_.push_back(all_.back().get());
    }
    auto& taken = *spare_.back();
    spare_.pop_back();
    return taken;
  }
  void give_back(Exchange& done) { spare_.push_back(&done); }

 private:
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> spare_;
};

}  // namespace sallyport::upstream
