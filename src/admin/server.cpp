#include <sallyport/admin/socket.hpp>
#include <sallyport/core/deadline.hpp>
#include <sallyport/core/secret.hpp>
#include <sallyport/core/task_group.hpp>

#include "limits.hpp"
#include "socket_file.hpp"
#include "wiping.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace sallyport::admin {

namespace {

namespace asio = core::asio;
namespace json = boost::json;
using protocol = asio::local::stream_protocol;
using unix_socket = asio::basic_stream_socket<protocol, core::executor>;
using unix_acceptor = asio::basic_socket_acceptor<protocol, core::executor>;

// Where a connection waits for the handler's answer, which may come from any thread and however late: after the connection has ended, after
// the worker itself has. So the handler holds only `shared`, whose mutex orders "the connection has gone" before or after "the answer is
// posted"; nothing is posted to a worker that no longer exists, and nothing of the worker's outlives it.
class answer_slot {
 public:
  explicit answer_slot(core::executor on) : shared_(std::make_shared<shared>(on, this)), wake_(on, core::timer::time_point::max()) {}
  answer_slot(const answer_slot&) = delete;
  answer_slot& operator=(const answer_slot&) = delete;
  ~answer_slot() {
    const std::lock_guard lock(shared_->mutex);
    shared_->open = false;
    shared_->slot = nullptr;
  }

  std::function<void(json::object)> filler() {
    return [to = shared_](json::object answer) {
      const std::lock_guard lock(to->mutex);
      if (!std::exchange(to->open, false)) return;  // a second answer is a bug of the handler's that changes nothing
      asio::post(to->worker, [to, answer = std::move(answer)]() mutable {
        if (!to->slot) return;
        to->slot->answer_ = std::move(answer);
        to->slot->wake_.cancel();
      });
    };
  }

  core::task<core::result<json::object>> taken() {
    while (!answer_) co_await wake_.async_wait(core::await);
    co_return std::move(*answer_);
  }

 private:
  struct shared {
    shared(core::executor on, answer_slot* waiting) : worker(on), slot(waiting) {}
    std::mutex mutex;
    bool open = true;
    core::executor worker;
    answer_slot* slot;  // the worker's: read and written on its thread alone
  };
  std::shared_ptr<shared> shared_;
  core::timer wake_;
  std::optional<json::object> answer_;
};

json::object refusal(std::string_view code, std::string_view text) {
  json::object answer;
  answer["error"] = text;
  answer["code"] = code;
  return answer;
}

std::optional<json::object> parse_request(std::string_view line) {
  json::parse_options options;
  options.max_depth = depth_max;
  core::error_code ec;
  try {
    json::value parsed = json::parse(json::string_view(line.data(), line.size()), ec, wiping(), options);
    if (!ec && parsed.is_object()) return std::move(parsed.as_object());
  } catch (const std::exception&) {  // no memory
  }
  return {};
}

}  // namespace

struct server::impl {
  impl(core::executor on, socket_file made, handler answerer, telemetry::logger& logger)
      : file(std::move(made)), acceptor(on), connections(on), answer(std::move(answerer)), log(logger) {}

  socket_file file;
  unix_acceptor acceptor;
  core::task_group connections;
  handler answer;
  telemetry::logger& log;

  core::task<void> serve(unix_socket client);
  core::task<core::result<std::string>> read_line(unix_socket& client, std::string& kept);
  core::task<core::result<core::progress>> write_line(unix_socket& client, const json::object& words);
  core::task<core::result<json::object>> answered(std::string_view line);
};

