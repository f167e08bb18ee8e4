// A backend of the tests that speaks HTTP/1.1: on a port of its own, what it does chosen by the last segment of the path, and everything
// that reached it kept, raw. The assertion that it is for is `saw_nothing`. A thread accepts, a thread serves each connection; all else may
// be called from the test's thread. Nothing of the http1 room is in it: what is tested must not be its own judge. `http1_client` is the
// other end, for one thread. Every wait has a deadline.
//
//   echo, close      the body back: with its length; without one, and the connection ends     chunked     in chunks, with a trailer
//   large            `large_bytes` of `pattern`, with their length                            large-close  without, and the end
//   hang             nothing, for ever; reads on                                              deaf         nothing, and reads no body
//   half             10 of 100 bytes, then the end                                            half-chunked one chunk, then the end
//   bad              a malformed head                                                         die          the end, before a head
//   1xx              103, then as echo                                                        1xx9         nine of them
//   continue         100, then as echo                                                        early        403 before the body is read
//   204, head        no body; the length of one and no body                                   told         as echo, when `tell` says so
//   bye              as echo, with connection: close
//   hop              as echo, with fields that concern this connection alone
//   duplex           when `tell` says so, as large, and reads the body beside it
//   answer-first     as large, and reads the body when all of that is taken
#pragma once

#include "h2_wire.hpp"
#include "listening.hpp"
#include "own_sockets.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::support {

// A message of HTTP/1.1 as it came. Fields are looked for in lower case, as both ends here write them.
struct http1_message {
  std::string head;  // with the empty line
  std::string body, trailers;
  bool chunked = false, whole = false;
  std::string field(std::string_view name) const {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return "(none)";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  std::string word(std::size_t number) const {  // of the start line
    std::size_t at = 0;
    while (number-- > 0) at = head.find(' ', at) + 1;
    return head.substr(at, head.find_first_of(" \r", at) - at);
  }
  int status() const { return head.empty() ? 0 : std::atoi(word(1).c_str()); }
};

// Takes messages off a wire; what belongs to the next one stays.
class http1_reader {
 public:
  explicit http1_reader(wire& from) : from_(from) {}

  bool head(http1_message& into, steady::time_point until) {
    auto end = std::string::npos;
    while ((end = bytes_.find("\r\n\r\n")) == std::string::npos)
      if (!from_.read(bytes_, until)) return false;
    into.head = take(end + 4);
    into.chunked = into.field("transfer-encoding") == "chunked";
    return true;
  }
  // False: the wire ended before the body did.
  bool body(http1_message& into, bool until_close, steady::time_point until) {
    if (into.chunked) return into.whole = chunks(into, until);
    const auto length = into.field("content-length");
    if (length != "(none)") {
      const auto wanted = std::stoull(length);
      while (bytes_.size() < wanted && from_.read(bytes_, until)) {
      }
      into.body = take(wanted);
      return into.whole = into.body.size() == wanted;
    }
    while (until_close && from_.read(bytes_, until)) {
    }
    if (until_close) into.body = take(bytes_.size());
    return into.whole = !from_.was_reset();
  }
  const std::string& rest() const { return bytes_; }

 private:
  std::string take(std::size_t n) {
    auto taken = bytes_.substr(0, n);
    bytes_.erase(0, n);
    return taken;
  }
  bool line(std::string& into, steady::time_point until) {
    auto end = std::string::npos;
    while ((end = bytes_.find("\r\n")) == std::string::npos)
      if (!from_.read(bytes_, until)) return false;
    into = take(end + 2);
    return true;
  }
  bool chunks(http1_message& into, steady::time_point until) {
    std::string size;
    while (line(size, until)) {
      const auto n = std::stoull(size, nullptr, 16);
      if (n == 0) break;
      while (bytes_.size() < n + 2 && from_.read(bytes_, until)) {
      }
      into.body += take(std::min<std::size_t>(n, bytes_.size()));
      if (take(2) != "\r\n") return false;
      size.clear();
    }
    if (size.empty()) return false;
    while (line(size, until) && size != "\r\n") into.trailers += size;
    return size == "\r\n";
  }

  wire& from_;
  std::string bytes_;
};

class http1_client {
 public:
  explicit http1_client(std::uint16_t port, int receive_buffer = 0)
      : wire_(std::make_unique<wire>(wire::dial(port, receive_buffer))), reader_(std::make_unique<http1_reader>(*wire_)) {}

