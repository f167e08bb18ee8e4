// A configuration file, as an operator or a tool may have written it. Input: a byte (0: a file of ours; 1: Milvus' settings, with
// --backend), then the file.
//
// Invariants: settings come out exactly when there is no error; every fault is one line of text at a place that the file has; the same file
// says the same twice; silence opens no door: nothing is unsafe that does not say so.
#include "target.hpp"

#include <sallyport/config/settings.hpp>

#include <config/values.hpp>

#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;

// A file that needs no disk.
class memory_file {
 public:
  memory_file() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) { demand(descriptor_ >= 0, "no memory for a file"); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { ::close(descriptor_); }
  void hold(std::string_view text) {
    demand(::ftruncate(descriptor_, 0) == 0, "ftruncate");
    demand(::pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()), "pwrite");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void demand_problem(const config::problem& p, const std::string& path, int lines) {
  demand(!p.text.empty(), "a fault without words");
  for (const char c : to_text(p)) demand(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a fault of more than one line");
  if (p.file == path) demand(p.line >= 0 && p.line <= lines && p.column >= 0, "a fault at a place that the file has not");
  demand(!p.text.starts_with("the configuration cannot be read: "), "an exception");
}

void demand_closed_doors(const config::settings& s, std::string_view text) {
  for (const auto& l : s.listeners) {
    const bool near = config::is_loopback(l.address.host);
    demand(near || l.tokens == auth::tokens::required || s.unsafe_.no_tokens, "everybody is let in");
    demand(near || l.tls || l.tokens == auth::tokens::none || s.unsafe_.plaintext_listener, "passwords in plaintext");
  }
  for (const auto& b : s.backends) {
    demand(!b.tls || b.tls->files.verify || s.unsafe_.insecure_upstream, "a backend that nobody verifies");
    demand(!b.tls || !b.tls->server_name.starts_with('.'), "a name that is every name below it");
    for (const auto* endpoints : {&b.endpoints, &b.rest_endpoints})
      for (const auto& e : *endpoints)
        demand(b.credential == upstream::credentials::strip || b.tls || config::is_loopback(e.host) || s.unsafe_.plaintext_backend,
               "passwords in plaintext to a backend");
  }
  if (text.find_first_of("\\") != text.npos) return;  // what is escaped says something else
  const bool says_unsafe = text.find("unsafe_") != text.npos;
  demand(says_unsafe || !(s.unsafe_.no_tokens || s.unsafe_.plaintext_listener || s.unsafe_.plaintext_backend || s.unsafe_.default_root ||
                          s.unsafe_.insecure_upstream),
         "unsafe in silence");
  const bool says_none = text.find("none") != text.npos || text.find("authorizationEnabled") != text.npos;
  for (const auto& l : s.listeners) demand(says_none || l.tokens == auth::tokens::required, "no tokens in silence");
}

std::string told(const config::loaded& from) {
  std::string all;
  for (const auto& p : from.problems) all += to_text(p) + "\n";
  return all + (from.value ? config::effective(*from.value) : "");
}

void check(core::bytes input) {
  source from(input);
  const bool of_milvus = from.number(1) & 1;
  const auto text = text_of(from.rest());
  // It could name itself, or what the test program was started with.
  if (text.find("/dev/") != text.npos || text.find("/proc/") != text.npos) return;
  static memory_file file;
  file.hold(text);
  config::sources given;
  given.environment = {{"HOME", "/home/nobody"}};
  if (of_milvus)
    given.milvus_config = file.path(), given.backend = "127.0.0.1:19540";
  else
    given.files = {file.path()};

  const auto first = config::load(given), second = config::load(given);
  demand(told(first) == told(second), "another answer to the same file");
  demand(first.value.has_value() != config::has_errors(first.problems), "settings in spite of errors, or no settings without");
  const auto lines = static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; })) + 2;
  for (const auto& p : first.problems) demand_problem(p, file.path(), lines);
  if (!first.value) return;
  demand(!first.value->listeners.empty() && !first.value->backends.empty(), "nothing to serve, and no fault");
  demand_closed_doors(*first.value, text);
  for (const auto& sentence : config::unsafe_in_force(*first.value)) demand(!sentence.empty(), "a warning without words");
}

}  // namespace

SALLYPORT_FUZZ_TARGET(config, check)