// The next line, without its end. `kept` is what came after it.
core::task<core::result<std::string>> server::impl::read_line(unix_socket& client, std::string& kept) {
  char buffer[4096];
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = kept.find('\n', searched); end != std::string::npos) {
      std::string line = kept.substr(0, end);
      std::string rest = kept.substr(end + 1);
      core::wipe(kept);
      kept = std::move(rest);
      ::explicit_bzero(buffer, sizeof buffer);
      co_return line;
    }
    searched = kept.size();
    if (kept.size() > request_max_bytes) co_return core::error_code(asio::error::message_size);
    const auto [ec, size] = co_await client.async_read_some(asio::buffer(buffer), core::await);
    if (ec) co_return ec;
    // Grown by hand: a string that grows by itself leaves its old memory unwiped.
    if (kept.capacity() < kept.size() + size) {
      std::string wider;
      wider.reserve(2 * (kept.size() + size));
      wider += kept;
      core::wipe(kept);
      kept = std::move(wider);
    }
    kept.append(buffer, size);
  }
}

core::task<core::result<core::progress>> server::impl::write_line(unix_socket& client, const json::object& words) {
  std::string line = json::serialize(words);
  line += '\n';
  const auto [ec, size] = co_await asio::async_write(client, asio::buffer(line), core::await);
  if (ec) co_return ec;
  co_return core::progress::done;
}

core::task<core::result<json::object>> server::impl::answered(std::string_view line) {
  auto request = parse_request(line);
  if (!request) co_return refusal("bad_request", "a request is one JSON object in one line");
  answer_slot slot(acceptor.get_executor());
  answer(std::move(*request), slot.filler());
  co_return co_await slot.taken();
}

core::task<void> server::impl::serve(unix_socket client) {
  std::string kept;
  for (;;) {
    auto line = co_await core::with_deadline(read_line(client, kept), request_limit);
    if (!line) {
      const json::object words = refusal("bad_request", "a request has at most 64 KiB");
      if (line.error() == asio::error::message_size) co_await core::with_deadline(write_line(client, words), request_limit);
      break;
    }
    auto words = co_await core::with_deadline(answered(*line), request_limit);
    core::wipe(*line);
    const bool late = !words;
    if (late) words = refusal("timeout", "no answer within 10 s; the request may still be carried out");
    const auto written = co_await core::with_deadline(write_line(client, *words), request_limit);
    if (late || !written) break;
  }
  core::wipe(kept);
}

core::outcome<std::unique_ptr<server>> server::open(core::executor on, const settings& s, handler answer, telemetry::logger& log) {
  auto file = socket_file::make(s.socket);
  if (!file) return file.error();
  auto parts = std::make_unique<impl>(on, std::move(*file), std::move(answer), log);
  core::error_code ec;
  parts->acceptor.assign(protocol(), parts->file.release(), ec);
  if (ec) return core::fault{ec, "admin socket " + s.socket + ": " + ec.message()};
  return std::unique_ptr<server>(new server(std::move(parts)));
}

server::server(std::unique_ptr<impl> parts) : impl_(std::move(parts)) {}
server::~server() = default;

core::task<void> server::run() {
  // The connections must be awaited even when this task is cancelled: their frames point here.
  co_await asio::this_coro::throw_if_cancelled(false);
  core::timer pause(impl_->acceptor.get_executor());
  while (impl_->acceptor.is_open()) {
    auto [ec, client] = co_await impl_->acceptor.async_accept(core::await);
    if (ec == asio::error::operation_aborted) break;
    if (ec) {  // out of descriptors, or the client has gone already
      impl_->log.warning("admin_accept_failed", {{"reason", ec.message()}});
      pause.expires_after(std::chrono::milliseconds(100));
      if (const auto [waited] = co_await pause.async_wait(core::await); waited) break;
      continue;
    }
    if (impl_->connections.size() >= connections_max) {
      impl_->log.warning("admin_refused", {{"reason", "16 connections are open"}});
      continue;
    }
    impl_->connections.spawn(impl_->serve(std::move(client)));
  }
  impl_->connections.cancel();
  co_await impl_->connections.joined();
}

void server::close() noexcept {
  core::error_code ignored;
  impl_->acceptor.close(ignored);
}

}  // namespace sallyport::admin