  // For a peer in this very process. False: no such peer has accepted yet.
  bool narrow() { return support::narrow(peer()); }
  int peer() const { return descriptor_towards(port_of(wire_->descriptor())); }  // its descriptor, if it is in this process; or -1

  wire& socket() { return *wire_; }
  void raw(std::string_view bytes) { wire_->write(bytes); }
  // The next answer, interim ones too; status 0: none came.
  http1_message answer(bool to_head = false, steady::duration limit = 10s) {
    http1_message got;
    const auto until = steady::now() + limit;
    if (!reader_->head(got, until)) return got;
    const auto status = got.status();
    if (to_head || status < 200 || status == 204 || status == 304)
      got.whole = true;
    else
      reader_->body(got, true, until);
    return got;
  }
  // The peer ended the connection, and not one byte came before that.
  bool ended(steady::duration limit = 10s) { return reader_->rest().empty() && wire_->read_all(limit).empty(); }

 private:
  std::unique_ptr<wire> wire_;
  std::unique_ptr<http1_reader> reader_;
};

class fake_http1 {
 public:
  struct request : http1_message {
    std::size_t connection = 0;
    bool gone = false;     // its connection ended before it was answered
    std::size_t sent = 0;  // of the answer's body
  };

  fake_http1() { start(0); }
  ~fake_http1() { stop(); }
  fake_http1(const fake_http1&) = delete;
  fake_http1& operator=(const fake_http1&) = delete;

  static constexpr std::size_t large_bytes = 16 * 1024 * 1024;

  std::uint16_t port() const { return port_; }
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

  std::size_t connections() const {
    const std::lock_guard held(mutex_);
    return wires_.size();
  }
  std::vector<request> requests() const {
    const std::lock_guard held(mutex_);
    return requests_;
  }
  // Not one byte of any request.
  bool saw_nothing() const { return requests().empty() && bytes_ == 0; }
  request last() const {
    const std::lock_guard held(mutex_);
    return requests_.empty() ? request{} : requests_.back();
  }
  // What was malformed of what reached it: nothing, or the test has found a bug.
  std::string faults() const {
    const std::lock_guard held(mutex_);
    return faults_;
  }
  void tell() {
    const std::lock_guard held(mutex_);
    told_ = true;
    moved_.notify_all();
  }
  template <class Predicate>
  bool until(Predicate&& wanted, steady::duration limit = 10s) const {
    std::unique_lock held(mutex_);
    return moved_.wait_for(held, limit, [&] { return wanted(requests_); });
  }
  bool until_count(std::size_t n, steady::duration limit = 10s) const {
    return until([n](const auto& all) { return all.size() >= n; }, limit);
  }
  bool until_gone(std::size_t number = 0, steady::duration limit = 10s) const {
    return until([number](const auto& all) { return all.size() > number && all[number].gone; }, limit);
  }

 private:
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
      const int on = 1, small = 64 * 1024;  // what waits shall wait at the sender, or in us, not in the kernel
      ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(made, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
      ::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      const std::lock_guard held(mutex_);
      wires_.push_back(std::make_unique<wire>(made));
      threads_.emplace_back([this, number = wires_.size() - 1, on_socket = wires_.back().get()] { serve(number, *on_socket); });
      moved_.notify_all();
    }
  }

  template <class F>
  void change(std::size_t place, F&& f) {
    const std::lock_guard held(mutex_);
    f(requests_[place]);
    moved_.notify_all();
  }

  void serve(std::size_t number, wire& socket) {
    try {
      http1_reader reader(socket);
      const auto until = steady::now() + 120s;
      request now;
      while (reader.head(now, until)) {
        bytes_ += now.head.size();
        now.connection = number;
        std::size_t place = 0;
        {
          const std::lock_guard held(mutex_);
          place = requests_.size();
          requests_.push_back(now);
          moved_.notify_all();
        }
        if (!answer(socket, reader, now, place, until)) break;
        now = {};
      }
      bytes_ += reader.rest().size();
    } catch (const std::exception& e) {
      const std::lock_guard held(mutex_);
      faults_ += e.what();
    }
    socket.hang_up();
  }

