// One end of one HTTP/1.1 connection (RFC 9110, RFC 9112), without I/O: bytes in, events out; commands in, bytes out.
//
// server_session is our end towards a client, client_session our end towards a backend; what they share is `session`. Owned by one
// connection and used on its worker's thread only. Nothing here waits or reads a clock. Events are told from within receive, resume,
// peer_closed and output, never from a command: so a request that waits behind an answer, or a body behind its credit, is taken up by
// `resume`, which the owner calls at the end of a turn in which it gave commands. Bounded by `limits` (a head, a window of body that was
// told, a window and one read of input that is kept) and by the mark: a body enters the output only while that is below
// `output_mark_bytes`. A fault makes `failed()` true, and `closing()` when nothing more will enter the output.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/http1/limits.hpp>
#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/field.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace sallyport::http1 {

using http2::buffer;
using http2::buffer_pool;
using http2::decoded_block;
using http2::field;
using http2::known;
using http2::request_head;
using http2::response_head;
using time_point = core::clock::time_point;

// All but CONNECT and TRACE, as Allow has them (RFC 9110 10.2.1).
inline constexpr std::string_view methods_served = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

struct refusal;
struct reader;

// What the session tells. Views live for the length of the call; commands may be given from within it, but not the session destroyed, nor
// receive, resume, peer_closed or output called.
class session_events {
 public:
  virtual void data(core::bytes payload, bool end) = 0;  // to be credited, by session::credit, when it has been passed on
  virtual void sent(std::size_t bytes) = 0;              // DATA that had waited is in the output now

 protected:
  ~session_events() = default;
};

class session {
 public:
  static constexpr std::size_t output_mark_bytes = 256 * 1024;

  virtual ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // Bytes from the peer. When closing they are ignored.
  void receive(core::bytes in, time_point now);
  // Goes on with input that was kept, if that can be: after a credit, after the end of an answer, after `output_taken`.
  void resume(time_point now) { receive({}, now); }
  // False: what the peer sends is to stay in the socket, until this is true again.
  bool wants_input() const;
  bool in_body() const;  // a body is being read, or trailers, and its end has not been seen
  bool keeps_input() const { return !kept_.empty(); }

  // What is to be written: moves what waits into the output as far as the mark allows. `output_taken` says that all of it was.
  core::bytes output();
  void output_taken();
  bool has_output() const { return !out_.empty() || !waiting_.empty(); }
  std::size_t output_bytes() const { return out_.size(); }
  std::size_t output_memory() const { return out_.capacity(); }
  std::size_t held_bytes() const { return waiting_.capacity() + kept_.capacity(); }  // memory of what waits, for the mark or to be read

  // A piece of our message's body. Returns how much entered the output at once; the rest waits, and `sent` tells when it goes. What does
  // not fit the announced length ends the connection, never the message. When closing, all of it is dropped and counts as entered.
  std::size_t send_data(core::bytes payload, bool end);
  void credit(std::size_t bytes);  // of the message under way: the peer may send so much more

  // Nothing more will enter the output: the owner flushes it and closes.
  bool closing() const { return closing_; }
  // Half a message is in the output. The end of the connection must not look like the end of that: no close_notify, no FIN (RFC 9112 8).
  bool cut() const { return cut_; }
  bool failed() const { return !failure_reason_.empty(); }
  std::string_view failure_reason() const { return failure_reason_; }  // fixed strings in snake_case: for the log

 protected:
  session(const limits& within, buffer_pool& pool, decoded_block& scratch, session_events& events, time_point now);

  // What is being read.
  enum class phase { head, length, chunked, trailers, until_close, whole, tunnel };  // tunnel: nothing, it is not ours to read
  // How the end of our message's body is told (RFC 9112 6).
  enum class framing { none, length, chunked, close };

  // What the roles differ in.
  virtual void on_start_line() = 0;               // the first line of a head is whole
  virtual void on_head() = 0;                     // and now all of it
  virtual void on_fault(const refusal& why) = 0;  // of the peer's, in what is being read
  virtual bool on_whole(bool input_waits) = 0;    // nothing is being read; true: a head is, now
  virtual void on_end_of_input() {}
  virtual void on_sent_whole() = 0;  // our message is in the output

  void start_body(phase how, std::int64_t length = 0);
  void start_sending(framing how, std::int64_t length = 0);
  void finish_sending();
  void stop();         // closing, and nothing that waits enters the output
  void cut_message();  // likewise, in the middle of our message
  void note_failure(std::string_view reason) {
    if (!failed()) failure_reason_ = reason;
  }

  const limits limits_;
  session_events& events_;
  decoded_block& scratch_;
  std::unique_ptr<reader> reader_;
  buffer out_;
  time_point now_;
  phase phase_ = phase::whole;
  std::uint64_t left_ = 0;  // of the body that is being read, by its length
  bool dropping_ = false;   // the body that is being read concerns nobody any more
  bool sending_ = false;    // our message's head is out, its end is not
  bool end_of_input_ = false;
  bool output_was_taken_ = false;  // since this was set to false
  bool closing_ = false;
  time_point head_began_{};
  void forget_credit() { uncredited_ = 0; }  // of a message that concerns nobody any more
  std::vector<std::byte> give_up_input();    // what was kept, for whoever it belongs to now

