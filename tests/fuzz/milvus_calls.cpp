// The users' calls as a client sends them, through milvus::service. Input: which call (a byte: five of gRPC, five of REST), who calls (a
// byte: nobody, a user, root), whether we write gRPC's prefix (a byte), then the body.
//
// Invariants: one answer, at once, and it is gRPC's, Milvus' Status or Milvus' JSON; text is UTF-8; nobody gets anything, a user nothing
// but its own; what gets as far as the store, which is full here and says so, keeps the rules for names and passwords.
#include "target.hpp"

#include <sallyport/milvus/rest.hpp>

#include <milvus/base64.hpp>
#include <milvus/wire.hpp>
#include <support/permit_for_tests.hpp>
#include <support/user_store.hpp>

#include <boost/json/parse.hpp>

#include <array>
#include <optional>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
namespace wire = milvus::wire;

constexpr std::array<std::string_view, 5> rpcs{"CreateCredential", "UpdateCredential", "DeleteCredential", "ListCredUsers", "SelectUser"};
constexpr std::array<std::string_view, 5> actions{"create", "update_password", "drop", "list", "describe"};

// Decoded and written again: an overlong form, a surrogate or a number too high comes back as something else, or not at all.
bool is_utf8(std::string_view text) {
  std::string again;
  for (std::size_t at = 0; at < text.size();) {
    const auto octet = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const std::size_t length = octet(at) < 0x80 ? 1 : octet(at) >> 5 == 6 ? 2 : octet(at) >> 4 == 14 ? 3 : octet(at) >> 3 == 30 ? 4 : 0;
    if (length == 0 || at + length > text.size()) return false;
    std::uint32_t c = length == 1 ? octet(at) : octet(at) & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) c = c << 6 | (octet(at + i) & 0x3f);
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    const auto put = [&](std::uint32_t value) { again += static_cast<char>(value); };
    if (c < 0x80) put(c);
    if (c >= 0x80 && c < 0x800) put(0xc0 | c >> 6);
    if (c >= 0x800 && c < 0x10000) put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f));
    if (c >= 0x10000) put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f));
    if (c >= 0x80) put(0x80 | (c & 0x3f));
    at += length;
  }
  return again == text;
}

bool is_good_name(std::string name) {
  const auto blank = [](char c) { return std::string_view(" \t\n\v\f\r").find(c) != std::string_view::npos; };
  while (!name.empty() && blank(name.front())) name.erase(0, 1);
  while (!name.empty() && blank(name.back())) name.pop_back();
  const auto word = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !name.empty() && name.size() <= 32 && std::isalpha(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), word);
}

bool is_good_password(std::string_view sent) {
  const auto read = milvus::decode_base64(sent);
  const auto* plain = std::get_if<core::secret>(&read);
  return plain && plain->size() >= 6 && plain->size() <= 256;
}

