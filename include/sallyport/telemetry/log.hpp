// The log: one line an event, `key=value` text or JSON, to standard error or a file. An event has a fixed name (snake_case, a stable code
// that operators grep for) and fields; whatever a stranger sent is a field's value and is escaped, so that no client can forge a line.
// A logger may be used from any thread; it waits for a write at most, and drops what cannot be written (the program ignores SIGPIPE).
// Floods are bounded: an event name has a budget (`burst`, refilled at `per_second`); the next line tells what was left out: suppressed=N.
// Secrets have no way in: core::secret does not convert to a field.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace sallyport::telemetry {

enum class level { trace, debug, info, warning, error, off };

struct log_settings {
  level threshold = level::info;
  enum class format { text, json } layout = format::text;
  std::string file;                // empty: standard error
  std::uint32_t burst = 1000;      // lines of one event at once
  std::uint32_t per_second = 100;  // lines of one event a second, when they go on
};

struct field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  field(std::string_view n, std::string_view v) : name(n), value(v) {}
  field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  field(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  field(std::string_view n, bool v) : name(n), value(v) {}
  field(std::string_view n, double v) : name(n), value(v) {}
  template <class Integer>
    requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
  field(std::string_view n, Integer v) : name(n) {
    if constexpr (std::is_signed_v<Integer>)
      value = static_cast<std::int64_t>(v);
    else
      value = static_cast<std::uint64_t>(v);
  }
};

class logger {
 public:
  // A file that cannot be opened is reported by `fault` below; the lines go to standard error then.
  explicit logger(const log_settings& settings);
  ~logger();
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  bool enabled(level at) const { return at >= threshold_; }
  void write(level at, std::string_view event, std::initializer_list<field> fields);
  void debug(std::string_view event, std::initializer_list<field> fields) {
    if (enabled(level::debug)) write(level::debug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<field> fields) {
    if (enabled(level::info)) write(level::info, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<field> fields) {
    if (enabled(level::warning)) write(level::warning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<field> fields) {
    if (enabled(level::error)) write(level::error, event, fields);
  }
  void flush();

  // Empty when the file could be opened, else why not, with its path.
  const std::string& fault() const { return fault_; }

 private:
  struct sink;
  std::unique_ptr<sink> sink_;
  level threshold_;
  std::string fault_;
};

}  // namespace sallyport::telemetry
