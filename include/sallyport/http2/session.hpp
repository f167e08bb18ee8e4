// One end of one HTTP/2 connection (RFC 9113), without I/O: bytes in, events out; commands in, bytes out.
//
// server_session is our end towards a client, client_session our end towards a backend; what they share is `session`. Owned by one
// connection and used on its worker's thread only. Nothing here waits, reads a clock (the caller says what time it is) or allocates a
// request once warm. Bounded by `limits`, by the windows that were granted (64 KiB a stream), and by the mark: DATA enters the output only
// while that is below `output_mark_bytes`. A fault of the peer's that ends the connection queues a GOAWAY and makes `failed()` true; the
// caller flushes and closes.
#pragma once

#include <sallyport/core/asio.hpp>
#include <sallyport/core/defence.hpp>
#include <sallyport/core/result.hpp>
#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/codes.hpp>
#include <sallyport/http2/field.hpp>
#include <sallyport/http2/limits.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace sallyport::http2 {

using time_point = core::clock::time_point;

class closed_ids;
class hpack_decoder;
class hpack_encoder;

// What the windows of one client connection may grow by in one direction, in all (docs/passage.md 20). It outlives the streams that it is
// lent to, or they are disowned before.
class window_allowance {
 public:
  static constexpr std::int64_t bytes = 4 * 1024 * 1024;

  // While `pressed` is true, because buffers are short (docs/passage.md 23), nothing is granted. It outlives this.
  explicit window_allowance(const bool& pressed) : pressed_(pressed) {}
  bool take(std::int64_t more) {
    if ((core::defended("O05d") && pressed_) || more > left_) return false;
    left_ -= more;
    return true;
  }
  void give_back(std::int64_t granted) { left_ += granted; }
  std::int64_t left() const { return left_; }

 private:
  const bool& pressed_;
  std::int64_t left_ = bytes;
};

// One stream of this end. Made and freed by the session; a pointer is good until `closed` is told, or until both directions have ended and
// nothing waits.
struct stream {
  std::uint32_t id = 0;
  void* owner = nullptr;             // of whoever handles the events; nullptr: events of this stream are not told any more
  std::int64_t send_window = 0;      // what we may still send
  std::int64_t receive_window = 0;   // what the peer may still send
  std::int32_t window = 0;           // what it may send without credit; doubles with use, up to session::stream_window_max_bytes
  std::uint32_t uncredited = 0;      // taken from it and not given back yet
  std::int64_t content_length = -1;  // announced; -1: not
  std::int64_t content_received = 0;
  window_allowance* growth = nullptr;  // what the window grows from; nullptr: it does not
  time_point opened;
  bool remote_ended = false;       // END_STREAM has come
  bool local_ended = false;        // END_STREAM is written, or will follow what waits
  bool end_waits = false;          // END_STREAM follows the DATA that waits
  bool reset_waits = false;        // RST_STREAM(NO_ERROR) follows our END_STREAM: an answer before the request was whole (RFC 9113 8.1)
  bool stops_gently = false;       // and not in the same flush (docs/passage.md 12)
  bool head_received = false;      // client role: the final response head
  bool asked_for_head = false;     // client role: a HEAD request, whose response has no content whatever its content-length says
  bool queued = false;             // in the line of streams with DATA to send
  std::uint8_t informational = 0;  // client role: 1xx so far
  std::uint64_t flush =
      0;  // client role: the flush that its HEADERS leave with; server role, when not 0: the one after which it may be stopped
  bool head_has_state = false;                         // client role: they have changed the HPACK table, and must be sent
  time_point stops_since;                              // server role: when the answer was whole
  time_point stalled_since;                            // server role: its DATA waits for a window since then; 0: it does not
  std::uint64_t sent_when_stalled = 0, data_sent = 0;  // bytes
  std::unique_ptr<buffer> waiting;  // DATA that no window or room was there for; at most the other side's window, whose credit is withheld
  std::unique_ptr<std::vector<std::byte>> trailers;  // an encoded header block that follows it (server role; its encoder has no state)
  stream* next = nullptr;                            // in the table
  stream* next_queued = nullptr;
};

// What the session tells. Views live for the length of the call; commands may be given from within it, but not the session destroyed.
class session_events {
 public:
  virtual void data(stream& on, core::bytes payload, bool end) = 0;  // to be credited, by session::credit, when it has been passed on
  virtual void sent(stream& on, std::size_t bytes) = 0;              // DATA that had waited is in the output now
  virtual void closed(stream& on, code why, bool by_peer) = 0;       // reset: by the peer, or by us for its fault; gone after this call
  virtual void ping_answered() {}
  virtual void stream_failed(std::uint32_t, code) {}  // we reset a stream for the peer's fault, told of or not: for the log
  virtual void limit_reached(limit) {}                // one of `limits`, whatever came of it: for the metrics