std::string framed(std::string_view message) {
  std::string body(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(message.size() >> shift & 0xff);
  return body.append(message);
}

wire::Status status_in(std::size_t rpc, const std::string& body) {
  wire::Status status;
  wire::ListCredUsersResponse listed;
  wire::SelectUserResponse selected;
  google::protobuf::MessageLite& message = rpc == 3   ? static_cast<google::protobuf::MessageLite&>(listed)
                                           : rpc == 4 ? static_cast<google::protobuf::MessageLite&>(selected)
                                                      : status;
  demand(body.size() >= 5 && body == framed(std::string_view(body).substr(5)), "an answer without its frame");
  demand(message.ParseFromString(body.substr(5)), "an answer that is no message");
  return rpc == 3 ? listed.status() : rpc == 4 ? selected.status() : status;
}

// The messages whose change the store refused for want of room have passed all rules before. Whom a change or a drop names is looked up.
void demand_rules(std::size_t rpc, std::string_view message) {
  wire::CreateCredentialRequest create;
  wire::UpdateCredentialRequest update;
  wire::DeleteCredentialRequest drop;
  const std::string text(message);
  if (rpc == 0)
    demand(create.ParseFromString(text) && is_good_name(create.username()) && is_good_password(create.password()), "a bad new user");
  if (rpc == 1)
    demand(update.ParseFromString(text) && (is_good_password(update.new_password()) ||
                                            (update.has_description() && update.new_password().empty() && update.old_password().empty())),
           "a bad change");
  if (rpc == 2) demand(drop.ParseFromString(text) && !drop.username().empty() && drop.username() != "root", "a bad drop");
}

class house {
 public:
  house() {
    auto full = users_.settings();
    full.change_queue_max = 0;
    users_.close();
    store_ = users::store::open(full, log_).value();
    service_ = std::make_unique<milvus::service>(milvus::settings(), *store_, log_);
  }

  void grpc(std::size_t rpc, std::uint32_t who, std::string_view message, bool prefix) {
    const auto body = prefix ? framed(message) : std::string(message);
    std::optional<milvus::reply> said;
    service_->call("/milvus.proto.milvus.MilvusService/" + std::string(rpcs[rpc]), permit(who), bytes_of(body), [&](milvus::reply r) {
      demand(!said, "two answers");
      said = std::move(r);
    });
    demand(said.has_value(), "no answer");
    demand(is_utf8(said->grpc_message), "words that are not UTF-8");
    if (said->grpc_status) {
      demand(said->body.empty() && !said->grpc_message.empty(), "a refusal with a message, or without words");
      if (said->grpc_status == 14) demand_rules(rpc, std::string_view(body).substr(5));
      return;
    }
    const auto status = status_in(rpc, said->body);
    demand(is_utf8(status.reason()) && is_utf8(status.detail()), "a reason that is not UTF-8");
    demand(who != 0, "an answer to nobody");
    if (status.error_code() == 0)
      demand(rpc >= 3 && (who == 2 || rpc == 4), "a change that the store has not made, or a list for everybody");
  }

  void rest(std::size_t action, std::uint32_t who, core::bytes body) {
    std::optional<milvus::rest_reply> said;
    service_->rest("/v2/vectordb/users/" + std::string(actions[action]), permit(who), body, [&](milvus::rest_reply r) {
      demand(!said, "two answers");
      said = std::move(r);
    });
    demand(said.has_value(), "no answer");
    core::error_code ec;
    const auto parsed = boost::json::parse(said->body, ec);
    demand(!ec && parsed.is_object() && is_utf8(said->body), "an answer that is no JSON");
    const auto code = parsed.as_object().at("code").as_int64();
    demand(code == 0 || parsed.as_object().contains("message"), "a refusal without words");
    demand(who != 0 || (said->status == 401 && code == 1800), "an answer to nobody");
    if (code == 0) demand(action >= 3 && (who == 2 || action == 4), "a change that the store has not made, or a list for everybody");
  }

 private:
  static auth::permit permit(std::uint32_t who) {
    return who == 0 ? auth::permit_for_tests::nobody() : auth::permit_for_tests::named(who == 1 ? "alice" : "root");
  }

  users::user_store users_;  // whose folder is ours now
  telemetry::logger log_{users::quiet()};
  std::unique_ptr<users::store> store_;
  std::unique_ptr<milvus::service> service_;
};

void check(core::bytes input) {
  source from(input);
  const auto which = from.number(1) % 10, who = from.number(1) % 3, prefix = from.number(1);
  const auto body = from.rest();
  demand(milvus::is_utf8(text_of(body)) == is_utf8(text_of(body)), "UTF-8 or not");
  static house at;
  if (which < rpcs.size())
    at.grpc(which, who, text_of(body), prefix & 1);
  else
    at.rest(which - rpcs.size(), who, body);
}

}  // namespace

SALLYPORT_FUZZ_TARGET(milvus_calls, check)