 private:
  void take_up(core::bytes fresh);
  std::size_t step(core::bytes in);
  std::size_t step_head(core::bytes in);
  void note_head_began();
  std::size_t step_length(core::bytes in);
  std::size_t step_chunked(core::bytes in);
  std::size_t step_until_close(core::bytes in);
  std::size_t room_in_window() const { return limits_.window_bytes > uncredited_ ? limits_.window_bytes - uncredited_ : 0; }
  bool fits(std::size_t bytes, bool end);
  std::size_t write_body(core::bytes payload);
  void pump();

  buffer kept_;     // input that cannot be dealt with yet
  buffer waiting_;  // of our message's body: no room was there for it
  bool end_waits_ = false;
  framing framing_ = framing::none;
  std::uint64_t unsent_ = 0;  // of the announced length
  std::size_t uncredited_ = 0;
  bool cut_ = false;
  bool taking_up_ = false;
  std::string_view failure_reason_;
};

class server_events : public session_events {
 public:
  // A head that is whole and valid.
  virtual void request_started(const request_head& head, bool end) = 0;
  // The body of that request broke a rule: it must not be ended cleanly anywhere. If no head was sent, and none is from within this call,
  // the session answers 400. It is closing after this call.
  virtual void request_broken() = 0;

 protected:
  ~server_events() = default;
};

class server_session final : public session {
 public:
  // What a refused upload may be short of for the connection to live on: it is read and dropped.
  static constexpr std::uint64_t dropped_body_bytes = 64 * 1024;

  server_session(const limits& within, buffer_pool& pool, decoded_block& scratch, server_events& events, time_point now,
                 std::string_view scheme, bool connect_allowed = false);
  ~server_session() override;

  // The answer to the request that was told last. `fields` has :status first; `connection: close` among them closes after the answer.
  void send_continue();                                                             // 100, if the client waits for it
  void send_informational(std::uint32_t status, const std::vector<field>& fields);  // HTTP/1.1 only, and never 101
  void send_head(const std::vector<field>& fields, bool end);
  // CONNECT, when that was allowed: what comes behind its head is not looked at, and not a request whatever it looks like. This writes 200
  // (RFC 9110 9.3.6) and gives what has come by now; the session is closing, and all that follows is for whom the tunnel leads to.
  std::vector<std::byte> accept_connect();
  void abort_response();  // half an answer: the connection ends before it
  void begin_shutdown();  // after the answer under way, or at once

  bool expects_continue() const { return expects_continue_; }
  bool answering() const { return answer_ == answer::due || answer_ == answer::under_way; }
  bool in_answer() const { return answer_ == answer::under_way; }  // its head has been written, and not its end
  // For the owner's clocks. A head that is under way: when its first byte was looked at; else time_point{}.
  time_point head_began() const { return head_began_; }
  time_point idle_since() const { return idle_since_; }  // when the last exchange was over; only meaningful when not answering

 private:
  enum class answer { none, due, under_way, whole };
  void on_start_line() override;
  void on_head() override;
  void on_fault(const refusal& why) override;
  bool on_whole(bool input_waits) override;
  void on_sent_whole() override;
  bool rest_is_droppable() const;
  void refuse(const refusal& why);
  void write_head(std::uint32_t status, const std::vector<field>& fields, std::int64_t length, framing how);

  server_events& handler_;
  const std::string_view scheme_;
  const bool connect_allowed_;
  answer answer_ = answer::none;
  bool http_1_1_ = true;
  bool head_only_ = false;  // HEAD
  bool connect_ = false;
  bool persistent_ = true;
  bool expects_continue_ = false;
  bool shutting_down_ = false;
  time_point idle_since_;
};

class client_events : public session_events {
 public:
  virtual void informational(std::uint32_t status, const response_head& head) = 0;
  virtual void response_started(const response_head& head, bool end) = 0;

 protected:
  ~client_events() = default;
};

class client_session final : public session {
 public:
  static constexpr std::uint32_t informational_max = 8;  // docs/passage.md 18

  client_session(const limits& within, buffer_pool& pool, decoded_block& scratch, client_events& events, time_point now);
  ~client_session() override;

  // Writes a request; reusable() must be true. False: nothing was written, for this cannot be said in HTTP/1.1: a method that is no token,
  // a target or an authority with bytes that end it, a length that is not kept. HTTP/2 permits some of that, so it is the client's fault:
  // answer 400.
  [[nodiscard]] bool open(const std::vector<field>& fields, bool end);
  void cancel();       // the connection is to be closed
  void peer_closed();  // the backend's end of stream: the end of an answer, a fault, or nothing

  // Both messages are complete, the backend keeps the connection, and nothing more has come.
  bool reusable() const;
  bool answered() const { return opened_ && !awaiting_ && phase_ == phase::whole && !failed(); }

 private:
  void on_start_line() override;
  void on_head() override;
  void on_fault(const refusal& why) override;
  bool on_whole(bool input_waits) override;
  void on_end_of_input() override;
  void on_sent_whole() override {}
  void fail(std::string_view reason);

  client_events& handler_;
  bool opened_ = false;
  bool awaiting_ = false;  // a request is open, and nothing is read for it yet
  bool asked_for_head_ = false;
  bool keeps_ = true;
  std::uint32_t informational_ = 0;
};

}  // namespace sallyport::http1
