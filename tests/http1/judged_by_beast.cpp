// Boost.Beast's parser as the judge: whatever we accept, it accepts, and reads the same out of it, up to the same byte. It is more lenient
// than we are, so the other direction holds for valid messages alone.
#include "beast_judge.hpp"
#include "messages.hpp"
#include "rooms.hpp"

namespace sallyport::http1::tests {
namespace {

constexpr std::uint32_t seed = 20'261'125;
constexpr int rounds = 6'000;

// The messages that were whole, fed byte by byte so that we know where.
std::vector<message> accepted_requests(const std::string& text, bool& failed) {
  std::vector<message> all;
  message now;
  std::size_t at = 0;
  server_room r;
  const list ok{{":status", "200"}};
  const auto whole = [&] {
    now.end = at;
    all.push_back(std::exchange(now, {}));
    r.head(ok, true);
  };
  r.when_started = [&](const request_head& h, bool end) {
    now.first = h.method;
    now.second = h.path;
    read_ours(*h.fields, now);
    if (end) whole();
  };
  r.when_data = [&](core::bytes payload, bool end) {
    now.body.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (end) whole();
  };
  for (; at < text.size() && !r.session.closing();) r.feed(std::string_view(text).substr(at++, 1));
  (void)r.output();
  failed = r.session.failed();
  return all;
}

void compare_requests(const std::string& text, const std::vector<message>& ours) {
  std::size_t at = 0;
  for (const auto& mine : ours) {
    if (std::string_view(text).substr(at).starts_with("\r\n")) at += 2;  // the empty line that is borne
    beast::request_parser<beast::string_body> parser;
    std::size_t taken = 0;
    std::string why;
    message other;
    const bool accepted = judge(std::string_view(text).substr(at), parser, taken, why, other);
    BOOST_TEST(accepted, "the judge says: " << why);
    if (!accepted) return;
    at += taken;
    const auto& theirs = parser.get();
    other.first = std::string(theirs.method_string());
    other.second = std::string(theirs.target());
    const std::string prefix = "https://" + std::string(theirs[beast::field::host]);
    if (lower(other.second).starts_with("https://")) other.second.erase(0, prefix.size());
    other.body = theirs.body();
    other.end = at;
    BOOST_TEST(shown(mine) == shown(other));
  }
}

BOOST_AUTO_TEST_SUITE(judged_by_beast)

BOOST_AUTO_TEST_CASE(a_request_that_we_accept_is_the_same_to_another_parser) {
  message_maker make(seed);
  int valid = 0, changed_and_accepted = 0, changed_and_refused = 0;
  for (int round = 0; round < rounds; ++round) BOOST_TEST_CONTEXT("seed " << seed << ", round " << round) {
      const bool change = round % 3 != 0;
      auto text = make.request();
      if (change) text = make.changed(text);
      text += make.request();  // behind it, to see where the first one ends
      BOOST_TEST_CONTEXT(text) {
        bool failed = false;
        const auto ours = accepted_requests(text, failed);
        compare_requests(text, ours);
        if (change) {
          ++(ours.empty() || failed ? changed_and_refused : changed_and_accepted);
          continue;
        }
        BOOST_TEST(!failed);
        BOOST_TEST(!ours.empty());
        ++valid;
      }
    }
  // The changes are neither all harmless nor all deadly.
  BOOST_TEST(valid == rounds / 3);
  BOOST_TEST(changed_and_accepted > rounds / 10);
  BOOST_TEST(changed_and_refused > rounds / 10);
}

BOOST_AUTO_TEST_CASE(an_answer_that_we_accept_is_the_same_to_another_parser) {
  message_maker make(seed + 1);
  const list get{{":method", "GET"}, {":path", "/"}, {":authority", "h"}};
  int accepted = 0, refused = 0;
  for (int round = 0; round < rounds; ++round) BOOST_TEST_CONTEXT("seed " << seed + 1 << ", round " << round) {
      const bool change = round % 3 != 0;
      auto text = make.response();
      if (change) text = make.changed(text);
      BOOST_TEST_CONTEXT(text) {
        client_room r;
        message mine;
        bool whole = false;
        r.when_response = [&](const response_head& h, bool end) {
          mine.second = std::to_string(h.status);
          read_ours(*h.fields, mine);
          whole = end;
        };
        r.when_data = [&](core::bytes payload, bool end) {
          mine.body.append(reinterpret_cast<const char*>(payload.data()), payload.size());
          whole = end;
        };
        r.ask(get);
        r.feed(text);
        r.session.peer_closed();
        if (!change) BOOST_TEST(!r.session.failed());
        ++(r.session.failed() || !whole ? refused : accepted);
        if (r.session.failed() || !whole) continue;
        beast::response_parser<beast::string_body> parser;
        std::size_t taken = 0;
        std::string why;
        message other;
        bool judged = judge(text, parser, taken, why, other);
        if (!judged && why == "needs more" && parser.need_eof()) {
          boost::system::error_code ec;
          parser.put_eof(ec);
          judged = !ec;
        }
        BOOST_TEST(judged, "the judge says: " << why);
        if (!judged) continue;
        other.second = std::to_string(parser.get().result_int());
        std::erase_if(mine.fields, [](const auto& f) { return f.first == "host" || f.first == "expect"; });
        other.body = parser.get().body();
        BOOST_TEST(shown(mine) == shown(other));
        BOOST_TEST(taken == text.size());
      }
    }
  BOOST_TEST(accepted > rounds / 3);
  BOOST_TEST(refused > rounds / 10);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http1::tests
