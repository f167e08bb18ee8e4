// A session whose script goes wrong: cut at every byte, each of its frames replaced by each of the faults, and twenty thousand random
// changes. Whatever comes in, what is told and written stays within the protocol (busy.hpp). The seeds are fixed.
#include "busy.hpp"
#include "wire.hpp"

#include <random>

namespace sallyport::http2::tests {
namespace {

using script = std::vector<std::string>;  // frame by frame

std::string joined(const script& frames) {
  std::string text;
  for (const auto& f : frames) text += f;
  return text;
}

script server_script() {
  return {
      std::string(client_preface),
      settings({{initial_window_size, 20'000}, {max_concurrent_streams, 0}, {0xfe03, 1}}),
      settings_ack(),
      window_update(0, 1 << 20),
      headers(1, call(), end_stream),
      headers(3, block(call()) + entered("x-entered", "value"), no_flags),
      data(3, "hello"),
      headers(5, call({{"content-length", "12"}})),
      data(5, "hello "),
      padded_data(5, "world!", 20, end_stream),
      raw(headers_frame, padded | priority_flag, 9, "\x02" + number(0, 4) + "\x0f" + block(call()).substr(0, 20) + std::string(2, '\0')),
      continuation(9, block(call()).substr(20, 30)),
      continuation(9, block(call()).substr(50), end_headers),
      window_update(9, 100'000),
      data(9, std::string(1000, 'x')),
      ping(42),
      priority(11, 3),
      headers(13, block(call()) + indexed(first_dynamic), end_stream),
      headers(3, list{{"x", "y"}}, end_stream),
      rst(9),
      headers(15, call()),
      data(15, std::string(10, 'x')),
      settings({{initial_window_size, 65'535}, {header_table_size, 0}}),
      settings_ack(),
      headers(17, list(140, {"cookie", "crumb"}), end_stream),
      window_update(15, 5),
      data(15, ""),
      data_end(15, "bye"),
      goaway(0),
      ping(1, ack)};
}

script client_script() {
  const list head{{":status", "200"}, {"content-type", "application/grpc"}};
  return {settings({{max_concurrent_streams, 7}, {initial_window_size, 10'000}}),
          settings_ack(),
          window_update(0, 1 << 20),
          headers(1, list{{":status", "103"}}),
          headers(1, block(head) + entered("x-entered", "value")),
          data(1, "hello"),
          padded_data(1, "world", 9),
          headers(1, list{{"grpc-status", "0"}}, end_stream),
          window_update(3, 100'000),
          headers(3, block(head) + indexed(first_dynamic), end_stream),
          rst(5, code::refused_stream),
          headers(7, list{{":status", "200"}, {"content-length", "5"}}),
          data_end(7, "12345"),
          raw(headers_frame, no_flags, 9, block(head).substr(0, 8)),
          continuation(9, block(head).substr(8), end_headers),
          data(9, std::string(1000, 'x')),
          data(9, std::string(6, 'x')),
          ping(42),
          settings({{initial_window_size, 65'535}, {header_table_size, 100}}),
          data_end(11, "no head"),
          goaway(11, code::no_error, "bye"),
          rst(13, code::cancel)};
}

// Feeds it in pieces that the seed decides.
template <class Peer>
void feed(Peer& peer, std::string_view text, std::mt19937& random) {
  while (!text.empty()) {
    const auto n = std::min<std::size_t>(text.size(), random() % 3 == 0 ? 1 + random() % 12 : 1 + random() % 4000);
    const auto piece = std::make_unique<std::string>(text.substr(0, n));
    peer.feed(bytes_of(*piece));
    text.remove_prefix(n);
  }
}

// No invariant is broken by it, and what was fed is in the message when one is. Whether the session ended the connection.
template <class Peer>
bool survives(const std::string& text, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  try {
    static buffer_pool pool;
    Peer peer(pool);
    feed(peer, text, random);
    return peer.session().failed();
  } catch (const std::logic_error& broken) {
    std::string hex;
    for (const unsigned char c : text) hex += "0123456789abcdef"[c / 16], hex += "0123456789abcdef"[c % 16];
    BOOST_FAIL(broken.what() << ", seed " << seed << ", fed " << hex);
    return true;
  }
}

struct tally {
  std::size_t sessions = 0, ended = 0;
  void add(bool failed) { ++sessions, ended += failed; }
};

template <class Peer>
tally each_cut(const script& frames) {
  tally seen;
  const auto whole = joined(frames);
  for (std::size_t n = 0; n <= whole.size(); ++n) seen.add(survives<Peer>(whole.substr(0, n)));
  return seen;
}

// A frame with another length, type, flags or id than its payload deserves.
std::string with_header(const std::string& frame, std::size_t length, unsigned type, unsigned flags, std::uint32_t id) {
  return number(length, 3) + number(type, 1) + number(flags, 1) + number(id, 4) + frame.substr(frame_header_bytes);
}

script faults_of(const std::string& frame) {
  const auto length = static_cast<std::size_t>(read_number(frame, 0, 3));
  const auto type = static_cast<unsigned>(read_number(frame, 3, 1)), flags = static_cast<unsigned>(read_number(frame, 4, 1));
  const auto id = static_cast<std::uint32_t>(read_number(frame, 5, 4));
  script all{"",
             frame + frame,
             raw(type, flags, id),
             rst(id),
             goaway(id),
             window_update(id, 0),
             data_end(id),
             headers(id, call(), end_stream),
             std::string(9, '\0')};
  for (unsigned t = 0; t < 12; ++t) all.push_back(with_header(frame, length, t, flags, id));
  for (unsigned f = 0; f < 256; f = f < 16 ? f + 1 : f * 2) all.push_back(with_header(frame, length, type, f, id));
  for (const auto other : {0u, 1u, 2u, id - 2, id + 2, 0x7fffffffu, id | 0x80000000})
    all.push_back(with_header(frame, length, type, flags, other));
  for (const auto other : {std::size_t{0}, length / 2, length + 1, length + 9, std::size_t{16'385}})
    all.push_back(with_header(frame, other, type, flags, id));
  return all;
}

template <class Peer>
tally each_step_replaced(const script& frames, std::size_t from) {
  tally seen;
  for (std::size_t i = from; i < frames.size(); ++i) {
    for (const auto& fault : faults_of(frames[i])) {
      auto changed = frames;
      changed[i] = fault;
      seen.add(survives<Peer>(joined(changed), static_cast<std::uint32_t>(i)));
    }
  }
  return seen;
}

void change(script& frames, std::size_t from, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const auto at = from + below(frames.size() - from);
  auto& frame = frames[at];
  switch (below(8)) {
    case 0: frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 1: frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(at), frames[from + below(frames.size() - from)]); break;
    case 2: std::swap(frame, frames[from + below(frames.size() - from)]); break;
    case 3: {
      const auto choice = faults_of(frame.size() >= frame_header_bytes ? frame : settings_ack());
      frame = choice[below(choice.size())];
      break;
    }
    case 4:
      if (!frame.empty()) frame.insert(below(frame.size()), std::string(1 + below(4), static_cast<char>(random())));
      break;
    case 5:
      if (!frame.empty()) frame.erase(below(frame.size()), 1 + below(4));
      break;
    default:
      if (!frame.empty()) frame[below(frame.size())] = static_cast<char>(random());
  }
}

template <class Peer>
tally random_changes(const script& frames, std::size_t from, std::uint32_t first_seed, std::uint32_t count) {
  tally seen;
  for (auto seed = first_seed; seed < first_seed + count; ++seed) {
    std::mt19937 random(seed);
    auto changed = frames;
    for (auto left = 1 + random() % 4; left > 0 && changed.size() > from; --left) change(changed, from, random);
    seen.add(survives<Peer>(joined(changed), seed));
  }
  return seen;
}

BOOST_AUTO_TEST_SUITE(faults)

BOOST_AUTO_TEST_CASE(the_scripts_are_right_before_anything_is_done_to_them) {
  std::mt19937 random(1);
  buffer_pool pool;
  busy_server server(pool);
  feed(server, joined(server_script()), random);
  BOOST_TEST(!server.session().failed());
  BOOST_TEST(server.session().failure_reason() == "");
  busy_client client(pool);
  feed(client, joined(client_script()), random);
  BOOST_TEST(!client.session().failed());
  BOOST_TEST(client.session().failure_reason() == "");
  BOOST_TEST(client.session().retiring());
}

BOOST_AUTO_TEST_CASE(a_script_may_end_at_any_byte) {
  for (const auto& [name, seen] :
       {std::pair("server", each_cut<busy_server>(server_script())), std::pair("client", each_cut<busy_client>(client_script()))}) {
    BOOST_TEST(seen.sessions > 1000u, name);
    BOOST_TEST(seen.ended == 0u, name);  // half a frame is no fault: the rest may come
  }
}

BOOST_AUTO_TEST_CASE(any_frame_of_it_may_be_wrong) {
  // Not every fault ends the connection, and not every one is forgiven.
  const auto server = each_step_replaced<busy_server>(server_script(), 1);
  BOOST_TEST(server.ended > server.sessions / 4);
  BOOST_TEST(server.ended < server.sessions);
  const auto client = each_step_replaced<busy_client>(client_script(), 0);
  BOOST_TEST(client.ended > client.sessions / 4);
  BOOST_TEST(client.ended < client.sessions);
}

BOOST_AUTO_TEST_CASE(twenty_thousand_random_changes_break_no_invariant) {
  const auto server = random_changes<busy_server>(server_script(), 1, 0, 12'000);
  const auto client = random_changes<busy_client>(client_script(), 0, 100'000, 8'000);
  BOOST_TEST(server.sessions + client.sessions == 20'000u);
  BOOST_TEST(server.ended > 1000u);
  BOOST_TEST(server.ended < 11'000u);
  BOOST_TEST(client.ended > 1000u);
  BOOST_TEST(client.ended < 7'000u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
