#include <sallyport/telemetry/log.hpp>

#include "budget.hpp"
#include "line.hpp"

#include <sallyport/core/defence.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <mutex>
#include <system_error>
#include <vector>

namespace sallyport::telemetry {
namespace {

// One write() a line, so that lines of several processes do not mix in a file opened for appending, and so that a crash loses nothing.
// What cannot be written (a full disk, a reader that went away) is dropped: the log never holds up the proxy.
class descriptor_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  descriptor_sink(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  ~descriptor_sink() override {
    if (owned_) ::close(descriptor_);
  }
  descriptor_sink(const descriptor_sink&) = delete;
  descriptor_sink& operator=(const descriptor_sink&) = delete;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    line_.clear();
    if (torn_) line_.push_back('\n');  // or this line would begin in the middle of the last one
    formatter_->format(message, line_);
    for (std::size_t done = 0; done < line_.size();) {
      // Standard error is shared with others, so that it is not ours to make non-blocking.
      pollfd at{descriptor_, POLLOUT, 0};
      const bool takes = owned_ || (::poll(&at, 1, 0) > 0 && (at.revents & POLLOUT) != 0);
      const ssize_t wrote =
          takes ? ::write(descriptor_, line_.data() + done, owned_ ? line_.size() - done : std::min(line_.size() - done, pipe_takes)) : -1;
      if (takes && wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) {
        torn_ = torn_ || done > 0;
        return;
      }
      done += static_cast<std::size_t>(wrote);
    }
    torn_ = false;
  }
  void flush_() override {}

  static constexpr std::size_t pipe_takes = PIPE_BUF;  // without waiting, when it is ready for writing at all (pipe(7))
  int descriptor_;
  bool owned_;
  bool torn_ = false;
  spdlog::memory_buf_t line_;
};

// -1 when it cannot be opened. O_NONBLOCK is for a FIFO that nobody reads: opening it would wait for ever, writing to it too.
int open_for_appending(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (core::defended("O13") ? O_NONBLOCK : 0), 0640);
}

std::shared_ptr<descriptor_sink> make_sink(const std::string& path, std::string& fault) {
  if (path.empty()) return std::make_shared<descriptor_sink>(STDERR_FILENO, false);
  if (const int descriptor = open_for_appending(path); descriptor >= 0) return std::make_shared<descriptor_sink>(descriptor, true);
  const int why = errno;
  fault = "the log file " + path + " cannot be opened: " + std::generic_category().message(why);
  return std::make_shared<descriptor_sink>(STDERR_FILENO, false);
}

spdlog::level::level_enum spdlog_level(level at) {
  switch (at) {
    case level::trace: return spdlog::level::trace;
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warning: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    case level::off: break;
  }
  return spdlog::level::off;
}

}  // namespace

struct logger::sink {
  sink(const log_settings& settings, std::string& fault)
      : layout(settings.layout), allowance(settings.burst, settings.per_second), out("sallyport", make_sink(settings.file, fault)) {
    const char* pattern = layout == log_settings::format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"  // RFC 3339, UTC
                                                               : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    out.set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n"));
    out.set_level(spdlog::level::trace);
  }

  void write(level at, std::string_view event, std::span<const field> fields) {
    std::string body;
    body.reserve(256);
    layout == log_settings::format::json ? append_json(body, event, fields) : append_text(body, event, fields);
    out.log(spdlog_level(at), spdlog::string_view_t(body.data(), body.size()));
  }

  std::optional<std::uint64_t> take(std::string_view event) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(allowance_mutex);
    return allowance.take(event, now);
  }

  log_settings::format layout;
  std::mutex allowance_mutex;
  budget allowance;
  spdlog::logger out;
};

logger::logger(const log_settings& settings) : threshold_(settings.threshold) { sink_ = std::make_unique<sink>(settings, fault_); }

// A flood that ends with the program has no next line to carry its count.
logger::~logger() try {
  if (!enabled(level::warning)) return;
  sink_->allowance.settle([this](std::string_view event, std::uint64_t count) {
    const field fields[] = {{"of", event}, {"suppressed", count}};
    sink_->write(level::warning, "log_lines_suppressed", fields);
  });
} catch (...) {  // on purpose: only memory can run out here, and a line is not worth a program
}

void logger::write(level at, std::string_view event, std::initializer_list<field> fields) try {
  if (!enabled(at) || at == level::off) return;
  const auto suppressed = sink_->take(event);
  if (!suppressed) return;
  if (*suppressed == 0) return sink_->write(at, event, {fields.begin(), fields.size()});
  std::vector<field> all(fields);
  all.emplace_back("suppressed", *suppressed);
  sink_->write(at, event, all);
} catch (...) {  // on purpose, as above
}

void logger::flush() { sink_->out.flush(); }

}  // namespace sallyport::telemetry