 protected:
  ~session_events() = default;
};

// A budget that refills: `rate` a second up to `burst`.
class token_bucket {
 public:
  token_bucket(double burst, double rate) : burst_(burst), rate_(rate), left_(burst) {}
  bool take(time_point now, double reserve = 0);  // one, when more than the reserve is left
  void save(double tokens, double most) { left_ = left_ + tokens > most ? (left_ > most ? left_ : most) : left_ + tokens; }

 private:
  double burst_, rate_, left_;
  time_point last_{};
};

class session {
 public:
  static constexpr std::size_t output_mark_bytes = 256 * 1024;
  static constexpr std::size_t control_mark_bytes = 64 * 1024;
  static constexpr std::int32_t stream_window_bytes = 65'535, stream_window_max_bytes = 1 << 20;

  virtual ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // Bytes from the peer. After a fault everything is ignored.
  void receive(core::bytes in, time_point now);

  // What is to be written: moves waiting DATA into the output as far as windows and the mark allow. `output_taken` says that all of it was.
  core::bytes output();
  void output_taken();
  bool has_output() const { return !out_.empty() || (line_ && connection_send_window_ > 0); }
  bool takes_no_data() const { return connection_send_window_ <= 0; }  // of any stream
  std::size_t output_bytes() const { return out_.size(); }
  std::size_t output_memory() const { return out_.capacity(); }
  std::size_t acknowledgements() const { return acknowledgements_; }  // of PINGs and SETTINGS, that the output has
  // docs/passage.md 21: acknowledgements, resets, refusals, heads and trailers have no window. Above the mark the caller stops reading.
  bool control_is_high() const { return control_bytes_ > control_mark_bytes; }

  // Commands on a stream. Nothing happens to a stream that was reset meanwhile, because nobody has a pointer to it.
  // Returns how much of `payload` entered the output at once; the rest waits, and `sent` tells when it goes.
  std::size_t send_data(stream& on, core::bytes payload, bool end);
  void credit(stream& on, std::size_t bytes);  // the peer may send so much more on this stream
  void reset(stream& on, code why);            // RST_STREAM; the owner is not told
  void disown(stream& on);                     // no more events of it are told, and its window grows no more

  void grow_connection_window(std::int64_t to);
  void ping();
  bool ping_outstanding() const { return ping_outstanding_; }

  void fail(code why, std::string_view reason);  // GOAWAY and no more
  bool failed() const { return failed_; }
  code failure() const { return failure_; }
  std::string_view failure_reason() const { return failure_reason_; }  // fixed strings: for the log

  std::size_t open_streams() const { return count_; }
  time_point last_frame() const { return last_frame_; }  // when a frame of any kind came
  // When a header block, or a frame that is not DATA, has begun that is not whole yet; 0: none is under way.
  time_point unfinished_since() const;
  bool settings_acknowledged() const { return settings_acknowledged_; }
  // Calls f(stream&) for each open stream; f may end the stream it is given.
  template <class F>
  void for_each_stream(F&& f) const {
    for (std::size_t i = 0; i < table_.size(); ++i)
      for (auto* s = table_[i]; s;) {
        auto* const next = s->next;
        f(*s);
        s = next;
      }
  }

 protected:
  enum class side { server, client };
  session(side role, const limits& within, buffer_pool& pool, decoded_block& scratch, session_events& events, time_point now);

  // What the roles differ in.
  virtual void on_headers(std::uint32_t id, bool end, bool too_large) = 0;  // block_fields() has them
  virtual void on_goaway(std::uint32_t last_id, code why) = 0;
  virtual void on_settings() {}
  virtual void on_reset_budget_spent() = 0;
  virtual bool is_idle(std::uint32_t id) const = 0;
  virtual void before_output() {}

  const std::vector<field>& block_fields() const;
  bool block_had_too_many() const;  // fields; else it was too many bytes
  stream& open_stream(std::uint32_t id);
  stream* find(std::uint32_t id) const;
  void finish_if_done(stream& s);
  void remove(stream& s);
  void stream_error(std::uint32_t id, stream* s, code why);  // RST_STREAM for the peer's fault; counts in the reset budget
  void exceed(limit which, std::string_view reason);         // the end of a flood: GOAWAY(ENHANCE_YOUR_CALM)
  void stop_gently(stream& s);
  bool may_stop(const stream& s) const;  // the answer has left, and a moment has passed (docs/passage.md 12)
  bool take_end(stream& s);              // END_STREAM came; false: shorter than its content-length, and reset
  bool write_headers(std::uint32_t id, const std::vector<field>& fields, bool end);
  void write_rst(std::uint32_t id, code why);
  void write_goaway(std::uint32_t last_id, code why, std::string_view reason);
  void write_ping(std::uint64_t opaque, bool ack);
  void end_stream_now(stream& s);
  std::byte* frame(std::size_t payload, std::uint8_t type, std::uint8_t flags, std::uint32_t id);
  void append_block(std::uint32_t id, core::bytes block, bool end);

