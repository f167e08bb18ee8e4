// The windows of RFC 9113 5.2 by a model of the peer: hundreds of random sessions in which windows open, shrink and close. No byte is sent
// that was not granted, none is lost, and the order within a stream is kept.
#include "wire.hpp"

#include <sallyport/http2/session.hpp>

#include <map>
#include <random>

namespace sallyport::http2::tests {
namespace {

// What the peer has granted, and what it got.
struct model {
  std::int64_t connection = 65'535, initial = 65'535;
  struct one {
    std::int64_t window;
    std::string given, got;  // into the session, out of it
    std::size_t taken = 0, sent = 0;
    bool ending = false, ended = false, trailers = false, saw_trailers = false;
  };
  std::map<std::uint32_t, one> streams;

  void read(core::bytes out) {
    std::vector<seen_frame> frames;
    BOOST_REQUIRE(split({reinterpret_cast<const char*>(out.data()), out.size()}, frames));
    for (const auto& f : frames) {
      if (f.type != data_frame && f.type != headers_frame) continue;
      auto& s = streams.at(f.id);
      BOOST_REQUIRE(!s.ended);
      s.ended = (f.flags & end_stream) != 0;
      if (f.type == headers_frame) {
        s.saw_trailers = s.ended;
        continue;
      }
      const auto n = static_cast<std::int64_t>(f.payload.size());
      if (n > 0) BOOST_REQUIRE(s.window >= n);
      BOOST_REQUIRE(connection >= n);
      s.window -= n;
      connection -= n;
      s.got += f.payload;
    }
  }
};

// The games below are floods as well, to a session that minds.
limits patient() {
  limits l;
  l.settings = l.window_updates = 1'000'000;
  return l;
}

class random_session final : public server_events {
 public:
  explicit random_session(std::uint32_t seed) : random_(seed) {
    feed(std::string(client_preface) + settings() + settings_ack());
    flush();
    for (std::uint32_t id = 1; id < 12; id += 2) {
      feed(request(id, end_stream));
      session_.send_head(find(id), head_, false);
      model_.streams[id] = {model_.initial, "", ""};
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    // In the end everything is granted, and everything has come.
    for (auto& [id, s] : model_.streams)
      if (!s.ending) send(id, s, 100, true);
    for (int i = 0; i < 1000 && session_.open_streams() > 0; ++i) {
      for (auto& [id, s] : model_.streams)
        if (!s.ended) widen(id, s, 100'000);
      widen_connection(200'000);
      flush();
    }
    BOOST_REQUIRE(session_.open_streams() == 0u);
    BOOST_REQUIRE(!session_.failed());
    for (const auto& [id, s] : model_.streams) {
      BOOST_REQUIRE(s.ended);
      BOOST_REQUIRE(s.got == s.given);
      BOOST_REQUIRE(s.saw_trailers == s.trailers);
      BOOST_REQUIRE(s.taken + s.sent == s.given.size());
    }
  }

  void request_started(stream& on, const request_head&, bool) override { on.owner = this; }
  void data(stream&, core::bytes, bool) override {}
  void sent(stream& on, std::size_t bytes) override { model_.streams.at(on.id).sent += bytes; }
  void closed(stream&, code, bool) override { BOOST_FAIL("nobody closes a stream here"); }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  void feed(const std::string& text) { session_.receive(bytes_of(text), now_); }
  stream& find(std::uint32_t id) {
    stream* found = nullptr;
    session_.for_each_stream([&](stream& s) { found = s.id == id ? &s : found; });
    BOOST_REQUIRE(found);
    return *found;
  }
  void flush() {
    while (session_.has_output()) {
      const auto out = session_.output();
      if (out.empty()) return;
      model_.read(out);
      session_.output_taken();
    }
  }
  void send(std::uint32_t id, model::one& s, std::size_t size, bool end) {
    std::string text(size, '\0');
    for (auto& c : text) c = static_cast<char>(random_());
    s.given += text;
    s.ending = end;
    s.taken += session_.send_data(find(id), bytes_of(text), end);
  }
  void widen(std::uint32_t id, model::one& s, std::uint32_t by) {
    if (s.window + by > window_max) return;
    s.window += by;
    feed(window_update(id, by));
  }
  void widen_connection(std::uint32_t by) {
    if (model_.connection + by > window_max) return;
    model_.connection += by;
    feed(window_update(0, by));
  }
  void step() {
    auto at = model_.streams.begin();
    std::advance(at, below(model_.streams.size()));
    auto& [id, s] = *at;
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        if (!s.ending) send(id, s, below(40'000), below(40) == 0);
        return;
      case 3: return flush();
      case 4:
        if (!s.ended) widen(id, s, static_cast<std::uint32_t>(1 + below(30'000)));
        return;
      case 5: return widen_connection(static_cast<std::uint32_t>(1 + below(60'000)));
      case 6: {
        if (below(3)) return;
        flush();  // SETTINGS hold for what is sent after their acknowledgement
        const auto to = static_cast<std::int64_t>(below(5) ? below(100'000) : 0);
        for (auto& [other, one] : model_.streams)
          if (!one.ended) one.window += to - model_.initial;
        model_.initial = to;
        return feed(settings({{initial_window_size, static_cast<std::uint32_t>(to)}}));
      }
      default:
        if (s.ending || below(30)) return;
        s.ending = s.trailers = true;
        session_.send_trailers(find(id), trailers_);
    }
  }

  std::mt19937 random_;
  model model_;
  const std::vector<field> head_{make_field(known::status, ":status", "200")},
      trailers_{make_field(known::grpc_status, "grpc-status", "0")};
  buffer_pool pool_;
  decoded_block scratch_;
  time_point now_ = core::clock::now();
  server_session session_{patient(), pool_, scratch_, *this, now_};
};

BOOST_AUTO_TEST_SUITE(windows)

BOOST_AUTO_TEST_CASE(no_byte_is_sent_that_was_not_granted_and_none_is_lost) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) BOOST_TEST_CONTEXT("seed " << seed) random_session(seed).run(400);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::http2::tests
