// What lies behind auth::gate. Owned by the gate, weakly held by what is under way (a hash, the timer of refusals); the worker's thread
// only.
#pragma once

#include "hashing_pool.hpp"
#include "recent.hpp"
#include "refusal_queue.hpp"
#include "token_key.hpp"

#include <sallyport/auth/gate.hpp>

#include <list>
#include <unordered_map>
#include <variant>

namespace sallyport::auth {

struct gate::impl : std::enable_shared_from_this<gate::impl> {
 public:
  impl(core::executor on, const settings& s, users::store& store, std::shared_ptr<hashing_pool> pool, telemetry::logger& log,
       telemetry::shard& counts);
  ~impl();

  verdict admit(const evidence& facts, memo& remembered, waiter& who);
  void forget(waiter& who);
  std::variant<permit, denial> admit_certificate(const tls::peer_identity* shown);
  std::variant<permit, denial> admit_without_token(tokens demanded);
  bool still_good(const permit& passed);

 private:
  using user = std::shared_ptr<const users::record>;

  // A decoded token, views into a buffer of the caller's.
  struct credential {
    std::string_view token, name, password;
    // An empty name or password is never right, whatever the store holds, and is refused after as long a time as any other.
    bool hopeless() const { return name.empty() || password.empty(); }
  };
  struct verified {
    user record;
    std::uint64_t generation;  // the latest at which the record was seen to be in force
  };
  struct refused {
    std::uint64_t version;  // of the record that the password was not right for; 0: there was no such user
    std::uint64_t generation;
    denial why;
    core::clock::time_point expires;
  };
  struct arrived {
    waiter* who;
    core::clock::time_point arrival;
  };
  // One token that is being hashed, and all who wait for it.
  struct judgement {
    std::string name;
    bool hopeless;
    user against;  // nullptr: nobody of that name, measured against the decoy
    std::string source;
    std::shared_ptr<hashing_pool::job> job;
    core::clock::time_point asked;
    std::list<arrived> waiters;
  };
  struct judged_place {
    token_key key;
    judgement* in;
    std::list<arrived>::iterator at;
  };
  using place = std::variant<judged_place, refusal_queue::place>;

  std::uint64_t generation() const { return store_.generation().load(std::memory_order_acquire); }
  std::optional<permit> recall(memo& remembered, const evidence& facts, std::uint64_t now);
  static void remember(memo& remembered, const evidence& facts, const permit& passed);
  static std::optional<denial> malformed(const evidence& facts);
  verdict look_up(const evidence& facts, const credential& shown, memo& remembered, waiter& who);
  std::optional<permit> verified_before(const token_key& key, std::uint64_t now);
  std::optional<denial> refused_before(const token_key& key, std::string_view name, std::uint64_t now, core::clock::time_point arrival);
  bool in_force(user& record, std::uint64_t& seen, std::uint64_t now) const;

  verdict judge(const token_key& key, const evidence& facts, const credential& shown, waiter& who);
  std::shared_ptr<hashing_pool::job> ask(const token_key& key, const judgement& of, core::secret password);
  void judged(const token_key& key, users::match verdict, core::secret password);
  void admit_all(judgement& of, const permit& passed);
  void refuse_all(judgement& of, denial why, core::clock::time_point verdict);
  void overload_all(judgement& of);
  void show_queue();
  waiter* take_waiter(judgement& of);

  void refuse_later(waiter& who, denial why, core::clock::time_point arrival, core::clock::time_point verdict);
  void arm();
  denial turned_away(denial why);  // counted
  void refusals_due();

  core::executor on_;
  users::store& store_;
  std::shared_ptr<hashing_pool> pool_;
  telemetry::logger& log_;
  telemetry::shard& counts_;
  token_key_maker make_key_;
  recent<verified> verified_;
  recent<refused> refused_;
  std::unordered_map<token_key, std::unique_ptr<judgement>, token_key_hash> judgements_;
  std::unordered_map<waiter*, place> places_;
  refusal_queue refusals_;
  core::timer refusal_timer_;
  std::optional<core::clock::time_point> armed_for_;
  verified last_compared_{};  // still_good's own memory: the streams of one user are asked about in a row
  bool last_good_ = false;
};

}  // namespace sallyport::auth
