// A backend of the tests: h2c on a port of its own, what it does chosen by the method's name, and everything that reached it kept. The
// assertion that it is for is `saw_nothing`. A thread accepts, a thread serves each connection; all else may be called from the test's
// thread. Like Milvus' cmux it answers an empty SETTINGS.
//
//   Echo          the request's DATA back, then grpc-status 0               Hang           nothing, for ever
//   Refuse        RST_STREAM(REFUSED_STREAM)                                Reset, Cancel  RST_STREAM(INTERNAL_ERROR), (CANCEL)
//   Early         trailers-only, without waiting for the request's end      Goaway         GOAWAY below this stream, then goes on
//   DieFirst      the connection ends before a head                         DieAfterHead   after the head
//   DieInMessage  in the middle of one                                      Large          `large_bytes` of `pattern`
//   Interim       103 first, then as Echo                                   AltSvc         as Echo, with that field in its head
//   Interim9, SwitchProtocols, BadHead, NoHead, PushPromise: break a rule of the protocol
#pragma once

#include "h2_wire.hpp"
#include "listening.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::support {

class fake_backend {
 public:
  struct request {
    std::size_t connection = 0;
    std::uint32_t id = 0;
    headers head, trailers;
    std::string body;
    bool ended = false;
    std::optional<std::uint32_t> reset;
    std::size_t sent = 0;  // DATA of the answer
  };
  struct options {
    std::vector<std::pair<std::uint16_t, std::uint32_t>> settings = {};
    bool credits = true;  // gives credit for what it reads
    std::size_t large_bytes = 8 * 1024 * 1024;
    std::uint16_t port = 0;  // 0: the system chooses
    bool answers_pings = true;
    // What is done for a method, by the number of its connection, where that is not what its name says.
    std::function<std::string(std::size_t connection, const std::string& method)> acts = {};
  };

  fake_backend() : fake_backend(options{}) {}
  explicit fake_backend(options chosen) : options_(std::move(chosen)) { start(options_.port); }
  ~fake_backend() { stop(); }
  fake_backend(const fake_backend&) = delete;
  fake_backend& operator=(const fake_backend&) = delete;

  std::uint16_t port() const { return port_; }
  // Connections end, the port is refused from now on.
  void stop() {
    if (listener_ < 0) return;
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    ::close(std::exchange(listener_, -1));
    hang_up();
    for (auto& t : threads_) t.join();
    threads_.clear();
  }
  void start_again() { start(port_); }
  void hang_up() {
    const std::lock_guard held(mutex_);
    for (const auto& w : wires_) w->hang_up();
  }

  // Frames of the test's own, to one connection.
  void tell(std::size_t connection, const std::string& bytes) {
    const std::lock_guard held(mutex_);
    wires_.at(connection)->write(bytes);
  }

  std::size_t connections() const {
    const std::lock_guard held(mutex_);
    return wires_.size();
  }
  std::vector<request> requests() const {
    const std::lock_guard held(mutex_);
    return requests_;
  }
  bool saw_nothing() const { return requests().empty(); }
  std::size_t bytes() const { return bytes_; }
  // What was malformed of what reached it: nothing, or the test has found a bug.
  std::string faults() const {
    const std::lock_guard held(mutex_);
    return faults_;
  }
  std::size_t pings() const { return pings_; }
  request last() const {
    const std::lock_guard held(mutex_);
    return requests_.empty() ? request{} : requests_.back();
  }
  // A request whose path ends so; waits for it to satisfy `wanted`.
  template <class Predicate>
  bool until(Predicate&& wanted, steady::duration limit = 10s) const {
    std::unique_lock held(mutex_);
    return moved_.wait_for(held, limit, [&] { return wanted(requests_); });
  }
  bool until_count(std::size_t n, steady::duration limit = 10s) const {
    return until([n](const auto& all) { return all.size() >= n; }, limit);
  }
  bool until_reset(steady::duration limit = 10s) const {
    return until([](const auto& all) { return std::any_of(all.begin(), all.end(), [](const auto& r) { return r.reset.has_value(); }); },
                 limit);
  }

