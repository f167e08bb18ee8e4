// Door 2. Facts come in as plain values, a permit or a denial comes out; only this gate can make a permit, and what forwards takes one as a
// parameter.
//
// One gate per worker, used on its thread only, and gone before the worker's io_context; the hashing pool behind it is shared by all
// workers. A verdict is given in the same turn from the connection's memo or from the worker's verified-token cache; else the waiter is
// parked and told later on the same thread. A waiter that goes away first must call `forget`; nothing is told after that, nor after the
// gate has gone. Bounded: the hash queue, the cache, the tokens (1 KiB); never waits for a store.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/telemetry/log.hpp>
#include <sallyport/telemetry/metrics.hpp>
#include <sallyport/tls/identity.hpp>
#include <sallyport/users/store.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace sallyport::auth {

enum class tokens { required, none };

// How a token is written in the authorization field. grpc: base64(user:password), and nothing else. rest, as the REST of Milvus
// 2.3.5 takes it: `Basic` in any case and base64, `Bearer user:password` or `user:password` in plain text. basic: of a
// Proxy-Authorization field (RFC 7617): `Basic` in any case and base64, and nothing else.
enum class form { grpc, rest, basic };

struct settings {
  std::chrono::milliseconds refusal_floor{
      50};  // auth.refusal_floor: refusals of well-formed tokens leave at this time after arrival, or at its next multiple
  std::uint32_t hash_threads = 1;       // auth.hash_threads
  std::uint32_t hash_queue_max = 1024;  // auth.hash_queue: more distinct unjudged tokens than this are refused as temporary
  std::uint32_t cache_max = 100'000;    // auth.cache: verified tokens a worker
};

// Why a request may not pass. Texts and codes for the client: denial_text, grpc_status_of. Reasons for the log: name_of.
enum class denial {
  missing_token,    // no authorization field: "missing authorization in header"
  invalid_token,    // not base64: "invalid token format"
  several_tokens,   // more than one field, or a comma in it: as invalid_token to the client
  token_too_long,   // over 1 KiB, not decoded: as invalid_token to the client
  api_key_unknown,  // no colon, or empty: "auth check failure, please check api key is correct"
  unknown_user,     // both the same to the client: "auth check failure, please check username and password are correct"
  wrong_password,
  overloaded,  // the hash queue is full: UNAVAILABLE, temporary
  revoked,     // the user was dropped or changed while the request was under way
  // Of admit_certificate; the client learns nothing but the end of its connection.
  no_certificate,    // none was shown
  certificate_user,  // its name is no user's
};
std::string_view name_of(denial why);           // snake_case, for the log
std::string_view denial_text(denial why);       // fixed strings for the client, those of Milvus 2.3.5 where it has one
std::uint32_t grpc_status_of(denial why);       // total: 16, or 14 for what is temporary
bool is_basic(std::string_view authorization);  // the scheme is Basic, in any case: a refusal of it says how to log in (RFC 7617 2)

// Proof that door 2 let a request pass. Copyable, cheap; made by the gate alone.
class permit {
 public:
  // Empty on a listener with tokens: none.
  const std::shared_ptr<const users::record>& user() const { return user_; }
  std::string_view user_name() const { return user_ ? std::string_view(user_->name) : std::string_view(); }
  bool administrator() const;  // root, or role admin
  std::uint64_t generation() const { return generation_; }

 private:
  friend class gate;
  friend struct permit_for_tests;  // tests/support mints permits for rooms that take one
  permit(std::shared_ptr<const users::record> user, std::uint64_t generation) : user_(std::move(user)), generation_(generation) {}
  std::shared_ptr<const users::record> user_;
  std::uint64_t generation_ = 0;
};

// What is known of a request when its head is whole. Views live for the length of the call.
struct evidence {
  tokens demanded = tokens::required;  // of the listener; none: a permit without a user, whatever was sent
  form spoken = form::grpc;
  const tls::peer_identity* certificate = nullptr;  // nullptr: none was shown
  std::string_view authorization;                   // the value of the one field
  std::uint32_t authorization_fields = 0;           // how many the head had
  std::string_view source;                          // whom the hash queue is fair to: the client's address; empty: nobody in particular
  core::clock::time_point arrival;
};

// Told once, on the worker's thread, unless forgotten before.
class waiter {
 public:
  virtual void admitted(permit passed) = 0;
  virtual void denied(denial why) = 0;

 protected:
  ~waiter() = default;
};

// A connection's own memory of its last token: the exact bytes, wiped when they change or go, and the permit they were worth. Not an
// authentication state of the connection: each request is judged by its own bytes.
class memo {
 public:
  memo() = default;
  memo(const memo&) = delete;
  memo& operator=(const memo&) = delete;
  ~memo();

 private:
  friend class gate;
  std::string value_;
  form spoken_ = form::grpc;  // the same bytes may be a token in one form and none in the other
  std::optional<permit> passed_;
};

class hashing_pool;  // threads that verify passwords; one for the process
std::shared_ptr<hashing_pool> make_hashing_pool(const settings& s);

class gate {
 public:
  struct pending {};
  using verdict = std::variant<permit, denial, pending>;

  gate(core::executor on, const settings& s, users::store& store, std::shared_ptr<hashing_pool> pool, telemetry::logger& log,
       telemetry::shard& counts);
  ~gate();
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  // permit or denial at once, or pending: `who` is told later, never from within this call. A denial of a well-formed token is never given
  // at once: it leaves at the refusal floor. (overloaded is: it says nothing about the token.)
  verdict admit(const evidence& facts, memo& remembered, waiter& who);
  void forget(waiter& who);

  // certificate_user: required. A certificate that door 1 has verified, and whose common name is a user's, byte for byte, is what that
  // user's password would be; for clients whose protocol has no room for one. Nobody waits: nothing is hashed.
  std::variant<permit, denial> admit_certificate(const tls::peer_identity* shown);
  // For bytes, which have no place for a token at all: nobody passes where one is demanded.
  std::variant<permit, denial> admit_without_token(tokens demanded);

  // Is this permit still good for a stream that is open? False once its user was dropped or its credential or roles changed. Cheap when
  // nothing changed.
  bool still_good(const permit& passed) const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;  // verdicts and timers under way hold it weakly
};

}  // namespace sallyport::auth
