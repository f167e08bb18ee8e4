#include "conversations_ends.hpp"

#include <algorithm>

namespace sallyport::proxy::conversations {

end::end(int descriptor, std::uint64_t seed, const habits& manners, std::string name)
    : chance_(seed), manners_(manners), descriptor_(descriptor), name_(std::move(name)) {
  ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

end::~end() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void end::fault(const std::string& what, std::uint32_t id) const {
  throw std::runtime_error(name_ + (id ? ", stream " + std::to_string(id) : "") + ": " + what);
}

bool end::turn(bool idle) {
  const auto before = written_;
  flush();
  bool moved = written_ != before;
  if (!closed_ && (idle || !chance_.percent(manners_.lazy))) moved = read() || moved;
  if (closed_) return moved;
  moved = act(idle) || moved;
  if (!output_closed_) moved = give_credit(idle) || moved;
  const auto middle = written_;
  if (manners_.write_most == 0 && !manners_.cut) flush();
  return moved || written_ != middle;
}

std::string end::describe(std::uint32_t id) const {
  const auto& s = streams_.at(id);
  const auto flag = [](bool b, const char* text) { return std::string(b ? text : ""); };
  return " " + std::to_string(id) + " (may send " + std::to_string(s.may_send) + " of " + std::to_string(may_send_) + ", has granted " +
         std::to_string(s.granted) + " of " + std::to_string(granted_) + ", pending " + std::to_string(s.pending) +
         flag(s.out_ended, ", has ended") + flag(s.in_ended, ", was ended") + flag(s.out_reset, ", has reset") +
         flag(s.in_reset, ", was reset") + flag(s.head_came, ", has a head") + ")";
}

// ---- out

void end::flush() {
  auto most = manners_.write_most ? std::min(manners_.write_most, out_.size()) : out_.size();
  if (manners_.cut && written_ < *manners_.cut) most = std::min(most, *manners_.cut - written_);
  while (most && !closed_) {
    const auto n = ::send(descriptor_, out_.data(), most, MSG_NOSIGNAL);
    if (n <= 0) return;  // the peer does not read, or has gone: reading tells
    out_.erase(0, static_cast<std::size_t>(n));
    written_ += static_cast<std::size_t>(n);
    most -= static_cast<std::size_t>(n);
  }
}

void end::hang_up(bool abrupt) {
  out_.clear();
  closed_ = true;
  const linger now{1, 0};
  if (abrupt) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(descriptor_, -1));
}

// What was written goes out first; what comes is still read.
void end::close_output() {
  output_closed_ = true;
  ::shutdown(descriptor_, SHUT_WR);
}

end::half& end::open_half(std::uint32_t id) {
  const auto [at, fresh] = streams_.try_emplace(id);
  if (fresh) at->second.may_send = initial_out_;
  return at->second;
}

void end::put_head(std::uint32_t id, const headers& fields, bool ends) {
  const bool fresh = !streams_.contains(id);
  auto& s = open_half(id);
  if (fresh) s.granted = initial_in_sent_;  // what we announced before is known when this is read
  auto block = writer_.encode(fields, chance_);
  std::string payload;
  std::uint8_t flags = ends ? h2::end_stream : h2::none;
  const bool padded = chance_.percent(25), weighed = weighs_ && chance_.percent(20);
  const auto padding = padded ? chance_.below(200) : 0;
  if (padded) {
    flags |= h2::padded;
    payload += static_cast<char>(padding);
  }
  if (weighed) {
    flags |= 0x20;
    payload += h2::big_endian(id > 1 && chance_.percent(50) ? id - 2 : 0, 4) + static_cast<char>(chance_.below(256));
  }
  const auto first = chance_.percent(40) ? chance_.below(block.size() + 1) : block.size();
  auto taken = std::min<std::size_t>(first, 16'000);
  payload += block.substr(0, taken) + std::string(padding, '\0');
  // Seven more frames at most: the product bears eight.
  std::vector<std::string> more;
  while (taken < block.size()) {
    const auto left = block.size() - taken;
    const auto n = std::min<std::size_t>(more.size() < 3 && chance_.percent(50) ? chance_.below(left + 1) : left, 16'384);
    more.push_back(block.substr(taken, n));
    taken += n;
  }
  put(h2::make(h2::head, static_cast<std::uint8_t>(flags | (more.empty() ? h2::end_headers : h2::none)), id, payload));
  for (std::size_t i = 0; i < more.size(); ++i)
    put(h2::make(h2::continuation, i + 1 == more.size() ? h2::end_headers : h2::none, id, more[i]));
  s.out_ended = s.out_ended || ends;
}

std::size_t end::room(const half& s, std::size_t left, std::size_t most) const {
  const auto window = std::min(s.may_send, may_send_);
  return window <= 0 ? 0 : std::min({left, most, static_cast<std::size_t>(window), std::size_t{16'384}});
}

// Padding is what fits beside the content.
void end::put_data(std::uint32_t id, std::string_view bytes, bool ends, bool padded) {
  auto& s = streams_.at(id);
  const auto window = static_cast<std::size_t>(std::max<std::int64_t>(std::min(s.may_send, may_send_), 0));
  const auto most = std::min<std::size_t>(window, 16'384);
  padded = padded && bytes.size() < most;
  std::string payload(bytes);
  if (padded) {
    const auto padding = std::min<std::size_t>(chance_.below(256), most - bytes.size() - 1);
    payload = static_cast<char>(padding) + payload + std::string(padding, '\0');
  }
  const auto n = static_cast<std::int64_t>(payload.size());
  s.may_send -= n;
  may_send_ -= n;
  s.content_out += static_cast<std::int64_t>(bytes.size());
  s.out_ended = ends;
  data_sent(payload.size());
  put(h2::make(h2::data, static_cast<std::uint8_t>((ends ? h2::end_stream : 0) | (padded ? h2::padded : 0)), id, payload));
}

// All that comes on the stream after the answer to the PING is a fault.
void end::put_reset(std::uint32_t id, std::uint32_t why) {
  put(h2::make_rst(id, why));
  auto& s = streams_.at(id);
  s.out_reset = true;
  s.unheard = !may_ping();
  if (!s.unheard) put_ping([this, id] { streams_.at(id).silent = true; });
}

void end::put_settings(const std::vector<setting>& values) {
  announced fresh{values, {}};
  for (const auto& [id, s] : streams_) fresh.streams.insert(id);
  settings_.push_back(std::move(fresh));
  for (const auto& [id, value] : values)
    if (id == 4) initial_in_sent_ = value;
  put(h2::make_settings(values));
}

void end::put_ping(std::function<void()> answered) {
  ++pings_sent_;
  pings_.emplace_back(h2::big_endian(++ping_number_ * 0x9e3779b97f4a7c15u, 8), std::move(answered));
  put(h2::make(h2::ping, h2::none, 0, pings_.back().first));
}

void end::put_unknown() {
  const auto id = chance_.percent(50) || streams_.empty() ? 0 : streams_.begin()->first;
  put(h2::make(static_cast<std::uint8_t>(chance_.between(10, 255)), static_cast<std::uint8_t>(chance_.below(256)), id,
               chance_.bytes(chance_.size(300))));
}

// ---- in

bool end::read() {
  bool moved = false;
  for (int i = 0; i < 4; ++i) {
    char room[65'536];
    const auto n = ::recv(descriptor_, room, sizeof room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    moved = true;
    if (n <= 0) {
      closed_ = true;
      if (in_block_ || !reader_.bytes.empty()) fault("the connection ends inside a frame");
      ended();
      return true;
    }
    reader_.bytes.append(room, static_cast<std::size_t>(n));
    if (expects_preface_) {
      if (reader_.bytes.size() < h2::preface.size()) continue;
      if (!reader_.bytes.starts_with(h2::preface)) fault("no preface");
      reader_.bytes.erase(0, h2::preface.size());
      expects_preface_ = false;
    }
    while (const auto f = reader_.next()) {
      take(*f);
      if (closed_) return true;
    }
  }
  return moved;
}

void end::take(const h2::frame& f) {
  head_frames_in_ += f.type == h2::head;
  if (!settings_came_ && f.type != h2::settings) fault("the first frame is not SETTINGS");
  if (f.payload.size() > 16'384) fault("a frame over SETTINGS_MAX_FRAME_SIZE", f.id);
  if (in_block_ && (f.type != h2::continuation || f.id != block_.id)) fault("a frame inside a header block", f.id);
  if (f.id && streams_.contains(f.id) && streams_.at(f.id).silent) fault("a frame after our reset was acknowledged", f.id);
  switch (f.type) {
    case h2::data: return take_data(f);
    case h2::head:
      if (f.id == 0 || f.flags & ~(h2::end_stream | h2::end_headers)) fault("HEADERS with padding, a priority or without a stream", f.id);
      block_ = f;
      in_block_ = true;
      break;
    case h2::continuation:
      if (!in_block_) fault("CONTINUATION without HEADERS", f.id);
      block_.payload += f.payload;
      break;
    case h2::rst: {
      if (f.payload.size() != 4) fault("RST_STREAM of a wrong length", f.id);
      if (!streams_.contains(f.id)) fault("RST_STREAM of an idle stream", f.id);
      auto& s = streams_.at(f.id);
      if (std::exchange(s.in_reset, true)) fault("a second RST_STREAM", f.id);
      if (!s.out_reset && !ignores(f.id)) was_reset(f.id, f.number());
      return;
    }
    case h2::settings: return take_settings(f);
    case h2::ping:
      if (f.payload.size() != 8 || f.id) fault("PING of a wrong form");
      if (!(f.flags & h2::ack)) return put(h2::make(h2::ping, h2::ack, 0, f.payload));
      if (pings_.empty() || pings_.front().first != f.payload) fault("an answer to no PING");
      if (const auto told = std::exchange(pings_.front().second, {})) told();
      pings_.pop_front();
      return;
    case h2::goaway:
      if (!takes_goaway()) fault("GOAWAY " + std::to_string(f.number(4)) + " " + f.payload.substr(8));
      return;
    case h2::window: return take_window(f);
    default: fault("a frame of type " + std::to_string(f.type), f.id);
  }
  if (f.flags & h2::end_headers) take_block();
}

void end::take_data(const h2::frame& f) {
  ++data_frames_in_;
  if (!streams_.contains(f.id)) fault("DATA on an idle stream", f.id);
  auto& s = streams_.at(f.id);
  if (f.flags & ~h2::end_stream) fault("DATA with padding", f.id);
  if (s.in_ended || s.in_reset) fault("DATA after the end", f.id);
  if (!s.head_came) fault("DATA before a head", f.id);
  const auto n = static_cast<std::int64_t>(f.payload.size());
  s.granted -= n;
  granted_ -= n;
  if (n && s.granted < 0 && !s.out_reset) fault("DATA over the stream's window by " + std::to_string(-s.granted), f.id);
  if (n && granted_ < 0) fault("DATA over the connection's window by " + std::to_string(-granted_), f.id);
  pending_ += n;
  s.pending += n;
  s.in_ended = f.ends();
  if (!s.out_reset && !ignores(f.id)) content(f.id, f.payload, f.ends());
}

void end::take_block() {
  in_block_ = false;
  auto fields = judge_.read(block_.payload);
  const bool fresh = !streams_.contains(block_.id);
  auto& s = open_half(block_.id);
  if (fresh) s.granted = initial_in_;
  if (s.in_ended || s.in_reset) fault("HEADERS after the end", block_.id);
  s.head_came = true;
  s.in_ended = block_.ends();
  if (!s.out_reset && !ignores(block_.id)) head(block_.id, std::move(fields), block_.ends());
}

void end::take_settings(const h2::frame& f) {
  if (f.id || f.payload.size() % 6 || (f.flags & h2::ack && !f.payload.empty())) fault("SETTINGS of a wrong form");
  if (f.flags & h2::ack) return settings_acknowledged();
  settings_came_ = true;
  for (std::size_t at = 0; at < f.payload.size(); at += 6) {
    const auto id = f.number(at) >> 16;
    if (id == 1 || id == 4 || id == 5) fault("a setting that the product has no use for");
    if (id == 3) peer_streams_ = f.number(at + 2);
  }
  put(h2::make(h2::settings, h2::ack, 0));
}

// From now on the peer goes by them (RFC 9113 6.5.3).
void end::settings_acknowledged() {
  if (settings_.empty()) fault("an acknowledgement of no SETTINGS");
  const auto known = std::move(settings_.front());
  settings_.pop_front();
  ++settings_known_;
  for (const auto& [id, value] : known.values) {
    if (id == 1) judge_.limit_table(value);
    if (id != 4) continue;
    const auto change = static_cast<std::int64_t>(value) - initial_in_;
    initial_in_ = value;
    for (auto& [number, s] : streams_)
      if (s.head_came || known.streams.contains(number)) s.granted += change;
  }
}

void end::take_window(const h2::frame& f) {
  if (f.payload.size() != 4 || f.number() == 0) fault("WINDOW_UPDATE of a wrong form", f.id);
  if (f.id == 0) {
    may_send_ += f.number();
    if (may_send_ > 0x7fffffff) fault("a window over 2^31-1");
    return credited(0, f.number());
  }
  if (!streams_.contains(f.id)) fault("WINDOW_UPDATE of an idle stream", f.id);
  auto& s = streams_.at(f.id);
  if (s.in_reset) fault("WINDOW_UPDATE after RST_STREAM", f.id);
  s.may_send += f.number();
  // Nothing is granted beyond the 64 KiB before a stream has carried two windows, and never more than a MiB (docs/passage.md 20).
  if (s.may_send > (s.content_out < 2 * first_window ? first_window : 1 << 20)) fault("more credit than was used", f.id);
  credited(f.id, f.number());
}

// ---- credit

std::int64_t end::wanted(std::uint32_t id, std::int64_t granted, std::int64_t pending, bool idle) {
  switch (manners_.gives) {
    case habits::credit::at_once: return granted <= 0 ? std::max<std::int64_t>(pending, first_window - granted) : pending;
    case habits::credit::late:
      if (granted > 0 && !(idle && pending && chance_.percent(20))) return 0;
      return std::max<std::int64_t>(pending, 1'000 - granted);
    case habits::credit::small_steps: break;
  }
  return granted > 0 ? 0 : static_cast<std::int64_t>(id ? manners_.step : 8 * manners_.step) - granted;
}

bool end::give_credit(bool idle) {
  bool gave = false;
  const auto give = [&](std::uint32_t id, std::int64_t& granted, std::int64_t& pending) {
    if (!may_credit()) return;
    const auto more = wanted(id, granted, pending, idle);
    if (more <= 0) return;
    put(h2::make_window(id, static_cast<std::uint32_t>(more)));
    ++window_updates_;
    granted += more;
    pending = 0;
    gave = true;
  };
  give(0, granted_, pending_);
  for (auto& [id, s] : streams_)
    if (!s.in_ended && !s.in_reset && !s.out_reset) give(id, s.granted, s.pending);
  return gave;
}

}  // namespace sallyport::proxy::conversations
