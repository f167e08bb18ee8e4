// The two ends of a conversation: clients that ask and a backend that answers, each by its plan, a turn at a time on the test's thread.
// What comes is judged as it comes, by RFC 9113 alone: an end throws at a frame that its peer must not send.
#pragma once

#include "conversations.hpp"

#include "support/h2_wire.hpp"
#include "support/hpack_choices.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <set>

namespace sallyport::proxy::conversations {

namespace h2 = support::h2;
using support::frame_reader;

// What both have in common: one end of one connection.
class end {
 public:
  end(int descriptor, std::uint64_t seed, const habits& manners, std::string name);
  virtual ~end();
  end(const end&) = delete;
  end& operator=(const end&) = delete;

  // A turn: writes, reads, acts. True: something moved.
  bool turn(bool idle);
  bool closed() const { return closed_; }
  std::size_t written() const { return written_; }
  const std::string& name() const { return name_; }
  std::string describe(std::uint32_t id) const;

 protected:
  static constexpr std::int64_t first_window = 65'535;
  // What an end knows of a stream.
  struct half {
    std::int64_t may_send = 0, granted = 0, pending = 0;  // pending: came and was not credited
    std::int64_t content_out = 0;
    bool out_ended = false, out_reset = false, in_ended = false, in_reset = false;
    bool head_came = false;
    bool silent = false;   // the peer has acknowledged what we sent after our reset
    bool unheard = false;  // and was not asked to
    bool over() const { return (out_ended && in_ended) || out_reset || in_reset; }
  };

  [[noreturn]] void fault(const std::string& what, std::uint32_t id = 0) const;

  // For the roles.
  virtual bool act(bool idle) = 0;
  virtual void head(std::uint32_t id, headers fields, bool ends) = 0;
  virtual void content(std::uint32_t id, std::string_view bytes, bool ends) = 0;
  virtual void was_reset(std::uint32_t id, std::uint32_t why) = 0;
  virtual void ended() = 0;
  virtual bool may_credit() const { return true; }
  virtual bool may_ping() const { return true; }
  virtual bool takes_goaway() const { return false; }
  virtual bool ignores(std::uint32_t) const { return false; }  // what comes on this stream
  virtual void credited(std::uint32_t, std::uint32_t) {}
  virtual void data_sent(std::size_t) {}  // as windows count it

  void put(std::string_view bytes) {
    if (!mute_) out_ += bytes;
  }
  void say_no_more() { mute_ = true; }
  void put_head(std::uint32_t id, const headers& fields, bool ends);
  void put_data(std::uint32_t id, std::string_view bytes, bool ends, bool padded);
  void put_reset(std::uint32_t id, std::uint32_t why);
  void put_settings(const std::vector<setting>& values);
  void put_ping(std::function<void()> answered = {});
  void put_unknown();
  // How much of `left` may go in one frame now, with or without padding; 0: nothing.
  std::size_t room(const half& s, std::size_t left, std::size_t most) const;
  std::size_t unsent() const { return out_.size(); }
  void flush();
  void hang_up(bool abrupt);
  void close_output();

  dice chance_;
  habits manners_;
  std::map<std::uint32_t, half> streams_;
  std::int64_t may_send_ = first_window, granted_ = first_window, pending_ = 0;
  std::uint32_t initial_out_ = first_window;  // of the peer's SETTINGS: never sent by the product
  std::uint64_t window_updates_ = 0, pings_sent_ = 0, data_frames_in_ = 0, head_frames_in_ = 0;
  std::size_t pings_waiting() const { return pings_.size(); }
  std::size_t settings_waiting() const { return settings_.size(); }
  bool expects_preface_ = false, weighs_ = false;  // HEADERS with PRIORITY
  std::size_t settings_known_ = 0;                 // of ours, acknowledged
  std::uint32_t initial_in_sent_ = first_window;   // as our last SETTINGS say
  std::uint32_t initial_in_ = first_window;        // as those that were acknowledged say
  std::uint32_t peer_streams_ = 0xffffffff;

 private:
  bool read();
  void take(const h2::frame& f);
  void take_data(const h2::frame& f);
  void take_block();
  void take_settings(const h2::frame& f);
  void settings_acknowledged();
  void take_window(const h2::frame& f);
  half& open_half(std::uint32_t id);
  bool give_credit(bool idle);
  std::int64_t wanted(std::uint32_t id, std::int64_t granted, std::int64_t pending, bool idle);