  // False: the connection ends.
  bool answer(wire& socket, http1_reader& reader, request& now, std::size_t place, steady::time_point until) {
    auto path = now.word(1);
    path = path.substr(0, path.find('?'));
    const auto what = path.substr(path.rfind('/') + 1);
    if (what == "early") socket.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\n\r\nearly");
    if (what == "continue" && now.field("expect") == "100-continue") socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    if (what == "deaf" || what == "early") return wait_for_end(socket, place);
    std::thread pours;
    const auto answer_large = [&] {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(large_bytes) + "\r\n\r\n") && pour(socket, place);
    };
    if (what == "answer-first") answer_large();
    if (what == "duplex") {
      wait_to_be_told(until);
      pours = std::thread(answer_large);
    }
    const bool whole = reader.body(now, false, until);
    if (pours.joinable()) pours.join();
    change(place, [&](request& r) { r.body = now.body, r.trailers = now.trailers, r.whole = whole, r.gone = !whole; });
    if (!whole) return false;
    if (what == "duplex" || what == "answer-first") return true;
    if (what == "told") {
      wait_to_be_told(until);
      const bool kept = say(socket, now, what, place);
      change(place, [&](request& r) { r.sent = now.body.size(); });
      return kept;
    }
    if (what == "hang") {
      std::string more;
      while (socket.read(more, until)) {
      }
      change(place, [](request& r) { r.gone = true; });
      return false;
    }
    return say(socket, now, what, place);
  }

  void wait_to_be_told(steady::time_point until) {
    std::unique_lock held(mutex_);
    moved_.wait_until(held, until, [this] { return told_; });
  }

  bool wait_for_end(wire& socket, std::size_t place) {
    pollfd at{socket.descriptor(), POLLRDHUP, 0};
    ::poll(&at, 1, 60'000);
    change(place, [](request& r) { r.gone = true; });
    return false;
  }

  bool say(wire& socket, const request& now, const std::string& what, std::size_t place) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const auto length = [](std::size_t n) { return "content-length: " + std::to_string(n) + "\r\n"; };
    if (what == "die") return false;
    if (what == "bad") return socket.write("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), false;
    if (what == "half") return socket.write(ok + length(100) + "\r\n0123456789"), false;
    if (what == "half-chunked") return socket.write(ok + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"), false;
    if (what == "close") return socket.write(ok + "\r\n" + now.body), false;
    if (what == "204-with-length") return socket.write("HTTP/1.1 204 No Content\r\n" + length(5) + "\r\n");
    if (what == "204") return socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    if (what == "head") return socket.write(ok + length(5) + "\r\n" + (now.word(0) == "HEAD" ? "" : "12345"));
    if (what == "bye") return socket.write(ok + length(now.body.size()) + "connection: close\r\n\r\n" + now.body), false;
    if (what == "large") return socket.write(ok + length(large_bytes) + "\r\n") && pour(socket, place);
    if (what == "large-close") return socket.write(ok + "\r\n") && pour(socket, place), false;
    if (what == "chunked") {
      std::string all = ok + "transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
      for (std::size_t at = 0; at < now.body.size(); at += 5'000) {
        const auto piece = now.body.substr(at, 5'000);
        char size[16];
        std::snprintf(size, sizeof size, "%zx", piece.size());
        all += std::string(size) + ";ext=1\r\n" + piece + "\r\n";
      }
      return socket.write(all + "0\r\nx-sum: 1\r\n\r\n");
    }
    if (what.starts_with("1xx"))
      for (int i = what == "1xx9" ? 9 : 1; i > 0; --i) socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nalt-svc: h2=\":1\"\r\n\r\n");
    const std::string hop =
        what == "hop" ? "connection: keep-alive, x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nalt-svc: h2=\":1\"\r\n" : "";
    return socket.write(ok + length(now.body.size()) + hop + "x-said: " + what + "\r\n\r\n" + now.body);
  }

  bool pour(wire& socket, std::size_t place) {
    const auto content = pattern(large_bytes);
    for (std::size_t at = 0; at < content.size(); at += 16'384) {
      if (!socket.write(std::string_view(content).substr(at, 16'384), 60s)) return change(place, [](request& r) { r.gone = true; }), false;
      change(place, [](request& r) { r.sent += 16'384; });
    }
    return true;
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  std::vector<std::unique_ptr<wire>> wires_;  // of every connection there was
  std::vector<std::thread> threads_;
  std::vector<request> requests_;
  std::string faults_;
  bool told_ = false;
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace sallyport::support
