// Random valid conversations: what clients ask and how a backend answers (the plan, all of it from one seed), what each end saw (the
// record), and what each must have seen (the model, in conversations_model.cpp). The ends are in conversations_ends.hpp, the product
// between them in conversations_house.cpp. Nothing of the product is used here: what is tested must not be its own judge.
#pragma once

#include "support/dice.hpp"
#include "support/hpack_text.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::proxy::conversations {

using support::dice;
using support::header;
using support::headers;

// ---- the plan

// How freely an end gives credit, reads and writes.
struct habits {
  enum class credit { at_once, late, small_steps } gives = credit::at_once;
  std::size_t step = 65'535;       // of the small steps
  unsigned lazy = 0;               // per cent of its turns in which it does not read
  std::size_t write_most = 0;      // bytes a turn; 0: all there is
  std::optional<std::size_t> cut;  // a turn ends behind so many bytes of all
};

using setting = std::pair<std::uint16_t, std::uint32_t>;

enum class fate {
  passes,
  answered_here,   // grpc.health.v1
  wrong_password,  // each of these is refused, and nothing of it reaches the backend
  no_token,
  bad_token,
  bad_path,
  wrong_type,
  not_served,
  too_large,
};

struct answer_plan {
  enum class when { at_head, in_body, at_end } begins = when::at_end;
  std::size_t after = 0;  // bytes of the request, in_body
  unsigned interim = 0;
  enum class how { whole, head_alone, without_trailers, reset, refuse_once, refuse } ends = how::whole;
  std::optional<std::size_t> reset_after;  // bytes of the body; nothing: before the head
  std::uint32_t code = 0;                  // of the reset
  headers head, head_passed;               // what is sent, and what of it the client gets
  headers trailers;
  std::string body;
  std::size_t frame_most = 16'384;
  unsigned padded = 0, empty = 0;  // per cent of the frames
};

struct request_plan {
  fate kind = fate::passes;
  bool rest = false;
  headers head, forwarded;
  std::string body;
  enum class end { with_head, with_data, alone, with_trailers, never } ends = end::with_data;
  headers trailers;
  std::size_t frame_most = 16'384;
  unsigned padded = 0, empty = 0;
  std::optional<std::size_t> reset_at_step, reset_at_bytes;  // of its own frames; of the answer
  bool stubborn = false;                                     // goes on uploading when the answer is whole, until it is told to stop
  answer_plan answer;
};

struct client_plan {
  std::uint64_t seed = 0;
  habits manners;
  std::vector<setting> first;               // its first SETTINGS
  std::vector<std::vector<setting>> later;  // each at a random moment
  unsigned pings = 0, unknown = 0, priorities = 0;
  bool counts_to_zero = false;                // sees at the end that every octet was credited
  std::optional<std::size_t> hangs_up_after;  // of its turns
  bool all_at_once = false;                   // writes its whole script before it reads
  std::vector<request_plan> requests;
};

// One connection to the backend; the last one of the plan is what all others are like.
struct serving_plan {
  std::uint64_t seed = 0;
  habits manners;
  std::vector<setting> first;
  std::vector<std::vector<setting>> later;
  unsigned pings = 0, unknown = 0;
  std::uint32_t streams = 1'000;  // its MAX_CONCURRENT_STREAMS
  enum class end { none, orderly, abrupt } dies = end::none;
  unsigned says_goodbye = 0;  // 1: GOAWAY; 2: in two steps
  std::size_t after = 0;      // so many requests
};

struct conversation {
  std::uint64_t seed = 0;
  std::vector<client_plan> clients;
  std::vector<serving_plan> backend;
  bool rest = false, forwards_credential = false;
  bool calm() const {
    for (const auto& b : backend)
      if (b.dies != serving_plan::end::none || b.says_goodbye) return false;
    return true;
  }
};

// How a conversation is drawn.
struct taste {
  std::size_t clients = 3, streams = 40, body = 100'000;
  bool weather = true;    // the backend's connections die and say goodbye
  bool resets = true;     // clients give up, backends reset
  bool in_order = false;  // what timing could change is left out: for the same bytes cut otherwise
};
conversation draw(std::uint64_t seed, const taste& of = {});

// ---- the record

struct seen_answer {
  std::vector<headers> interim;
  headers head, trailers;
  std::string body;
  bool has_head = false, has_trailers = false, ended = false;
  std::optional<std::uint32_t> reset;
  // What the client did.
  bool opened = false, sent_end = false, gave_up = false, hung_up = false;
};

struct attempt {  // one time that a request reached a backend
  std::size_t connection = 0;
  std::uint32_t id = 0;
  headers head;
  std::string body;
  bool ended = false;
  std::optional<std::uint32_t> reset;
  // What the backend did.
  unsigned interim = 0;
  bool has_head = false, finished = false;
  std::size_t sent = 0, sent_whole = 0;  // of the body: with the last frame, when that was cut off; without
  std::optional<std::uint32_t> has_reset;
  bool disowned = false;  // above the last id of a GOAWAY
  enum class death { none, orderly, abrupt } died = death::none;
};

struct record {
  std::vector<std::vector<seen_answer>> seen;              // client, request
  std::vector<std::vector<std::vector<attempt>>> reached;  // likewise
};

// What is wrong with it; empty: nothing.
std::string judge(const conversation& plan, const record& what);
// What both ends saw of one client's requests, without what timing may change: equal for the same octets, however they were cut.
std::string outcome(const conversation& plan, const record& what, std::size_t client = 0);
// So many clients that write the same, but for their number in the paths.
void multiply(conversation& plan, std::size_t clients);

// ---- the product between the two ends

// Holds the conversation and tells what happened; throws what an end found wrong. The users' store and the hashing threads are shared by
// all.
record hold(const conversation& plan);
// Of the last one: octets that the first client, and the backend's first connection, wrote.
struct lengths {
  std::size_t client = 0, backend = 0;
};
lengths last_lengths();

// The users that there are, and the passwords; the hash of `slow` takes a while.
struct known_user {
  const char *name, *password;
};
inline constexpr known_user users[] = {{"warm", "warm-password"}, {"other", "other-password"}, {"slow", "slow-password"}};
std::string token_of(const std::string& user, const std::string& password);

}  // namespace sallyport::proxy::conversations