  int descriptor_;
  const std::string name_;
  std::string out_;
  std::size_t written_ = 0;
  frame_reader reader_;
  support::hpack_chooser writer_;
  support::hpack_judge judge_;
  h2::frame block_;
  bool in_block_ = false, closed_ = false, settings_came_ = false, output_closed_ = false, mute_ = false;
  struct announced {
    std::vector<setting> values;
    std::set<std::uint32_t> streams;  // that were open then
  };
  std::deque<announced> settings_;
  std::deque<std::pair<std::string, std::function<void()>>> pings_;
  std::uint64_t ping_number_ = 0;
};

// A client, and its answers.
class caller final : public end {
 public:
  caller(int descriptor, const client_plan& plan, std::size_t number, std::vector<seen_answer>& seen);
  bool done() const { return closed(); }
  std::string left_open() const;
  std::size_t script_bytes() const { return script_; }  // all_at_once: what it writes whatever comes

 private:
  struct request {
    std::size_t sent = 0, steps = 0, empties = 0;
    std::uint32_t id = 0;
    bool all_sent = false;
  };
  bool act(bool idle) override;
  void head(std::uint32_t id, headers fields, bool ends) override;
  void content(std::uint32_t id, std::string_view bytes, bool ends) override;
  void was_reset(std::uint32_t id, std::uint32_t why) override;
  void ended() override;
  bool may_credit() const override;
  bool may_ping() const override;
  void credited(std::uint32_t id, std::uint32_t bytes) override;
  void data_sent(std::size_t bytes) override { sums_.insert(sum_ += static_cast<std::int64_t>(bytes)); }

  bool widen();
  bool ask_next();
  bool step(std::size_t at);
  bool send_some(std::size_t at);
  void finish_request(std::size_t at);
  void give_up(std::size_t at);
  bool is_over(std::size_t at) const;
  bool disturb();
  bool say_goodbye();
  bool all_over() const;
  bool count_to_zero();
  static std::size_t at_of(std::uint32_t id) { return (id - 1) / 2; }

  const client_plan& plan_;
  std::vector<seen_answer>& seen_;
  std::vector<request> requests_;
  std::size_t asked_ = 0, turns_ = 0, later_ = 0, empties_in_a_row_ = 0;
  unsigned pings_left_, unknown_left_, priorities_left_;
  std::int64_t target_ = first_window;  // of the connection's window
  std::set<std::int64_t> sums_{0};      // of DATA, after each frame
  std::int64_t sum_ = 0, back_ = 0;     // sent; credited
  std::size_t script_ = 0;
  bool widened_ = false, goodbye_asked_ = false, goodbye_said_ = false, hung_up_ = false;
  bool counting_ = false, was_credited_ = false, counted_ = false;
};

// What all connections of the backend share.
struct desk {
  const conversation& plan;
  record& what;
  std::map<std::string, std::pair<std::size_t, std::size_t>> by_path;  // client, request
};

class server final : public end {
 public:
  server(int descriptor, const serving_plan& plan, std::size_t number, desk& shared);
  // No stream is left open that nobody has ended.
  bool at_rest() const;
  std::string left_open() const;
  void house_closes() { house_closes_ = true; }

 private:
  struct answering {
    attempt* of = nullptr;
    std::size_t client = 0, request = 0, number = 0;
    bool done = false;
  };
  bool act(bool idle) override;
  void head(std::uint32_t id, headers fields, bool ends) override;
  void content(std::uint32_t id, std::string_view bytes, bool ends) override;
  void was_reset(std::uint32_t id, std::uint32_t why) override;
  void ended() override;
  bool takes_goaway() const override { return house_closes_; }
  bool ignores(std::uint32_t id) const override { return id > last_; }
  bool answer(std::uint32_t id, answering& a);
  bool answer_body(std::uint32_t id, answering& a, const answer_plan& plan);
  bool is_due(const answering& a, const answer_plan& plan) const;
  attempt& record_of(const answering& a) const;
  void reset(std::uint32_t id, answering& a, std::uint32_t why);
  bool weather();
  void goodbye(std::uint32_t last);
  void die();
  std::size_t open_streams() const;

  const serving_plan& plan_;
  const std::size_t number_;
  desk& shared_;
  std::map<std::uint32_t, answering> answers_;
  std::vector<std::uint32_t> under_way_;
  std::size_t later_ = 0;
  unsigned pings_left_, unknown_left_;
  unsigned goodbyes_ = 0;
  std::uint32_t last_ = 0x7fffffff, highest_ = 0;
  bool dead_ = false, house_closes_ = false, retiring_ = false;
};

}  // namespace sallyport::proxy::conversations
