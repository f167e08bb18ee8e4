// Draws a conversation: everything that RFC 9113 and gRPC allow, within the limits that the product sets
// (include/sallyport/http2/limits.hpp).
#include "conversations.hpp"

#include "support/base64.hpp"
#include "support/h2_wire.hpp"

#include <algorithm>

namespace sallyport::proxy::conversations {
namespace {

namespace h2 = support::h2;

using support::base64;

class painter {
 public:
  painter(std::uint64_t seed, const taste& of) : chance_(seed), taste_(of) { made_.seed = seed; }

  conversation draw() {
    made_.rest = chance_.percent(50);
    made_.forwards_credential = chance_.percent(30);
    stormy_ = taste_.weather && chance_.percent(40);
    const auto clients = chance_.between(1, taste_.clients);
    for (std::size_t i = 0; i < clients; ++i) made_.clients.push_back(client(i));
    // What is like the last one comes back: it must live.
    const auto connections = stormy_ ? chance_.between(1, 3) : 0;
    for (std::size_t i = 0; i < connections; ++i) made_.backend.push_back(serving(true));
    made_.backend.push_back(serving(false));
    return std::move(made_);
  }

 private:
  // ---- ends

  habits manners() {
    habits made;
    if (taste_.in_order) return made;
    made.gives = chance_.one_of({habits::credit::at_once, habits::credit::at_once, habits::credit::late, habits::credit::small_steps});
    made.step = chance_.one_of<std::size_t>({200, 1'000, 5'000, 16'384, 40'000, 70'000});
    made.lazy = static_cast<unsigned>(chance_.one_of<std::size_t>({0, 0, 20, 80}));
    if (chance_.percent(40)) made.write_most = chance_.between(500, 20'000);
    return made;
  }
  std::uint32_t window(bool may_be_small) {
    if (!may_be_small || taste_.in_order) return static_cast<std::uint32_t>(chance_.one_of<std::size_t>({65'535, 200'000, 4'194'304}));
    return static_cast<std::uint32_t>(chance_.one_of<std::size_t>({0, 1, 100, 5'000, 65'535, 65'535, 1'048'576}));
  }
  std::vector<setting> settings(bool first, bool from_client) {
    std::vector<setting> made;
    if (chance_.percent(first ? 60 : 80)) made.emplace_back(4, window(true));
    if (chance_.percent(50)) made.emplace_back(1, static_cast<std::uint32_t>(chance_.one_of<std::size_t>({0, 64, 500, 4'096, 65'536})));
    if (chance_.percent(20)) made.emplace_back(5, static_cast<std::uint32_t>(chance_.between(16'384, 0xffffff)));
    if (chance_.percent(20)) made.emplace_back(0xfe03, 1);  // grpc-core's
    if (chance_.percent(20)) made.emplace_back(6, 16'384);
    if (from_client && first && chance_.percent(30)) made.emplace_back(2, 0);
    if (from_client && first && chance_.percent(30)) made.emplace_back(3, 0);
    return made;
  }
  serving_plan serving(bool ends) {
    serving_plan made;
    made.seed = chance_.seed();
    made.manners = manners();
    made.first = settings(true, false);
    if (chance_.percent(40)) {
      made.streams = static_cast<std::uint32_t>(chance_.one_of<std::size_t>({1, 3, 10, 100, 200}));
      made.first.emplace_back(3, made.streams);
    }
    if (!taste_.in_order)
      for (auto n = chance_.below(5); n > 0; --n) made.later.push_back(settings(false, false));
    made.pings = static_cast<unsigned>(chance_.below(10));
    made.unknown = static_cast<unsigned>(chance_.below(10));
    if (!ends) return made;
    made.after = chance_.between(1, 20);
    const auto kind = chance_.below(4);
    if (kind == 0) made.dies = serving_plan::end::orderly;
    if (kind == 1) made.dies = serving_plan::end::abrupt;
    if (kind >= 2) made.says_goodbye = static_cast<unsigned>(kind - 1);
    return made;
  }
  client_plan client(std::size_t number) {
    client_plan made;
    made.seed = chance_.seed();
    made.manners = manners();
    made.first = settings(true, true);
    for (auto n = chance_.below(6); n > 0; --n) made.later.push_back(settings(false, true));
    made.pings = static_cast<unsigned>(chance_.below(8));
    made.unknown = static_cast<unsigned>(chance_.below(20));
    made.priorities = static_cast<unsigned>(chance_.below(20));
    made.all_at_once = taste_.in_order;
    if (taste_.resets && number > 0 && chance_.percent(20)) made.hangs_up_after = chance_.size(300);
    const auto streams = taste_.in_order ? taste_.streams : chance_.size(taste_.streams);
    left_ = taste_.body;
    oversize_left_ = 2;  // the third within a minute ends the connection (docs/passage.md 6)
    for (std::size_t i = 0; i < streams; ++i) made.requests.push_back(request(number, i));
    if (taste_.in_order) settle_windows(made);
    if (!taste_.in_order && !made.hangs_up_after && chance_.percent(15)) {
      made.counts_to_zero = true;
      made.requests.push_back(counter(number, streams));
    }
    return made;
  }
  // The whole answer fits into the windows from the beginning, so that no credit changes what is written.
  static void settle_windows(client_plan& of) {
    std::erase_if(of.first, [](const setting& s) { return s.first == 4; });
    for (auto& later : of.later) std::erase_if(later, [](const setting& s) { return s.first == 4; });
    of.first.emplace_back(4, 1'048'576);
  }
  // More than the connection's window gives back at a time.
  request_plan counter(std::size_t client, std::size_t number) {
    auto made = passing(client, number, false);
    made.answer = {};
    made.answer.head = made.answer.head_passed = {{":status", "200"}, {"content-type", "application/grpc"}};
    made.answer.trailers = {{"grpc-status", "0"}};
    made.body.assign(1'300'000, 'z');
    made.ends = request_plan::end::with_data;
    return made;
  }

  // ---- fields

  // Bytes that a value may have: no controls, and no blank at its ends.
  std::string value(std::size_t n) {
    auto text = chance_.bytes(n);
    for (std::size_t i = 0; i < n; ++i) {
      auto c = static_cast<unsigned char>(text[i]);
      const bool edge = i == 0 || i + 1 == n;
      if (c < 0x80) c = static_cast<unsigned char>((edge ? 0x21 : 0x20) + c % 0x5e);
      text[i] = static_cast<char>(c);
    }
    return text;
  }
  headers extras(std::size_t most, std::size_t bytes) {
    headers made;
    for (auto n = chance_.below(most + 1); n > 0; --n) {
      const auto large = taste_.in_order ? 200 : 6'000;
      const auto size = std::min(chance_.percent(5) ? chance_.size(large) : chance_.size(taste_.in_order ? 30 : 120), bytes);
      bytes -= size;
      made.push_back(
          {chance_.percent(30) ? std::string("x-shared") : "x-" + chance_.word(chance_.between(1, 10)), value(size), chance_.percent(15)});
    }
    return made;
  }
  void pass(request_plan& to, header f) {
    to.head.push_back(f);
    to.forwarded.push_back(std::move(f));
  }
  // Fields that end here (docs/passage.md 11).
  void drop(request_plan& to) {
    const header all[] = {{"sourceid", "QEBtaWx2dXMtbWVtYmVyQEA="},
                          {"token", "root:Milvus"},
                          {"x-sallyport-user", "root"},
                          {"x_sallyport_user", "root"},
                          {"trailer", "x-checksum"},
                          {"host", "milvus.example:19530"}};
    to.head.push_back(all[chance_.below(std::size(all))]);
  }

  // ---- requests

  request_plan request(std::size_t client, std::size_t number) {
    const bool rest = made_.rest && chance_.percent(25);
    auto made = passing(client, number, rest);
    if (chance_.percent(25)) spoil(made);
    content(made);
    if (made.kind != fate::passes) return made;
    answer(made);
    upset(made);
    return made;
  }

  request_plan passing(std::size_t client, std::size_t number, bool rest) {
    request_plan made;
    made.rest = rest;
    const auto tail = std::to_string(client) + "x" + std::to_string(number);
    made.head = {{":method", rest && chance_.percent(20) ? "PUT" : "POST"},
                 {":scheme", chance_.percent(50) ? "https" : "http"},
                 {":path", rest ? "/v2/vectordb/entities/" + tail : "/test.Backend/M" + tail},
                 {":authority", "milvus.example:19530"}};
    for (auto& f : made.head) f.never_indexed = (f.name == ":path" || f.name == ":authority") && chance_.percent(20);
    made.forwarded = made.head;
    made.forwarded[1].value = "http";
    std::swap(made.head[chance_.below(4)], made.head[chance_.below(4)]);
    if (!rest) {
      made.forwarded.push_back({"te", "trailers"});
      made.forwarded.push_back({"content-type", "application/grpc"});
    }
    std::vector<int> order{0, 1, 2, 3, 4, 5};
    for (auto& o : order) std::swap(o, order[chance_.below(order.size())]);
    for (const int what : order) field(made, what);
    return made;
  }
  void field(request_plan& to, int what) {
    switch (what) {
      case 0: return authorization(to);
      case 1:
        if (to.rest) return pass(to, {"content-type", "application/json"});
        return to.head.push_back(
            {"content-type", chance_.one_of<std::string>(
                                 {"application/grpc", "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"})});
      case 2:
        if (!to.rest || chance_.percent(20)) to.head.push_back({"te", "trailers"});
        return;
      case 3:
        if (chance_.percent(40)) pass(to, {"user-agent", "grpc-c++/" + std::to_string(chance_.below(5))});
        if (chance_.percent(30)) pass(to, {"grpc-timeout", "50S"});
        if (chance_.percent(30)) pass(to, {"grpc-accept-encoding", "identity, gzip"});
        if (chance_.percent(30)) pass(to, {"dbname", "default"});
        for (auto n = chance_.percent(20) ? chance_.below(4) : 0; n > 0; --n) pass(to, {"cookie", "a" + std::to_string(n) + "=b"});
        return;
      case 4:
        for (auto& f : extras(taste_.in_order ? 2 : 6, 8'000)) pass(to, std::move(f));
        return;
      default:
        if (chance_.percent(25)) drop(to);
    }
  }
  void authorization(request_plan& to) {
    const auto& who = users[taste_.in_order || chance_.percent(80) ? 0 : chance_.between(1, 2)];
    const auto shown = std::string(who.name) + ":" + who.password;
    const auto said = to.rest ? (chance_.percent(50) ? "Bearer " + shown : "Basic " + base64(shown)) : token_of(who.name, who.password);
    to.head.push_back({"authorization", said, chance_.percent(50)});
    if (made_.forwards_credential) to.forwarded.push_back({"authorization", said, true});
  }
  static header& named(headers& in, std::string_view name) {
    return *std::find_if(in.begin(), in.end(), [name](const header& h) { return h.name == name; });
  }
  void spoil(request_plan& to) {
    using enum fate;
    to.kind = to.rest ? chance_.one_of({wrong_password, no_token, bad_path, too_large})
                      : chance_.one_of({wrong_password, wrong_password, no_token, bad_token, bad_path, wrong_type, not_served, too_large,
                                        answered_here});
    if (to.kind == too_large && (!oversize_left_ || taste_.in_order)) to.kind = no_token;
    auto& path = named(to.head, ":path").value;
    auto& shown = named(to.head, "authorization").value;
    switch (to.kind) {
      case wrong_password: {
        const auto guess = std::string(users[chance_.below(taste_.in_order ? 2 : 3)].name) + ":guess" + std::to_string(chance_.below(6));
        shown = to.rest ? "Bearer " + guess : base64(guess);
        return;
      }
      case no_token: std::erase_if(to.head, [](const header& h) { return h.name == "authorization"; }); return;
      case bad_token: shown = "%%%"; return;
      case bad_path: path = "/" + path; return;
      case wrong_type: named(to.head, "content-type").value = "application/grpc+json"; return;
      case not_served: path = "/milvus.proto.milvus.MilvusService/CreateRole"; return;
      case too_large:
        --oversize_left_;
        to.head.push_back({"x-large", value(17'000)});
        return;
      case answered_here: path = "/grpc.health.v1.Health/Check"; return;
      case passes: return;
    }
  }

  void content(request_plan& to) {
    using enum request_plan::end;
    to.padded = static_cast<unsigned>(chance_.one_of<std::size_t>({0, 0, 30, 100}));
    to.empty = static_cast<unsigned>(chance_.one_of<std::size_t>({0, 0, 10, 30}));
    to.frame_most = chance_.one_of<std::size_t>({16'384, 16'384, 2'000, 100});
    to.ends = chance_.one_of({with_head, with_data, with_data, alone, with_trailers});
    to.stubborn = chance_.percent(50);
    if (to.kind == fate::answered_here) {
      to.body.assign(5, '\0');
      to.ends = with_data;
    } else if (to.ends != with_head) {
      to.body = message_of(chance_.percent(15) ? chance_.below(std::min<std::size_t>(left_, 400'000) + 1)
                                               : chance_.size(std::min<std::size_t>(left_, 5'000) + 1));
      left_ -= std::min(left_, to.body.size());
    }
    to.frame_most = std::max(to.frame_most, to.body.size() / 30);
    if (to.ends == with_trailers) to.trailers = {{"x-checksum", chance_.word(8)}};
    if (!taste_.in_order && chance_.percent(20) && to.kind == fate::passes) pass(to, {"content-length", std::to_string(to.body.size())});
    if (to.kind != fate::passes && to.kind != fate::answered_here && !taste_.in_order && chance_.percent(30)) to.ends = never;
  }
  // Messages of gRPC, so that what looks at them finds some.
  std::string message_of(std::size_t n) {
    std::string all;
    while (all.size() < n) {
      const auto size = chance_.size(n - all.size());
      all += std::string(1, '\0') + h2::big_endian(size, 4) + chance_.bytes(size);
    }
    return all;
  }

  // ---- answers

  void answer(request_plan& to) {
    using how = answer_plan::how;
    using when = answer_plan::when;
    auto& a = to.answer;
    a.begins = taste_.in_order ? when::at_end : chance_.one_of({when::at_end, when::at_end, when::in_body, when::at_head});
    a.after = chance_.below(to.body.size() + 1);
    a.interim = chance_.percent(20) ? static_cast<unsigned>(chance_.between(1, 8)) : 0;
    a.ends = chance_.one_of({how::whole, how::whole, how::whole, how::whole, how::head_alone, how::without_trailers});
    a.padded = static_cast<unsigned>(chance_.one_of<std::size_t>({0, 0, 30, 100}));
    a.empty = static_cast<unsigned>(chance_.one_of<std::size_t>({0, 0, 10, 30}));
    a.frame_most = chance_.one_of<std::size_t>({16'384, 16'384, 2'000, 100});
    a.head = {{":status", to.rest              ? chance_.one_of<std::string>({"200", "404", "500"})
                          : chance_.percent(5) ? "503"
                                               : "200"},
              {"content-type", to.rest ? "application/json" : "application/grpc"}};
    if (a.ends == how::head_alone && !to.rest) a.head.push_back({"grpc-status", std::to_string(chance_.below(17))});
    for (auto& f : extras(4, 6'000)) a.head.push_back(std::move(f));
    if (a.ends != how::head_alone) a.body = message_of(chance_.percent(15) ? chance_.below(taste_.body) : chance_.size(5'000));
    if (taste_.in_order) a.body.resize(std::min<std::size_t>(a.body.size(), 60));
    a.frame_most = std::max(a.frame_most, a.body.size() / 30);
    if (chance_.percent(20)) a.head.push_back({"content-length", std::to_string(a.body.size())});
    a.head_passed = a.head;
    if (chance_.percent(10)) a.head.push_back({"alt-svc", "h2=\":1\""});  // docs/passage.md 18
    a.trailers = {{"grpc-status", std::to_string(chance_.below(17))}, {"grpc-message", chance_.word(chance_.below(20))}};
    for (auto& f : extras(3, 3'000)) a.trailers.push_back(std::move(f));
  }
  // What goes wrong with a request: its client gives up, or its backend does.
  void upset(request_plan& to) {
    using how = answer_plan::how;
    auto& a = to.answer;
    if (!taste_.resets) return;
    if (chance_.percent(15)) {
      if (chance_.percent(50))
        to.reset_at_step = chance_.size(8) - 1;
      else
        to.reset_at_bytes = chance_.below(a.body.size() + 1);
      return;
    }
    if (!chance_.percent(20)) return;
    a.ends = chance_.one_of({how::reset, how::reset, how::refuse_once, how::refuse});
    a.code = static_cast<std::uint32_t>(
        chance_.one_of<std::size_t>({h2::cancel, h2::internal_error, h2::refused_stream, h2::enhance_your_calm}));
    if (a.ends == how::reset && chance_.percent(60)) a.reset_after = chance_.below(a.body.size() + 1);
    if (a.ends != how::reset) a.interim = chance_.percent(20) ? a.interim : 0;
  }

  dice chance_;
  const taste taste_;
  conversation made_;
  bool stormy_ = false;
  std::size_t left_ = 0, oversize_left_ = 2;
};

}  // namespace

std::string token_of(const std::string& user, const std::string& password) { return base64(user + ":" + password); }

void multiply(conversation& plan, std::size_t clients) {
  plan.clients.resize(1);
  for (std::size_t i = 1; i < clients; ++i) {
    auto like = plan.clients[0];
    for (auto& r : like.requests)
      for (auto* fields : {&r.head, &r.forwarded})
        for (auto& f : *fields) {
          if (f.name != ":path") continue;
          const auto at = f.value.find(r.rest ? "/0x" : "M0x");
          if (at != std::string::npos) f.value.replace(at + 1, 1, std::to_string(i));
        }
    plan.clients.push_back(std::move(like));
  }
}

conversation draw(std::uint64_t seed, const taste& of) { return painter(seed, of).draw(); }

}  // namespace sallyport::proxy::conversations
