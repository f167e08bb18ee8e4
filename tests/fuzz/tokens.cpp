// The authorization field as a stranger may fill it. Input: a byte (bit 0: REST; bits 1 and 2: how many fields the head had, 3 for none),
// then its value.
//
// Invariants: base64 is what Go's StdEncoding reads, in both rooms that read it; a value is turned away for the reason that the rules give,
// or it is judged, and then by the very name and password that they give, against the record of that user and of nobody else.
#include "target.hpp"

#include <sallyport/auth/gate.hpp>

#include <auth/base64.hpp>
#include <auth/hashing_pool.hpp>
#include <milvus/base64.hpp>
#include <support/user_store.hpp>

#include <boost/asio/executor_work_guard.hpp>

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using auth::denial;

constexpr std::size_t token_max_bytes = 1024;

// Go's StdEncoding, told by RFC 4648 4: quanta of four, one or two `=` at the very end. CR and LF are gone already.
std::optional<std::string> decoded(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4) return std::nullopt;
  std::string plain;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    auto quantum = text.substr(at, 4);
    const bool last = at + 4 == text.size();
    while (last && quantum.size() > 2 && quantum.back() == '=') quantum.remove_suffix(1);
    std::uint32_t bits = 0;
    for (const char c : quantum) {
      const auto value = alphabet.find(c);
      if (value == alphabet.npos) return std::nullopt;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    bits <<= 6 * (4 - quantum.size());
    for (std::size_t i = 0; i + 1 < quantum.size(); ++i) plain += static_cast<char>(bits >> (16 - 8 * i));
  }
  return plain;
}

void check_base64(std::string_view text) {
  const auto expected = decoded(text);
  std::vector<char> room(text.size() / 4 * 3);
  const auto of_auth = auth::decode_base64(text, room);
  demand(of_auth.has_value() == expected.has_value() && (!expected || *of_auth == *expected), "another token");

  std::string without(text);
  std::erase_if(without, [](char c) { return c == '\r' || c == '\n'; });
  const auto as_go = decoded(without);
  const auto of_milvus = milvus::decode_base64(text);
  const auto* plain = std::get_if<core::secret>(&of_milvus);
  demand((plain != nullptr) == as_go.has_value() && (!plain || plain->reveal() == *as_go), "another password");
  if (!plain) demand(std::get<milvus::base64_fault>(of_milvus).at <= text.size(), "a fault beyond the text");
}

struct credential {
  std::string name, password;
};
using expectation = std::variant<denial, credential>;

bool is_basic(std::string_view value) {
  constexpr std::string_view scheme = "basic ";
  return value.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), value.begin(),
                                                     [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

expectation expected_of(const auth::evidence& facts) {
  const auto value = facts.authorization;
  const bool rest = facts.spoken == auth::form::rest;
  if (facts.authorization_fields == 0) return denial::missing_token;
  if (facts.authorization_fields > 1) return denial::several_tokens;
  if ((!rest || is_basic(value)) && value.find(',') != value.npos) return denial::several_tokens;
  if (value.size() > token_max_bytes) return denial::token_too_long;
  std::string token(value.substr(rest && value.starts_with("Bearer ") ? 7 : 0));
  if (!rest || is_basic(value)) {
    const auto said = decoded(value.substr(rest ? 6 : 0));
    if (!rest && !said) return denial::invalid_token;
    if (said && (!rest || said->find(':') != said->npos)) token = *said;
  }
  const auto colon = token.find(':');
  if (colon == token.npos) return denial::api_key_unknown;
  return credential{token.substr(0, colon), token.substr(colon + 1)};
}

struct nobody_waits final : auth::waiter {
  void admitted(auth::permit) override { demand(false, "a stranger was admitted"); }
  void denied(denial) override { demand(false, "told at once"); }
};

// One door for all inputs: the gate is new for each, so that it has no memory. What is to be hashed is caught, and told to be wrong.
class house {
 public:
  void check(const auth::evidence& facts) {
    auth::gate gate(loop_.get_executor(), settings_, *users_, pool_, users_.log(), shard_);
    auth::memo fresh;
    nobody_waits who;
    const auto expected = expected_of(facts);
    const auto verdict = gate.admit(facts, fresh, who);
    if (const auto* why = std::get_if<denial>(&expected)) {
      demand(std::holds_alternative<denial>(verdict) && std::get<denial>(verdict) == *why, "turned away for another reason, or not");
      return;
    }
    demand(std::holds_alternative<auth::gate::pending>(verdict), "a verdict before a hash");
    const auto [password, hash] = caught();
    const auto& shown = std::get<credential>(expected);
    const auto record = users_.find(shown.name);
    const bool hopeless = shown.name.empty() || shown.password.empty();
    demand(password == shown.password, "another password is judged");
    demand(hash == (record && !hopeless ? record->hash : users::decoy_hash()), "judged against another record");
    gate.forget(who);
    loop_.poll();
  }

 private:
  using asked = std::pair<std::string, std::string>;
  asked caught() {
    std::unique_lock held(mutex_);
    demand(moved_.wait_for(held, std::chrono::seconds(30), [this] { return asked_.has_value(); }), "nothing was hashed");
    auto what = std::move(*asked_);
    asked_.reset();
    return what;
  }
  users::match note(std::string_view password, std::string_view hash) {
    const std::lock_guard held(mutex_);
    asked_.emplace(password, hash);
    moved_.notify_all();
    return users::match::no;
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  std::optional<asked> asked_;
  users::user_store users_;
  telemetry::metrics metrics_{{"0", "0", {}, {}}};
  telemetry::shard& shard_ = metrics_.make_shard();
  core::asio::io_context loop_{1};
  core::asio::executor_work_guard<core::executor> work_{loop_.get_executor()};
  const auth::settings settings_;
  std::shared_ptr<auth::hashing_pool> pool_ = std::make_shared<auth::hashing_pool>(
      settings_, [this](std::string_view password, std::string_view hash) { return note(password, hash); });
};

void check(core::bytes input) {
  source from(input);
  const auto how = from.number(1);
  const auto value = text_of(from.rest());
  check_base64(value);
  auth::evidence facts;
  facts.spoken = how & 1 ? auth::form::rest : auth::form::grpc;
  facts.authorization = value;
  facts.authorization_fields = (how >> 1 & 3) == 3 ? 0 : 1 + (how >> 1 & 3);
  facts.arrival = core::clock::now();
  static house door;
  door.check(facts);
}

}  // namespace

SALLYPORT_FUZZ_TARGET(tokens, check)
