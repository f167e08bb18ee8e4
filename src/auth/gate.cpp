#include "gate_parts.hpp"

#include "base64.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <openssl/crypto.h>

#include <array>
#include <chrono>

namespace sallyport::auth {

namespace {

constexpr std::size_t token_max_bytes = 1024;

// The same wrong token, sent again and again, costs one hash in this time.
constexpr std::chrono::seconds refused_ttl{5};
constexpr std::size_t refused_max = 4096;

struct decoded_token {
  std::array<char, token_max_bytes / 4 * 3> room;
  ~decoded_token() { OPENSSL_cleanse(room.data(), room.size()); }
};

// Milvus' REST: what Go's Request.BasicAuth takes for Basic is that; anything else is plain text, behind exactly `Bearer ` or nothing.
std::optional<std::string_view> read_rest_token(std::string_view value, std::span<char> room) {
  constexpr std::string_view basic = "Basic ", bearer = "Bearer ";
  if (is_basic(value)) {
    const auto said = decode_base64(value.substr(basic.size()), room);
    if (said && said->find(':') != std::string_view::npos) return said;
  }
  return value.starts_with(bearer) ? value.substr(bearer.size()) : value;
}

// RFC 7617 2. Whether there is a colon is looked at later, as for any token.
std::optional<std::string_view> read_basic_token(std::string_view value, std::span<char> room) {
  if (!is_basic(value)) return std::nullopt;
  value.remove_prefix(std::string_view("basic ").size());
  return decode_base64(value.substr(std::min(value.find_first_not_of(' '), value.size())), room);  // RFC 9110 11.4: 1*SP
}

std::optional<std::string_view> read_token(form spoken, std::string_view value, std::span<char> room) {
  switch (spoken) {
    case form::grpc: return decode_base64(value, room);
    case form::rest: return read_rest_token(value, room);
    case form::basic: break;
  }
  return read_basic_token(value, room);
}

std::uint64_t version_of(const std::shared_ptr<const users::record>& user) { return user ? user->version : 0; }

}  // namespace

gate::gate(core::executor on, const settings& s, users::store& store, std::shared_ptr<hashing_pool> pool, telemetry::logger& log,
           telemetry::shard& counts)
    : impl_(std::make_shared<impl>(on, s, store, std::move(pool), log, counts)) {}
gate::~gate() = default;
gate::verdict gate::admit(const evidence& facts, memo& remembered, waiter& who) { return impl_->admit(facts, remembered, who); }
void gate::forget(waiter& who) { impl_->forget(who); }
std::variant<permit, denial> gate::admit_certificate(const tls::peer_identity* shown) { return impl_->admit_certificate(shown); }
std::variant<permit, denial> gate::admit_without_token(tokens demanded) { return impl_->admit_without_token(demanded); }
bool gate::still_good(const permit& passed) const { return impl_->still_good(passed); }

gate::impl::impl(core::executor on, const settings& s, users::store& store, std::shared_ptr<hashing_pool> pool, telemetry::logger& log,
                 telemetry::shard& counts)
    : on_(on),
      store_(store),
      pool_(std::move(pool)),
      log_(log),
      counts_(counts),
      verified_(s.cache_max),
      refused_(refused_max),
      refusals_(s.refusal_floor),
      refusal_timer_(on) {}

gate::impl::~impl() {
  for (auto& [key, of] : judgements_) pool_->disown(of->job);
}

gate::verdict gate::impl::admit(const evidence& facts, memo& remembered, waiter& who) {
  const auto now = generation();
  if (facts.demanded == tokens::none) return permit(nullptr, now);
  if (facts.authorization_fields == 1)
    if (auto passed = recall(remembered, facts, now)) {
      counts_.count(telemetry::auth_check::memo);
      return *std::move(passed);
    }
  if (const auto why = malformed(facts)) return turned_away(*why);

  decoded_token decoded;
  const auto token = read_token(facts.spoken, facts.authorization, decoded.room);
  if (!token) return turned_away(denial::invalid_token);
  // As Milvus does: the first colon splits; without one it is an API key.
  const auto colon = token->find(':');
  if (colon == std::string_view::npos) return turned_away(denial::api_key_unknown);
  return look_up(facts, {*token, token->substr(0, colon), token->substr(colon + 1)}, remembered, who);
}

denial gate::impl::turned_away(denial why) {
  counts_.count(why == denial::overloaded ? telemetry::auth_check::queue_full : telemetry::auth_check::refused);
  return why;
}

std::optional<permit> gate::impl::recall(memo& remembered, const evidence& facts, std::uint64_t now) {
  const auto value = facts.authorization;
  if (!remembered.passed_ || remembered.spoken_ != facts.spoken || (core::defended("P10a") && remembered.value_.size() != value.size()))
    return std::nullopt;
  if (core::defended("P10a") && CRYPTO_memcmp(remembered.value_.data(), value.data(), value.size()) != 0) return std::nullopt;
  if (in_force(remembered.passed_->user_, remembered.passed_->generation_, now)) return remembered.passed_;
  core::wipe(remembered.value_);
  remembered.passed_.reset();
  return std::nullopt;
}

void gate::impl::remember(memo& remembered, const evidence& facts, const permit& passed) {
  core::wipe(remembered.value_);
  remembered.value_.assign(facts.authorization);
  remembered.spoken_ = facts.spoken;
  remembered.passed_ = passed;
}

std::optional<denial> gate::impl::malformed(const evidence& facts) {
  if (facts.authorization_fields == 0) return denial::missing_token;
  // A comma joins two fields into one (RFC 9110 5.3). base64 has none, a password in plain text may.
  const bool base64 = facts.spoken != form::rest || is_basic(facts.authorization);
  if (facts.authorization_fields > 1 || (base64 && facts.authorization.find(',') != std::string_view::npos)) return denial::several_tokens;
  if (facts.authorization.size() > token_max_bytes) return denial::token_too_long;
  return std::nullopt;
}

// Is this very record still the user's? When only the generation has moved, what is remembered is brought up to date.
bool gate::impl::in_force(user& record, std::uint64_t& seen, std::uint64_t now) const {
  if (seen == now) return true;
  auto current = store_.snapshot()->find(record->name);
  if (version_of(current) != record->version) return false;
  record = std::move(current);
  seen = now;
  return true;
}

gate::verdict gate::impl::look_up(const evidence& facts, const credential& shown, memo& remembered, waiter& who) {
  const auto now = generation();
  const auto key = make_key_(shown.token);
  if (auto passed = verified_before(key, now)) {
    counts_.count(telemetry::auth_check::cache);
    remember(remembered, facts, *passed);
    return *std::move(passed);
  }
  if (const auto why = refused_before(key, shown.name, now, facts.arrival)) {
    counts_.count(telemetry::auth_check::negative);
    refuse_later(who, *why, facts.arrival, core::clock::now());
    return pending{};
  }
  return judge(key, facts, shown, who);
}

std::optional<permit> gate::impl::verified_before(const token_key& key, std::uint64_t now) {
  auto* known = verified_.find(key);
  if (!known) return std::nullopt;
  if (in_force(known->record, known->generation, now)) return permit(known->record, known->generation);
  verified_.erase(key);
  return std::nullopt;
}

std::optional<denial> gate::impl::refused_before(const token_key& key, std::string_view name, std::uint64_t now,
                                                 core::clock::time_point arrival) {
  auto* known = refused_.find(key);
  if (!known) return std::nullopt;
  const bool unchanged = known->generation == now || version_of(store_.snapshot()->find(name)) == known->version;
  if (!unchanged || arrival >= known->expires) {
    refused_.erase(key);
    return std::nullopt;
  }
  known->generation = now;
  return known->why;
}

gate::verdict gate::impl::judge(const token_key& key, const evidence& facts, const credential& shown, waiter& who) {
  SALLYPORT_EXPECT(!places_.contains(&who));
  auto at = judgements_.find(key);
  if (at == judgements_.end()) {
    auto fresh = std::make_unique<judgement>();
    fresh->name = shown.name;
    fresh->hopeless = shown.hopeless();
    fresh->against = store_.snapshot()->find(shown.name);
    fresh->source = facts.source;
    fresh->job = ask(key, *fresh, core::secret(shown.password));
    if (!fresh->job) return turned_away(denial::overloaded);
    fresh->asked = core::clock::now();
    at = judgements_.emplace(key, std::move(fresh)).first;
    show_queue();
  }
  auto& waiters = at->second->waiters;
  const auto in = waiters.insert(waiters.end(), {&who, facts.arrival});
  places_.emplace(&who, judged_place{key, at->second.get(), in});
  return pending{};
}

std::shared_ptr<hashing_pool::job> gate::impl::ask(const token_key& key, const judgement& of, core::secret password) {
  auto tell = [self = weak_from_this(), key](users::match verdict, core::secret shown) {
    if (const auto here = self.lock()) here->judged(key, verdict, std::move(shown));
  };
  const auto& hash = of.against && !of.hopeless ? of.against->hash : users::decoy_hash();
  auto job = pool_->submit({on_, of.source, std::move(password), hash, std::move(tell)});
  if (!job) log_.warning("auth_overloaded", {{"source", of.source}});
  return job;
}

void gate::impl::judged(const token_key& key, users::match verdict, core::secret password) {
  const auto at = judgements_.find(key);
  SALLYPORT_EXPECT(at != judgements_.end());
  const auto now = generation();
  const auto current = store_.snapshot()->find(at->second->name);
  auto of = std::move(at->second);
  judgements_.erase(at);
  const auto when = core::clock::now();
  show_queue();
  counts_.observe(telemetry::histogram::hashing, when - of->asked);

  // The hash was of a record that is not the user's any more: whether this password is right for the new one has to be measured.
  if (current && !of->hopeless && version_of(of->against) != current->version) {
    if (of->waiters.empty()) return;
    of->against = current;
    of->job = ask(key, *of, std::move(password));
    if (!of->job) return overload_all(*of);
    judgements_.emplace(key, std::move(of));
    return show_queue();
  }
  const bool right = !of->hopeless && current && verdict != users::match::no;
  if (!right) {
    const auto why = current ? denial::wrong_password : denial::unknown_user;
    for (std::size_t i = 0; i < of->waiters.size(); ++i) counts_.count(telemetry::auth_check::refused);
    refused_.put(key, {version_of(current), now, why, when + refused_ttl});
    return refuse_all(*of, why, when);
  }
  for (std::size_t i = 0; i < of->waiters.size(); ++i) counts_.count(telemetry::auth_check::hashed);
  verified_.put(key, {current, now});
  if (verdict == users::match::yes_outdated) store_.upgrade_hash(current->name, current->version, std::move(password));
  admit_all(*of, permit(current, now));
}

// Each of these tells one waiter at a time: what it does may forget others, or ask anew.
waiter* gate::impl::take_waiter(judgement& of) {
  if (of.waiters.empty()) return nullptr;
  waiter* const who = of.waiters.front().who;
  of.waiters.pop_front();
  places_.erase(who);
  return who;
}

void gate::impl::admit_all(judgement& of, const permit& passed) {
  while (waiter* const who = take_waiter(of)) who->admitted(passed);
}

void gate::impl::show_queue() { counts_.set(telemetry::gauge::hashing_queue, static_cast<std::int64_t>(judgements_.size())); }

void gate::impl::overload_all(judgement& of) {
  while (waiter* const who = take_waiter(of)) who->denied(turned_away(denial::overloaded));
}

void gate::impl::refuse_all(judgement& of, denial why, core::clock::time_point verdict) {
  while (!of.waiters.empty()) {
    const auto arrival = of.waiters.front().arrival;
    refuse_later(*take_waiter(of), why, arrival, verdict);
  }
}

void gate::impl::refuse_later(waiter& who, denial why, core::clock::time_point arrival, core::clock::time_point verdict) {
  SALLYPORT_EXPECT(!places_.contains(&who));
  places_.emplace(&who, refusals_.add({&who, why}, arrival, verdict));
  arm();
}

void gate::impl::arm() {
  const auto next = refusals_.next();
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = next;
  refusal_timer_.expires_at(*next);
  auto due = [self = weak_from_this()](core::error_code failed) {
    if (failed) return;  // replaced by an earlier one, or the gate has gone
    if (const auto here = self.lock()) here->refusals_due();
  };
  refusal_timer_.async_wait(std::move(due));
}

void gate::impl::refusals_due() {
  armed_for_.reset();
  while (const auto next = refusals_.take(core::clock::now())) {
    places_.erase(next->who);
    next->who->denied(next->why);
  }
  arm();
}

void gate::impl::forget(waiter& who) {
  const auto found = places_.find(&who);
  if (found == places_.end()) return;
  const auto at = found->second;
  places_.erase(found);
  if (const auto* refusal = std::get_if<refusal_queue::place>(&at)) {
    refusals_.remove(*refusal);
    if (refusals_.next()) return;
    armed_for_.reset();
    refusal_timer_.cancel();  // it would keep a worker that ends
    return;
  }
  const auto& judged = std::get<judged_place>(at);
  judged.in->waiters.erase(judged.at);
  // A hash that runs already goes on and is remembered: else a client could have the same wrong token hashed again and again.
  if (judged.in->waiters.empty() && judgements_.contains(judged.key) && core::defended("H02b") && pool_->withdraw(judged.in->job)) {
    judgements_.erase(judged.key);
    show_queue();
  }
}

std::variant<permit, denial> gate::impl::admit_certificate(const tls::peer_identity* shown) {
  if (!shown) return turned_away(denial::no_certificate);
  const auto now = generation();  // before the lookup: a change in between is seen by still_good
  auto found = store_.snapshot()->find(shown->common_name);
  if (!found) return turned_away(denial::certificate_user);
  counts_.count(telemetry::auth_check::certificate);
  return permit(std::move(found), now);
}

std::variant<permit, denial> gate::impl::admit_without_token(tokens demanded) {
  if (demanded == tokens::required) return turned_away(denial::missing_token);
  return permit(nullptr, generation());
}

bool gate::impl::still_good(const permit& passed) {
  const auto now = generation();
  if (!passed.user_ || passed.generation_ == now) return true;
  if (last_compared_.record == passed.user_ && last_compared_.generation == now) return last_good_;
  last_compared_ = {passed.user_, now};
  last_good_ = version_of(store_.snapshot()->find(passed.user_->name)) == passed.user_->version;
  return last_good_;
}

}  // namespace sallyport::auth