 private:
  struct peer {
    std::size_t number;
    wire& socket;
    frame_reader frames = {};
    hpack_reader hpack = {};
    h2::frame block = {};
    std::map<std::uint32_t, std::size_t> streams = {};  // to its place in requests_
    std::map<std::uint32_t, std::int64_t> windows = {};
    std::map<std::uint32_t, std::pair<std::string, std::size_t>> answers = {};  // DATA, and how much of it was sent
    std::int64_t window = 65'535, initial = 65'535;
    bool done = false;
  };

  void start(std::uint16_t port) {
    const auto made = listen_on_loopback(port);
    listener_ = made.descriptor;
    port_ = made.port;
    acceptor_ = std::thread([this] { accept(); });
  }
  void accept() {
    for (;;) {
      const int made = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (made < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
      if (made < 0) return;
      const int on = 1;
      ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::lock_guard held(mutex_);
      wires_.push_back(std::make_unique<wire>(made));
      threads_.emplace_back([this, number = wires_.size() - 1, on_socket = wires_.back().get()] { serve({number, *on_socket}); });
      moved_.notify_all();
    }
  }

  void serve(peer p) {
    try {
      const auto end = steady::now() + 120s;
      p.socket.write(h2::make_settings(options_.settings));
      while (p.frames.bytes.size() < h2::preface.size())
        if (!p.socket.read(p.frames.bytes, end)) return;
      p.frames.bytes.erase(0, h2::preface.size());
      while (!p.done) {
        while (const auto f = p.frames.next()) {
          bytes_ += f->payload.size() + 9;
          take(p, *f);
          if (p.done) break;
        }
        push(p);
        if (!p.done && !p.socket.read(p.frames.bytes, end)) break;
      }
    } catch (const std::exception& e) {
      const std::lock_guard held(mutex_);
      faults_ += e.what();
    }
    p.socket.hang_up();
  }

  template <class F>
  void change(const peer& p, std::uint32_t id, F&& f) {
    const std::lock_guard held(mutex_);
    if (const auto at = p.streams.find(id); at != p.streams.end()) f(requests_[at->second]);
    moved_.notify_all();
  }
  request copy(const peer& p, std::uint32_t id) const {
    const std::lock_guard held(mutex_);
    return requests_[p.streams.at(id)];
  }
  void write(peer& p, const std::string& bytes) {
    if (!p.socket.write(bytes)) p.done = true;
  }

  void take(peer& p, const h2::frame& f) {
    switch (f.type) {
      case h2::head: p.block = f; break;
      case h2::continuation: p.block.payload += f.payload; break;
      case h2::data:
        if (options_.credits && !f.payload.empty()) {
          const auto n = static_cast<std::uint32_t>(f.payload.size());
          write(p, h2::make_window(0, n) + (f.ends() ? "" : h2::make_window(f.id, n)));
        }
        change(p, f.id, [&f](request& r) { r.body += f.payload, r.ended = r.ended || f.ends(); });
        return f.ends() ? whole(p, f.id) : void();
      case h2::rst: p.answers.erase(f.id); return change(p, f.id, [&f](request& r) { r.reset = f.number(); });
      case h2::settings:
        if (f.flags & h2::ack) return;
        for (std::size_t at = 0; at + 6 <= f.payload.size(); at += 6)
          if (f.payload[at + 1] == 4) p.initial = f.number(at + 2);
        return write(p, h2::make(h2::settings, h2::ack, 0));
      case h2::ping:
        if (f.flags & h2::ack) return;
        ++pings_;
        return !options_.answers_pings ? void() : write(p, h2::make(h2::ping, h2::ack, 0, f.payload));
      case h2::window: (f.id ? p.windows[f.id] : p.window) += f.number(); return;
      default: return;
    }
    if (f.flags & h2::end_headers) began(p);
  }

  std::string method(const request& r) const {
    const auto path = find(r.head, ":path");
    const auto name = path.substr(path.rfind('/') + 1);
    return options_.acts ? options_.acts(r.connection, name) : name;
  }

  void began(peer& p) {
    const auto id = p.block.id;
    auto fields = p.hpack.decode(p.block.payload);
    if (p.streams.contains(id)) return change(p, id, [&fields](request& r) { r.trailers = fields; });
    p.windows[id] += p.initial;
    {
      const std::lock_guard held(mutex_);
      p.streams[id] = requests_.size();
      requests_.push_back({p.number, id, std::move(fields), {}, {}, p.block.ends(), {}, 0});
      moved_.notify_all();
    }
    at_head(p, id, method(copy(p, id)));
    if (p.block.ends() && !p.done) whole(p, id);
  }

  static headers fine() { return {{":status", "200"}, {"content-type", "application/grpc"}}; }
  static headers good_end() { return {{"grpc-status", "0"}, {"grpc-message", ""}}; }

  void at_head(peer& p, std::uint32_t id, const std::string& what) {
    if (what == "Refuse") return write(p, h2::make_rst(id, h2::refused_stream));
    if (what == "Reset") return write(p, h2::make_rst(id, h2::internal_error));
    if (what == "Cancel") return write(p, h2::make_rst(id, h2::cancel));
    if (what == "Early")
      return write(p, h2::make_head(id, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "7"}}, true));
    if (what == "Fat")
      return write(
          p, h2::make_head(
                 id, {{":status", "200"}, {"content-type", "application/grpc"}, {"x-fat", std::string(8'000, 'x')}, {"grpc-status", "0"}},
                 true));
    if (what == "Goaway") return write(p, h2::make_goaway(id > 1 ? id - 2 : 0, h2::no_error));
    if (what == "GoawayAbove") return write(p, h2::make_goaway(id, h2::no_error));
    if (what == "BadHead") return write(p, h2::make_head(id, {{":status", "200"}, {"Content-Type", "application/grpc"}}, false));
    if (what == "NoHead") return write(p, h2::make(h2::data, h2::end_stream, id, "xxxxx"));
    if (what == "PushPromise") return write(p, h2::make(h2::push, h2::end_headers, id, h2::big_endian(2, 4)));
    if (what == "SwitchProtocols") return write(p, h2::make_head(id, {{":status", "101"}}, false));
    if (what == "Interim" || what == "Interim9")
      for (int i = what == "Interim" ? 1 : 9; i > 0; --i) write(p, h2::make_head(id, {{":status", "103"}, {"link", "x"}}, false));
    if (what == "DieAfterHead" || what == "DieInMessage") write(p, h2::make_head(id, fine(), false));
    if (what == "DieInMessage") write(p, h2::make(h2::data, h2::none, id, std::string("\0\0\0\1\0half", 9)));
    if (what.starts_with("Die")) p.done = true;
  }

  void whole(peer& p, std::uint32_t id) {
    const auto r = copy(p, id);
    const auto what = method(r);
    if (what != "Large" && what != "Echo" && what != "AltSvc" && !what.starts_with("Interim")) return;
    auto head = fine();
    if (what == "AltSvc") head.push_back({"alt-svc", "h2=\":1\""});
    write(p, h2::make_head(id, head, false));
    p.answers[id] = {what == "Large" ? pattern(options_.large_bytes) : r.body, 0};
  }

  // What the windows allow of the answers' DATA, and their ends.
  void push(peer& p) {
    for (auto at = p.answers.begin(); at != p.answers.end() && !p.done;) {
      const auto id = at->first;
      auto& [content, sent] = at->second;
      const auto room = std::min({p.window, p.windows[id], std::int64_t{16'384}, static_cast<std::int64_t>(content.size() - sent)});
      if (room > 0) {
        const auto n = static_cast<std::size_t>(room);
        write(p, h2::make(h2::data, h2::none, id, std::string_view(content).substr(sent, n)));
        p.window -= room;
        p.windows[id] -= room;
        sent += n;
        change(p, id, [n](request& r) { r.sent += n; });
      }
      if (sent == content.size()) {
        write(p, h2::make_head(id, good_end(), true));
        at = p.answers.erase(at);
      } else if (room <= 0) {
        ++at;
      }
    }
  }

  options options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  std::vector<std::unique_ptr<wire>> wires_;  // of every connection there was
  std::vector<std::thread> threads_;
  std::vector<request> requests_;
  std::string faults_;  // of what reached it: malformed blocks, unknown indices
  std::atomic<std::size_t> bytes_{0}, pings_{0};
};

}  // namespace sallyport::support
