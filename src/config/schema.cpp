#include "schema.hpp"

#include <algorithm>

namespace sallyport::config {

namespace {
constexpr std::uint64_t second = 1'000, minute = 60 * second, hour = 60 * minute;
constexpr std::uint64_t kib = 1024;

const std::vector<key> table{
    {.at = "listeners", .is = kind::list},
    {.at = "listeners[].name", .is = kind::text},
    {.at = "listeners[].address", .is = kind::address},
    {.at = "listeners[].protocol", .is = kind::word, .initial = "auto", .words = "auto|tcp|connect"},
    {.at = "listeners[].tls", .is = kind::map},
    {.at = "listeners[].tls.certificates", .is = kind::list},
    {.at = "listeners[].tls.certificates[].cert", .is = kind::path},
    {.at = "listeners[].tls.certificates[].key", .is = kind::path},
    {.at = "listeners[].tls.certificates[].ocsp", .is = kind::path},
    {.at = "listeners[].tls.profile", .is = kind::word, .initial = "intermediate", .words = "modern|intermediate"},
    {.at = "listeners[].tls.client_certificates", .is = kind::word, .initial = "none", .words = "none|optional|required"},
    {.at = "listeners[].tls.client_ca", .is = kind::path},
    {.at = "listeners[].tls.crl", .is = kind::path},
    {.at = "listeners[].tls.crl_check", .is = kind::word, .initial = "leaf", .words = "leaf|chain"},
    {.at = "listeners[].tls.crl_stale", .is = kind::word, .initial = "refuse", .words = "refuse|accept"},
    {.at = "listeners[].tls.require_client_eku", .is = kind::yes_no, .initial = "false"},
    {.at = "listeners[].tls.allow", .is = kind::list},
    {.at = "listeners[].tls.allow[].cn", .is = kind::text},
    {.at = "listeners[].tls.allow[].ou", .is = kind::text},
    {.at = "listeners[].tls.allow[].dns", .is = kind::text},
    {.at = "listeners[].tls.allow[].uri", .is = kind::text},
    {.at = "listeners[].tls.allow[].email", .is = kind::text},
    {.at = "listeners[].tls.allow[].key", .is = kind::text},
    {.at = "listeners[].tls.unknown_name", .is = kind::word, .initial = "default", .words = "default|refuse"},
    {.at = "listeners[].tls.ticket_keys", .is = kind::path},
    {.at = "listeners[].tls.names", .is = kind::list},
    {.at = "listeners[].tls.names[].names", .is = kind::list},
    {.at = "listeners[].tls.names[].names[]", .is = kind::text},
    {.at = "listeners[].tls.names[].certificates", .is = kind::list},
    {.at = "listeners[].tls.names[].certificates[].cert", .is = kind::path},
    {.at = "listeners[].tls.names[].certificates[].key", .is = kind::path},
    {.at = "listeners[].tls.names[].certificates[].ocsp", .is = kind::path},
    {.at = "listeners[].tls.names[].profile", .is = kind::word, .initial = "intermediate", .words = "modern|intermediate"},
    {.at = "listeners[].tls.names[].client_certificates", .is = kind::word, .initial = "none", .words = "none|optional|required"},
    {.at = "listeners[].tls.names[].client_ca", .is = kind::path},
    {.at = "listeners[].tls.names[].crl", .is = kind::path},
    {.at = "listeners[].tls.names[].crl_check", .is = kind::word, .initial = "leaf", .words = "leaf|chain"},
    {.at = "listeners[].tls.names[].crl_stale", .is = kind::word, .initial = "refuse", .words = "refuse|accept"},
    {.at = "listeners[].tls.names[].require_client_eku", .is = kind::yes_no, .initial = "false"},
    {.at = "listeners[].tls.names[].allow", .is = kind::list},
    {.at = "listeners[].tls.names[].allow[].cn", .is = kind::text},
    {.at = "listeners[].tls.names[].allow[].ou", .is = kind::text},
    {.at = "listeners[].tls.names[].allow[].dns", .is = kind::text},
    {.at = "listeners[].tls.names[].allow[].uri", .is = kind::text},
    {.at = "listeners[].tls.names[].allow[].email", .is = kind::text},
    {.at = "listeners[].tls.names[].allow[].key", .is = kind::text},
    {.at = "listeners[].tokens", .is = kind::word, .initial = "required", .words = "required|none"},
    {.at = "listeners[].certificate_user", .is = kind::word, .initial = "none", .words = "none|required"},
    {.at = "listeners[].health", .is = kind::word, .initial = "token", .words = "token|public"},
    {.at = "listeners[].backend", .is = kind::text},
    {.at = "backends", .is = kind::list},
    {.at = "backends[].name", .is = kind::text},
    {.at = "backends[].endpoints", .is = kind::list},
    {.at = "backends[].endpoints[]", .is = kind::backend_address},
    {.at = "backends[].rest", .is = kind::word, .initial = "http1", .words = "off|http1|h2"},
    {.at = "backends[].rest_endpoints", .is = kind::list},
    {.at = "backends[].rest_endpoints[]", .is = kind::backend_address},
    {.at = "backends[].resolve", .is = kind::duration, .initial = "30s", .least = second, .most = hour},
    {.at = "backends[].max_connection_age", .is = kind::duration, .initial = "30m", .least = 0, .most = 7 * 24 * hour},
    {.at = "backends[].health", .is = kind::map},
    {.at = "backends[].health.interval", .is = kind::duration, .initial = "5s", .least = 0, .most = hour},
    {.at = "backends[].health.timeout", .is = kind::duration, .initial = "2s", .least = 10, .most = minute},
    {.at = "backends[].health.rise", .is = kind::count, .initial = "2", .least = 1, .most = 100},
    {.at = "backends[].health.fall", .is = kind::count, .initial = "2", .least = 1, .most = 100},
    {.at = "backends[].credentials", .is = kind::word, .initial = "strip", .words = "strip|forward"},
    {.at = "backends[].identity", .is = kind::word, .initial = "none", .words = "none|headers"},
    {.at = "backends[].tls", .is = kind::map},
    {.at = "backends[].tls.ca", .is = kind::path},
    {.at = "backends[].tls.server_name", .is = kind::host},
    {.at = "backends[].tls.cert", .is = kind::path},
    {.at = "backends[].tls.key", .is = kind::path},
    {.at = "backends[].tls.verify", .is = kind::yes_no, .initial = "true"},
    {.at = "backends[].tunnels", .is = kind::count, .initial = "1024", .least = 1, .most = 1'000'000},
    {.at = "workers", .is = kind::workers, .initial = "auto", .least = 1, .most = 1024},
    {.at = "users", .is = kind::map},
    {.at = "users.authority", .is = kind::word, .initial = "sallyport", .words = "sallyport", .later_words = "milvus|backend|http"},
    {.at = "users.store", .is = kind::store},
    {.at = "users.backend_ttl", .is = kind::duration, .later = "leave it out; it belongs to authority: backend"},
    {.at = "users.milvus", .is = kind::map, .later = "leave it out; it belongs to authority: milvus"},
    {.at = "auth", .is = kind::map},
    {.at = "auth.refusal_floor", .is = kind::duration, .initial = "50ms", .least = 1, .most = 5 * second},
    {.at = "auth.hash_threads", .is = kind::count, .initial = "1", .least = 1, .most = 64},
    {.at = "auth.hash_queue", .is = kind::count, .initial = "1024", .least = 1, .most = 100'000},
    {.at = "auth.cache", .is = kind::count, .initial = "100000", .least = 1, .most = 10'000'000},
    {.at = "policy", .is = kind::map, .later = "leave it out; a user without a role may do all but manage users"},
    {.at = "limits", .is = kind::map},
    {.at = "limits.handshake", .is = kind::duration, .initial = "10s", .least = 100, .most = 5 * minute},
    {.at = "limits.first_request", .is = kind::duration, .initial = "1m", .least = second, .most = hour},
    {.at = "limits.idle", .is = kind::duration, .initial = "15m", .least = second, .most = 30 * 24 * hour},
    {.at = "limits.write_stall", .is = kind::duration, .initial = "1m", .least = second, .most = hour},
    {.at = "limits.drain", .is = kind::duration, .initial = "30s", .least = 0, .most = hour},
    {.at = "limits.tunnel_idle", .is = kind::duration, .initial = "0", .least = 0, .most = 30 * 24 * hour},
    {.at = "limits.connections", .is = kind::count, .initial = "20000", .least = 1, .most = 10'000'000},
    {.at = "limits.connections_per_source", .is = kind::count, .initial = "10000", .least = 1, .most = 10'000'000},
    {.at = "limits.handshakes", .is = kind::count, .initial = "1024", .least = 1, .most = 1'000'000},
    {.at = "limits.handshakes_per_source", .is = kind::count, .initial = "256", .least = 1, .most = 1'000'000},
    {.at = "limits.http1_head", .is = kind::duration, .initial = "10s", .least = 100, .most = hour},
    {.at = "limits.http1_idle", .is = kind::duration, .initial = "1m", .least = second, .most = 30 * 24 * hour},
    {.at = "limits.streams", .is = kind::count, .initial = "128", .least = 1, .most = 10'000},
    // An encoded block is at most 64 KiB (http2::limits::header_block_bytes), so a longer list could not arrive.
    {.at = "limits.header_list", .is = kind::size, .initial = "16KiB", .least = kib, .most = 64 * kib},
    {.at = "limits.header_fields", .is = kind::count, .initial = "128", .least = 16, .most = 2'048},
    {.at = "limits.continuations", .is = kind::count, .initial = "8", .least = 1, .most = 64},
    {.at = "limits.header_block", .is = kind::size, .initial = "64KiB", .least = 16 * kib, .most = 1024 * kib},
    {.at = "limits.resets", .is = kind::count, .initial = "200", .least = 1, .most = 1'000'000},
    {.at = "limits.resets_per_second", .is = kind::count, .initial = "20", .least = 1, .most = 1'000'000},
    {.at = "limits.streams_refused", .is = kind::count, .initial = "256", .least = 1, .most = 1'000'000},
    {.at = "limits.pings", .is = kind::count, .initial = "20", .least = 1, .most = 1'000'000},
    {.at = "limits.settings", .is = kind::count, .initial = "20", .least = 1, .most = 1'000'000},
    {.at = "limits.settings_entries", .is = kind::count, .initial = "32", .least = 6, .most = 1'000},
    {.at = "limits.empty_data", .is = kind::count, .initial = "100", .least = 1, .most = 1'000'000},
    {.at = "limits.window_updates", .is = kind::count, .initial = "5", .least = 1, .most = 1'000'000},
    {.at = "limits.priorities", .is = kind::count, .initial = "100", .least = 1, .most = 1'000'000},
    {.at = "limits.unknown_frames", .is = kind::count, .initial = "200", .least = 1, .most = 1'000'000},
    {.at = "limits.buffers", .is = kind::size, .initial = "256MiB", .least = 16 * 1024 * kib, .most = 1024 * 1024 * 1024 * kib},
    {.at = "limits.response_stall", .is = kind::duration, .initial = "1m", .least = second, .most = hour},
    {.at = "log", .is = kind::map},
    {.at = "log.level", .is = kind::word, .initial = "info", .words = "trace|debug|info|warning|error|off"},
    {.at = "log.format", .is = kind::word, .initial = "text", .words = "text|json"},
    {.at = "log.file", .is = kind::path},
    {.at = "admin", .is = kind::map},
    {.at = "admin.socket", .is = kind::path},
    {.at = "admin.listen", .is = kind::address},
    {.at = "milvus_config", .is = kind::path},
    {.at = "unsafe_no_tokens", .is = kind::yes_no, .initial = "false"},
    {.at = "unsafe_plaintext_listener", .is = kind::yes_no, .initial = "false"},
    {.at = "unsafe_plaintext_backend", .is = kind::yes_no, .initial = "false"},
    {.at = "unsafe_default_root", .is = kind::yes_no, .initial = "false"},
    {.at = "unsafe_insecure_upstream", .is = kind::yes_no, .initial = "false"},
    {.at = "unsafe_serve_stale", .is = kind::yes_no, .initial = "false"},
};
}  // namespace

const std::vector<key>& keys() { return table; }

const key* find_key(std::string_view at) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const key& k) { return k.at == at; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<std::string_view> children(std::string_view of) {
  std::vector<std::string_view> names;
  for (const key& k : table) {
    const auto dot = k.at.rfind('.');
    const std::string_view parent = dot == std::string_view::npos ? std::string_view() : k.at.substr(0, dot);
    if (parent == of && !k.at.ends_with("[]")) names.push_back(dot == std::string_view::npos ? k.at : k.at.substr(dot + 1));
  }
  return names;
}

std::vector<std::string_view> split(std::string_view words, char at) {
  std::vector<std::string_view> out;
  while (!words.empty()) {
    const auto end = std::min(words.find(at), words.size());
    out.push_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return out;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> names;
  for (const key& k : table)
    if (!k.at.ends_with("[]")) names.emplace_back(k.at);
  return names;
}

}  // namespace sallyport::config
