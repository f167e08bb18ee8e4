// The users, the limits, the log: everything outside the lists.
#include "builder.hpp"

#include <sallyport/core/defence.hpp>

namespace sallyport::config {

void builder::users() {
  const node* block = map_below("users");
  scalar(block, "users", "authority");
  const node* store = scalar(block, "users", "store");
  origin& from = s().origins["users.store"];
  if (!from_.store.empty()) {
    s().users.path = from_.store.starts_with("sqlite:") ? from_.store.substr(7) : from_.store;
    from = origin_of(of_flag("--store"), "sqlite:" + s().users.path);
  } else if (store) {
    s().users.path = resolved(store->text.substr(7), store->at);
    from.shown = "sqlite:" + s().users.path;
  } else {
    s().users.path = default_store();
    from = origin{origin::layer::built_in, {}, 0, 0, "sqlite:" + s().users.path};
    if (s().users.path.empty())
      complain(merged_.at, "no place for the users: neither STATE_DIRECTORY nor HOME is set", "set users.store, or pass --store PATH");
  }
}

void builder::admin() {
  const node* block = map_below("admin");
  s().admin.socket = path_at(block, "admin", "socket");
  if (s().admin.socket.empty()) {
    s().admin.socket = s().users.path + ".sock";
    s().origins["admin.socket"] = origin{origin::layer::built_in, {}, 0, 0, s().admin.socket};
  }
  constexpr std::size_t socket_path_max = 107;  // sizeof sockaddr_un::sun_path less its NUL
  if (s().admin.socket.size() > socket_path_max)
    problems_.push_back(fault_at(s().origins["admin.socket"], "the path of the admin socket is longer than 107 bytes: " + s().admin.socket,
                                 "set admin.socket to a shorter one"));
  const node* page = scalar(block, "admin", "listen");
  if (!page) return;
  std::string why, hint;
  const auto at = parse_host_port(page->text, true, why, hint);
  if (!at) return;
  if (core::defended("O17a") && !is_loopback(at->host))
    return complain(page->at,
                    "'admin.listen' is " + show(*at) + ", which is not the loopback: the page for operators asks nobody for a password",
                    "write 127.0.0.1:" + std::to_string(at->port) + ", and let an agent or a proxy on this machine pass it on");
  s().admin.page_host = at->host;
  s().admin.page_port = at->port;
}

std::string builder::default_store() const {
  const auto value = [&](const char* name) {
    const auto found = from_.environment.find(name);
    return found == from_.environment.end() ? std::string() : found->second;
  };
  const std::string state = value("STATE_DIRECTORY"), home = value("HOME");
  if (!state.empty()) return state.substr(0, state.find(':')) + "/users.db";
  return home.empty() ? std::string() : home + "/.local/state/sallyport/users.db";
}

void builder::user_calls() {
  const auto note = [&](const char* name, const place& at, std::string shown) { s().origins[name] = origin_of(at, std::move(shown)); };
  s().user_calls.super_users = milvus_->super_users;
  if (milvus_->super_users_at) {
    std::string shown;
    for (const auto& name : milvus_->super_users) shown += (shown.empty() ? "" : ", ") + name;
    note("common.security.superUsers", *milvus_->super_users_at, "[" + shown + "]");
  }
  const auto length = [&](const std::optional<placed<std::uint64_t>>& from, const char* name, std::uint32_t& into) {
    if (!from) return;
    into = static_cast<std::uint32_t>(from->value);
    note(name, from->at, std::to_string(into));
  };
  length(milvus_->password_min, "proxy.minPasswordLength", s().user_calls.password_min_bytes);
  length(milvus_->password_max, "proxy.maxPasswordLength", s().user_calls.password_max_bytes);
  length(milvus_->user_name_max, "proxy.maxUsernameLength", s().user_calls.user_name_max_bytes);
  if (!milvus_->default_root_password) return;
  const auto& [password, at] = *milvus_->default_root_password;
  const std::size_t least = s().user_calls.password_min_bytes, most = s().user_calls.password_max_bytes;
  note("common.security.defaultRootPassword", at, "***");
  if (password.size() > milvus_password_max)
    complain(at, "'common.security.defaultRootPassword' has more than " + std::to_string(milvus_password_max) + " bytes",
             "nobody could log in with it");
  else if (password != "Milvus")
    problems_.push_back(warning_at(at, "'common.security.defaultRootPassword' is a secret in a configuration file",
                                   "change it with 'sallyport user passwd root' and remove it here"));
  // Milvus creates root whatever the lengths say, and so do we; Milvus' default is judged by unsafe_default_root.
  if (password != "Milvus" && (password.size() < least || password.size() > most))
    problems_.push_back(warning_at(at,
                                   "'common.security.defaultRootPassword' has " + std::to_string(password.size()) +
                                       " bytes, a password has " + std::to_string(least) + " to " + std::to_string(most),
                                   "see proxy.minPasswordLength and proxy.maxPasswordLength"));
  s().users.default_root_password = password;
}

void builder::duration(std::string_view block, std::string_view name, std::chrono::milliseconds& into) {
  if (const node* found = scalar(map_below(block), std::string(block), name)) into = *parse_duration(found->text);
}

void builder::scalars() {
  if (const node* found = scalar(&merged_, "", "workers"); found && found->text != "auto")
    s().workers = static_cast<std::uint32_t>(*parse_count(found->text));
  duration("auth", "refusal_floor", s().auth.refusal_floor);
  count("auth", "hash_threads", s().auth.hash_threads);
  count("auth", "hash_queue", s().auth.hash_queue_max);
  count("auth", "cache", s().auth.cache_max);
  proxy::limits& l = s().limits;
  duration("limits", "handshake", l.handshake);
  duration("limits", "first_request", l.first_request);
  duration("limits", "idle", l.idle);
  duration("limits", "write_stall", l.write_stall);
  duration("limits", "drain", l.drain);
  duration("limits", "response_stall", l.http2.response_stall);
  if (const node* found = scalar(map_below("limits"), "limits", "buffers"))
    l.buffers_bytes = static_cast<std::size_t>(*parse_size(found->text));
  duration("limits", "tunnel_idle", l.tunnel_idle);
  duration("limits", "http1_head", l.http1_head);
  duration("limits", "http1_idle", l.http1_idle);
  count("limits", "connections", l.admission.connections);
  count("limits", "connections_per_source", l.admission.connections_per_source);
  count("limits", "handshakes", l.admission.handshakes);
  count("limits", "handshakes_per_source", l.admission.handshakes_per_source);
  count("limits", "streams", l.http2.streams);
  if (const node* found = scalar(map_below("limits"), "limits", "header_list"))
    l.http2.header_list_bytes = static_cast<std::uint32_t>(*parse_size(found->text));
  count("limits", "header_fields", l.http2.header_fields);
  l.http1.head_bytes = l.http2.header_list_bytes;
  l.http1.fields = l.http2.header_fields;
  count("limits", "continuations", l.http2.continuations);
  count("limits", "resets", l.http2.resets);
  count("limits", "resets_per_second", l.http2.resets_per_second);
  if (const node* found = scalar(map_below("limits"), "limits", "header_block"))
    l.http2.header_block_bytes = static_cast<std::uint32_t>(*parse_size(found->text));
  count("limits", "streams_refused", l.http2.streams_refused);
  count("limits", "pings", l.http2.pings);
  count("limits", "settings", l.http2.settings);
  count("limits", "settings_entries", l.http2.settings_entries);
  count("limits", "empty_data", l.http2.empty_data);
  count("limits", "window_updates", l.http2.window_updates);
  count("limits", "priorities", l.http2.priorities);
  count("limits", "unknown_frames", l.http2.unknown_frames);
  using telemetry::level;
  using format = telemetry::log_settings::format;
  const node* log = map_below("log");
  word(log, "log", "level", s().log.threshold, {level::trace, level::debug, level::info, level::warning, level::error, level::off});
  word(log, "log", "format", s().log.layout, {format::text, format::json});
  s().log.file = path_at(log, "log", "file");
}

}  // namespace sallyport::config