  limits limits_;
  session_events& events_;
  buffer out_;
  time_point now_;
  std::uint32_t highest_peer_id_ = 0;  // server: the last request's id
  std::uint32_t peer_max_streams_ = 0xffffffff;
  std::unique_ptr<hpack_encoder> encoder_;
  token_bucket resets_;
  std::unique_ptr<closed_ids> closed_;
  std::uint64_t flushes_ = 1;  // the number of the flush that is being filled
  std::int64_t connection_send_window_ = 65'535;

 private:
  void handle(std::uint8_t type, std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_data_frame(std::uint8_t flags, std::uint32_t id, std::size_t length, std::size_t content);
  void handle_padded_data(std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_headers(std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_continuation(std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_priority(std::uint32_t id, core::bytes payload);
  void handle_rst(std::uint32_t id, core::bytes payload);
  void handle_settings(std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_setting(std::uint16_t id, std::uint32_t value);
  void handle_ping(std::uint8_t flags, std::uint32_t id, core::bytes payload);
  void handle_window_update(std::uint32_t id, core::bytes payload);
  void handle_goaway(std::uint32_t id, core::bytes payload);
  bool take_header(core::bytes header);
  core::bytes take_preface(core::bytes in);
  void block_is_whole(core::bytes block);
  static bool content_fits(const stream& s, std::size_t content, bool end);
  void data_payload(core::bytes payload, bool last);
  void count_connection(std::size_t bytes);
  void change_initial_window(std::uint32_t value);
  void queue(stream& s);
  void unqueue(stream& s);
  void pump();
  void pump_one(stream& s);
  void finish_sending(stream& s);
  void write_window_update(std::uint32_t id, std::uint32_t bytes);
  static std::uint32_t grown(stream& s);

  const side role_;
  decoded_block& scratch_;
  std::unique_ptr<hpack_decoder> decoder_;

  // The frame under way.
  std::vector<std::byte> rest_;  // a frame that is not whole yet, DATA excepted
  time_point rest_since_, block_since_;
  std::size_t data_left_ = 0;      // of a DATA frame's payload
  stream* data_stream_ = nullptr;  // whose it is; nullptr: credited and dropped
  std::uint32_t data_id_ = 0;
  bool data_ends_ = false;
  std::size_t preface_seen_ = 0;
  bool settings_seen_ = false, settings_acknowledged_ = false;
  std::vector<std::byte> block_;  // a header block over several frames
  std::uint32_t block_id_ = 0;    // not 0: a CONTINUATION of this stream must follow
  bool block_ends_ = false;
  std::uint32_t block_continuations_ = 0;

  std::int64_t connection_receive_window_ = 65'535, connection_window_target_ = 65'535;
  std::int64_t connection_uncredited_ = 0;
  std::int64_t peer_initial_window_ = 65'535;

  std::vector<stream*> table_;  // chained, by id
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<stream>> all_;  // owns every stream, in use or spare
  std::vector<stream*> spare_;
  stream* line_ = nullptr;  // streams with DATA to send, first in line
  stream* line_end_ = nullptr;

  std::uint32_t goaway_id_ = 0x7fffffff;  // the last id that our GOAWAYs named: never raised again

  std::size_t control_bytes_ = 0, last_output_bytes_ = 0, acknowledgements_ = 0;
  token_bucket pings_, settings_, unknown_frames_;
  std::uint32_t empty_data_ = 0;                      // frames in a row
  std::uint64_t data_sent_ = 0, streams_opened_ = 0;  // frames, streams: what the limits on WINDOW_UPDATE and PRIORITY follow
  std::uint64_t window_updates_ = 0, priorities_ = 0;
  std::uint64_t ping_number_ = 0;
  bool ping_outstanding_ = false;
  time_point last_frame_;

  bool failed_ = false;
  code failure_ = code::no_error;
  std::string_view failure_reason_;
};

class server_events : public session_events {
 public:
  // A head that is whole and valid (or too_large). `on.owner` is for the handler to set.
  virtual void request_started(stream& on, const request_head& head, bool end) = 0;

 protected:
  ~server_events() = default;
};

class server_session final : public session {
 public:
  server_session(const limits& within, buffer_pool& pool, decoded_block& scratch, server_events& events, time_point now,
                 bool connect_allowed = false);

  void send_head(stream& on, const std::vector<field>& fields, bool end);
  void send_trailers(stream& on, const std::vector<field>& fields);  // after the DATA that waits
  // An answer that is whole before the request is: RST_STREAM(NO_ERROR) after our END_STREAM, and what still comes is credited
  // (docs/passage.md 12). at_once: it leaves with the turn's output, unless the end of the request has come by then: a client that sent all
  // at once sees one HEADERS alone. gently: 100 ms after that flush, with the stream's next DATA or from `sweep`, because curl 7.88 loses
  // an answer that a reset follows.
  enum class stop { at_once, gently };
  void stop_request(stream& on, stop how);
  void sweep(time_point now);  // a few times a second

  // Answers that wait for a window, and whose owners are done with them: memory, and the end of all of them (docs/passage.md 23).
  std::size_t unowned_waiting() const;
  void drop_unowned();

  // GOAWAY in two steps (RFC 9113 6.8): begin announces 2^31-1 and sends a PING; `finish_shutdown`, when that was answered or time is up,
  // names the real last id.
  void begin_shutdown();
  void finish_shutdown();
  bool shutting_down() const { return shutdown_ != step::none; }
  bool shutdown_announced() const { return shutdown_ == step::announced; }
  bool drained() const { return shutdown_ == step::finished && open_streams() == 0 && !has_output(); }

 private:
  void on_headers(std::uint32_t id, bool end, bool too_large) override;
  void on_goaway(std::uint32_t last_id, code why) override;
  void on_reset_budget_spent() override;
  bool is_idle(std::uint32_t id) const override { return (id & 1) == 0 || id > highest_peer_id_; }
  void before_output() override;
  void late_headers(std::uint32_t id, bool end);
  void trailers(stream& s, bool end);
  bool is_stalled(stream& s) const;
  bool bears_oversize();  // counts it; false: it was one too many

  server_events& handler_;
  const bool connect_allowed_;
  std::vector<std::uint32_t> stopped_;  // streams that were answered this turn before their request was whole
  enum class step { none, announced, finished } shutdown_ = step::none;
  std::uint32_t last_accepted_id_ = 0x7fffffff;
  token_bucket refused_;
  std::uint32_t oversize_ = 0;
  time_point oversize_since_{};
};

class client_events : public session_events {
 public:
  virtual void informational(stream&, const response_head&) {}  // 1xx: grpcio makes UNKNOWN of it, REST wants it
  virtual void response_started(stream& on, const response_head& head, bool end) = 0;
  virtual void response_trailers(stream& on, const response_head& trailers) = 0;  // the end of the stream
  virtual void unprocessed(stream& on) = 0;  // above a GOAWAY's last id: certainly not processed; gone after this call
  virtual void going_away(code why) = 0;     // the peer takes no new streams

 protected:
  ~client_events() = default;
};

class client_session final : public session {
 public:
  client_session(const limits& within, buffer_pool& pool, decoded_block& scratch, client_events& events, time_point now);

  // How many more streams may be opened now: the peer's limit, ours, the mark of the output, 2^30 ids (docs/passage.md 14, 21).
  std::size_t capacity() const;
  stream& open(const std::vector<field>& fields, bool end, void* owner);  // capacity() must not be 0
  bool retiring() const { return going_away_ || next_id_ >= retire_at_id; }
  // A request whose HEADERS have not left is taken out of the output, when they have not changed the HPACK table: the backend never hears
  // of it. Else RST_STREAM(CANCEL), within the budget of resets that backends bear (docs/passage.md 18) and within `also`, which the
  // caller may keep for several sessions; false: one is spent, the stream is orphaned and its slot kept until it is answered or `sweep`
  // finds the budget refilled.
  bool cancel(stream& on, token_bucket* also = nullptr);
  void sweep(time_point now);                       // a few times a second
  std::size_t orphans() const { return orphans_; }  // at the last sweep

 private:
  static constexpr std::uint32_t retire_at_id = 1u << 30;
  void on_headers(std::uint32_t id, bool end, bool too_large) override;
  void on_goaway(std::uint32_t last_id, code why) override;
  void on_reset_budget_spent() override {}
  bool is_idle(std::uint32_t id) const override { return (id & 1) == 0 || id >= next_id_; }
  void response(stream& s, bool end);
  void take_back(stream& s);

  client_events& handler_;
  std::size_t orphans_ = 0;
  std::uint32_t next_id_ = 1;
  bool going_away_ = false;
};

}  // namespace sallyport::http2
