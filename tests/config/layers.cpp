// Defaults, files, environment, flags: what wins, where relative paths start, and that every value tells where it came from.
#include "support.hpp"

#include "schema.hpp"
#include "values.hpp"

#include <set>

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;
using namespace std::chrono_literals;

namespace {

settings loaded_with(const sources& from) {
  loaded result = load(from);
  std::string all;
  for (const problem& p : result.problems) all += to_text(p) + "\n";
  BOOST_TEST_REQUIRE(result.value.has_value(), all);
  return std::move(*result.value);
}

std::string told_with(const folder& in, const sources& from) { return told(in, load(from).problems); }

sources with_environment(const std::string& name, const std::string& value) {
  sources from;
  from.backend = "127.0.0.1:19540";
  from.store = "users.db";
  from.environment = {{name, value}};
  return from;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(the_defaults_in_the_table_are_those_of_the_rooms) {
  std::string text = good;
  for (const key& k : keys()) {
    if (k.initial.empty() || k.at.find('[') != std::string_view::npos) continue;
    const auto dot = k.at.find('.');
    if (dot == std::string_view::npos) text += std::string(k.at) + ": " + std::string(k.initial) + "\n";
  }
  for (const char* block : {"auth", "limits", "log", "users"}) {
    text += std::string(block) + ":\n";
    for (const key& k : keys())
      if (!k.initial.empty() && k.at.starts_with(std::string(block) + "."))
        text += "  " + std::string(k.at.substr(std::string_view(block).size() + 1)) + ": " + std::string(k.initial) + "\n";
  }
  const settings written = loaded_from(text);
  const auth::settings auth;
  const proxy::limits limits;
  const telemetry::log_settings log;
  BOOST_TEST((written.auth.refusal_floor == auth.refusal_floor));
  BOOST_TEST(written.auth.hash_threads == auth.hash_threads);
  BOOST_TEST(written.auth.hash_queue_max == auth.hash_queue_max);
  BOOST_TEST(written.auth.cache_max == auth.cache_max);
  BOOST_TEST((written.limits.handshake == limits.handshake));
  BOOST_TEST((written.limits.first_request == limits.first_request));
  BOOST_TEST((written.limits.idle == limits.idle));
  BOOST_TEST((written.limits.write_stall == limits.write_stall));
  BOOST_TEST((written.limits.drain == limits.drain));
  BOOST_TEST((written.limits.http1_head == limits.http1_head));
  BOOST_TEST((written.limits.http1_idle == limits.http1_idle));
  BOOST_TEST(written.limits.admission.connections == limits.admission.connections);
  BOOST_TEST(written.limits.admission.connections_per_source == limits.admission.connections_per_source);
  BOOST_TEST(written.limits.admission.handshakes == limits.admission.handshakes);
  BOOST_TEST(written.limits.admission.handshakes_per_source == limits.admission.handshakes_per_source);
  BOOST_TEST(written.limits.http2.streams == limits.http2.streams);
  BOOST_TEST(written.limits.http2.header_list_bytes == limits.http2.header_list_bytes);
  BOOST_TEST(written.limits.http2.header_fields == limits.http2.header_fields);
  BOOST_TEST(written.limits.http2.continuations == limits.http2.continuations);
  BOOST_TEST(written.limits.http2.resets == limits.http2.resets);
  BOOST_TEST(written.limits.http2.resets_per_second == limits.http2.resets_per_second);
  BOOST_TEST(written.limits.http2.header_block_bytes == limits.http2.header_block_bytes);
  BOOST_TEST(written.limits.http2.streams_refused == limits.http2.streams_refused);
  BOOST_TEST(written.limits.http2.pings == limits.http2.pings);
  BOOST_TEST(written.limits.http2.settings == limits.http2.settings);
  BOOST_TEST(written.limits.http2.settings_entries == limits.http2.settings_entries);
  BOOST_TEST(written.limits.http2.empty_data == limits.http2.empty_data);
  BOOST_TEST(written.limits.http2.window_updates == limits.http2.window_updates);
  BOOST_TEST(written.limits.http2.priorities == limits.http2.priorities);
  BOOST_TEST(written.limits.http2.unknown_frames == limits.http2.unknown_frames);
  BOOST_TEST(written.limits.buffers_bytes == limits.buffers_bytes);
  BOOST_TEST((written.limits.http2.response_stall == limits.http2.response_stall));
  BOOST_TEST((written.log.threshold == log.threshold));
  BOOST_TEST((written.log.layout == log.layout));
  BOOST_TEST(written.workers == settings().workers);
  // A list longer than an encoded block could not arrive.
  BOOST_TEST(find_key("limits.header_list")->most <= limits.http2.header_block_bytes);
}

BOOST_AUTO_TEST_CASE(every_value_of_a_file_arrives_in_its_setting) {
  const settings s = loaded_from(
      "listeners:\n- name: one\n  address: '[::1]:7'\n  protocol: auto\n  tls: {certificates: [{cert: c.pem, key: /k.key}], profile: "
      "modern, "
      "client_certificates: optional, client_ca: ca.pem}\n  tokens: none\n  health: public\n  backend: two\n"
      "backends: [{name: two, endpoints: ['milvus.example:19530', '[::1]:2'], rest: http1, rest_endpoints: ['milvus.example:18080', "
      "'127.0.0.1:3'], credentials: strip, identity: headers, resolve: 36s, max_connection_age: 37s, "
      "health: {interval: 38s, timeout: 39s, rise: 40, fall: 41}}]\n"
      "workers: 3\nusers: {authority: sallyport, store: 'sqlite:u.db'}\n"
      "auth: {refusal_floor: 60ms, hash_threads: 2, hash_queue: 3, cache: 4}\n"
      "limits: {handshake: 11s, first_request: 12s, idle: 13s, write_stall: 14s, drain: 0, connections: 15, connections_per_source: 16, "
      "handshakes: 17, handshakes_per_source: 18, http1_head: 34s, http1_idle: 35s, streams: 19, header_list: 20KiB, header_fields: 21, "
      "continuations: 22, resets: 23, "
      "resets_per_second: 24, header_block: 25KiB, streams_refused: 26, pings: 27, settings: 28, settings_entries: 29, empty_data: 30, "
      "window_updates: 31, priorities: 32, unknown_frames: 33, buffers: 34MiB, response_stall: 35s}\nlog: {level: debug, format: json, "
      "file: l.log}\nadmin: {socket: s.sock}\n"
      "unsafe_no_tokens: true\nunsafe_plaintext_listener: true\nunsafe_plaintext_backend: true\nunsafe_default_root: true\n"
      "unsafe_insecure_upstream: true\nunsafe_serve_stale: true\n");
  BOOST_TEST_REQUIRE(s.listeners.size() == 1u);
  const proxy::listener_settings& l = s.listeners[0];
  BOOST_TEST(l.address.name == "one");
  BOOST_TEST(l.address.host == "::1");
  BOOST_TEST(l.address.port == 7);
  BOOST_TEST(l.backend == "two");
  BOOST_TEST((l.tokens == auth::tokens::none));
  BOOST_TEST((l.health_for == proxy::listener_settings::health::open));
  BOOST_TEST_REQUIRE(l.tls.has_value());
  BOOST_TEST(l.tls->certificates.at(0).cert.ends_with("/c.pem"));
  BOOST_TEST(l.tls->certificates.at(0).key == "/k.key");
  BOOST_TEST((l.tls->versions == tls::profile::modern));
  BOOST_TEST((l.tls->clients == tls::client_certificates::optional));
  BOOST_TEST(l.tls->client_ca.ends_with("/ca.pem"));
  BOOST_TEST_REQUIRE(s.backends.size() == 1u);
  BOOST_TEST(s.backends[0].name == "two");
  BOOST_TEST(s.backends[0].endpoints.at(0).host == "milvus.example");
  BOOST_TEST(s.backends[0].endpoints.at(0).port == 19530);
  BOOST_TEST((s.backends[0].credential == upstream::credentials::strip));
  BOOST_TEST((s.backends[0].identity == upstream::identity::headers));
  BOOST_TEST((s.backends[0].speaks == upstream::rest::http1));
  BOOST_TEST(s.backends[0].rest_endpoints.at(0).host == "milvus.example");
  BOOST_TEST(s.backends[0].rest_endpoints.at(0).port == 18080);
  BOOST_TEST(s.backends[0].endpoints.at(1).host == "::1");
  BOOST_TEST(s.backends[0].endpoints.at(1).port == 2);
  BOOST_TEST(s.backends[0].rest_endpoints.at(1).port == 3);
  BOOST_TEST((s.backends[0].resolve == 36s));
  BOOST_TEST((s.backends[0].max_connection_age == 37s));
  BOOST_TEST((s.backends[0].health.interval == 38s));
  BOOST_TEST((s.backends[0].health.timeout == 39s));
  BOOST_TEST(s.backends[0].health.rise == 40U);
  BOOST_TEST(s.backends[0].health.fall == 41U);
  BOOST_TEST(s.workers == 3u);
  BOOST_TEST(s.users.path.ends_with("/u.db"));
  BOOST_TEST((s.auth.refusal_floor == 60ms));
  BOOST_TEST(s.auth.hash_threads == 2u);
  BOOST_TEST(s.auth.hash_queue_max == 3u);
  BOOST_TEST(s.auth.cache_max == 4u);
  BOOST_TEST((s.limits.handshake == 11s));
  BOOST_TEST((s.limits.first_request == 12s));
  BOOST_TEST((s.limits.idle == 13s));
  BOOST_TEST((s.limits.write_stall == 14s));
  BOOST_TEST((s.limits.drain == 0s));
  BOOST_TEST((s.limits.http1_head == 34s));
  BOOST_TEST((s.limits.http1_idle == 35s));
  BOOST_TEST(s.limits.admission.connections == 15u);
  BOOST_TEST(s.limits.admission.connections_per_source == 16u);
  BOOST_TEST(s.limits.admission.handshakes == 17u);
  BOOST_TEST(s.limits.admission.handshakes_per_source == 18u);
  BOOST_TEST(s.limits.http2.streams == 19u);
  BOOST_TEST(s.limits.http2.header_list_bytes == 20u * 1024u);
  BOOST_TEST(s.limits.http2.header_fields == 21u);
  BOOST_TEST(s.limits.http1.head_bytes == 20u * 1024u);  // the same limits in HTTP/1.1
  BOOST_TEST(s.limits.http1.fields == 21u);
  BOOST_TEST(s.limits.http2.continuations == 22u);
  BOOST_TEST(s.limits.http2.resets == 23u);
  BOOST_TEST(s.limits.http2.resets_per_second == 24u);
  BOOST_TEST(s.limits.http2.header_block_bytes == 25u * 1024u);
  BOOST_TEST(s.limits.http2.streams_refused == 26u);
  BOOST_TEST(s.limits.http2.pings == 27u);
  BOOST_TEST(s.limits.http2.settings == 28u);
  BOOST_TEST(s.limits.http2.settings_entries == 29u);
  BOOST_TEST(s.limits.http2.empty_data == 30u);
  BOOST_TEST(s.limits.http2.window_updates == 31u);
  BOOST_TEST(s.limits.http2.priorities == 32u);
  BOOST_TEST(s.limits.http2.unknown_frames == 33u);
  BOOST_TEST(s.limits.buffers_bytes == 34u * 1024 * 1024);
  BOOST_TEST((s.limits.http2.response_stall == std::chrono::seconds(35)));
  BOOST_TEST((s.log.threshold == telemetry::level::debug));
  BOOST_TEST((s.log.layout == telemetry::log_settings::format::json));
  BOOST_TEST(s.log.file.ends_with("/l.log"));
  BOOST_TEST(s.admin.socket.ends_with("/s.sock"));
  BOOST_TEST((s.unsafe_.no_tokens && s.unsafe_.plaintext_listener && s.unsafe_.plaintext_backend && s.unsafe_.default_root &&
              s.unsafe_.insecure_upstream && s.unsafe_.serve_stale));
}

BOOST_AUTO_TEST_CASE(what_a_file_does_not_say_is_the_safe_default) {
  const settings s = loaded_from(good);
  BOOST_TEST((s.listeners.at(0).tokens == auth::tokens::required));
  BOOST_TEST(!s.listeners[0].tls.has_value());
  BOOST_TEST((s.backends.at(0).credential == upstream::credentials::strip));
  BOOST_TEST((!s.unsafe_.no_tokens && !s.unsafe_.plaintext_listener && !s.unsafe_.plaintext_backend && !s.unsafe_.default_root));
  const settings tls = loaded_from(
      "listeners: [{name: a, address: '127.0.0.1:1', backend: b, tls: {certificates: [{cert: c, key: k}]}}]\nbackends: [{name: b, "
      "endpoints: "
      "['h:1']}]\n");
  BOOST_TEST((tls.listeners.at(0).tls->versions == tls::profile::intermediate));
  BOOST_TEST((tls.listeners[0].tls->clients == tls::client_certificates::none));
}

BOOST_AUTO_TEST_CASE(later_files_win_maps_merge_and_lists_are_replaced) {
  const folder in;
  sources from = one_file(in.write("1.yaml", good + "limits: {drain: 1s, idle: 2s}\nworkers: 1\n"));
  from.files.push_back(in.write("2.yaml", "limits: {drain: 3s}\nlisteners: [{name: z, address: '127.0.0.1:5', backend: b}]\n"));
  const settings s = loaded_with(from);
  BOOST_TEST((s.limits.drain == 3s));
  BOOST_TEST((s.limits.idle == 2s));
  BOOST_TEST(s.workers == 1u);
  BOOST_TEST_REQUIRE(s.listeners.size() == 1u);
  BOOST_TEST(s.listeners[0].address.name == "z");
  BOOST_TEST(s.origins.at("limits.drain").name == in.at("2.yaml"));
  BOOST_TEST(s.origins.at("limits.idle").name == in.at("1.yaml"));
}

BOOST_AUTO_TEST_CASE(a_fault_that_a_later_file_covers_is_told_all_the_same) {
  const folder in;
  sources from = one_file(in.write("1.yaml", good + "limits: {drain: soon}\nlog: {levl: info}\n"));
  from.files.push_back(in.write("2.yaml", "limits: {drain: 3s}\nworkers: many\n"));
  BOOST_TEST(told_with(in, from) ==
             "F/1.yaml:3:17: error: 'limits.drain' must be a duration, not 'soon' (for example 500ms, 10s, 15m, 1h)\n"
             "F/1.yaml:4:7: error: unknown key 'levl' in log (did you mean 'level'?)\n"
             "F/2.yaml:2:10: error: 'workers' must be auto or a whole number, not 'many' (auto: one for each core)\n");
}

BOOST_AUTO_TEST_CASE(a_broken_file_is_told_with_the_faults_of_the_others) {
  const folder in;
  sources from = one_file(in.write("1.yaml", "limits: {drain: soon}\n"));
  from.files.push_back(in.write("2.yaml", "a: [\n"));
  BOOST_TEST(told_with(in, from) ==
             "F/1.yaml:1:17: error: 'limits.drain' must be a duration, not 'soon' (for example 500ms, 10s, 15m, 1h)\n"
             "F/2.yaml:2:1: error: not valid YAML: end of sequence flow not found (a closing ] is missing)\n");
}

BOOST_AUTO_TEST_CASE(the_environment_wins_over_files_and_flags_over_the_environment) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good + "limits: {drain: 1s}\nusers: {store: 'sqlite:a.db'}\n"));
  from.environment = {
      {"SALLYPORT_LIMITS_DRAIN", "7s"}, {"SALLYPORT_USERS_STORE", "sqlite:/e.db"}, {"SALLYPORT_LOG_LEVEL", "error"}, {"PATH", "x"}};
  settings s = loaded_with(from);
  BOOST_TEST((s.limits.drain == 7s));
  BOOST_TEST(s.users.path == "/e.db");
  BOOST_TEST((s.log.threshold == telemetry::level::error));
  BOOST_TEST((s.origins.at("limits.drain").from == origin::layer::environment));
  BOOST_TEST(s.origins.at("limits.drain").name == "SALLYPORT_LIMITS_DRAIN");
  from.store = "/f.db";
  s = loaded_with(from);
  BOOST_TEST(s.users.path == "/f.db");
  BOOST_TEST(s.origins.at("users.store").name == "--store");
}

BOOST_AUTO_TEST_CASE(every_scalar_key_outside_lists_can_be_set_by_the_environment) {
  for (const key& k : keys()) {
    if (k.initial.empty() || k.at.find('[') != std::string_view::npos) continue;
    std::string name = "SALLYPORT_";
    for (const char c : k.at) name += c == '.' ? '_' : static_cast<char>(std::toupper(c));
    const settings s = loaded_with(with_environment(name, std::string(k.initial)));
    BOOST_TEST(s.origins.at(std::string(k.at)).name == name);
  }
}

BOOST_AUTO_TEST_CASE(faults_of_the_environment_name_the_variable) {
  const folder in;
  const struct {
    std::string name, value, told;
  } table[] = {
      {"SALLYPORT_LOG_LEVL", "info", "error: SALLYPORT_LOG_LEVL: no key is set by this variable (did you mean SALLYPORT_LOG_LEVEL?)\n"},
      {"SALLYPORT_LISTENERS", "x", "error: SALLYPORT_LISTENERS: no key is set by this variable (lists are set in a file)\n"},
      {"SALLYPORT_WORKERS", "two",
       "error: SALLYPORT_WORKERS: 'workers' must be auto or a whole number, not 'two' (auto: one for each core)\n"},
      {"SALLYPORT_LOG_FILE", "", "error: SALLYPORT_LOG_FILE: 'log.file' is empty (give it a value, or remove the key)\n"},
      {"SALLYPORT_UNSAFE_NO_TOKENS", "1",
       "error: SALLYPORT_UNSAFE_NO_TOKENS: 'unsafe_no_tokens' must be true or false, not '1' (write the word true or the word false)\n"},
      {"SALLYPORT_USERS_BACKEND_TTL", "1m",
       "error: SALLYPORT_USERS_BACKEND_TTL: 'users.backend_ttl' is not in this version (leave it out; it belongs to authority: backend)\n"},
  };
  for (const auto& row : table) BOOST_TEST(told_with(in, with_environment(row.name, row.value)) == row.told);
}

BOOST_AUTO_TEST_CASE(what_kubernetes_says_about_a_service_of_that_name_is_no_setting) {
  const folder in;
  for (const char* name : {"SALLYPORT_SERVICE_HOST", "SALLYPORT_SERVICE_PORT", "SALLYPORT_SERVICE_PORT_MILVUS", "SALLYPORT_PORT",
                           "SALLYPORT_PORT_19530_TCP_ADDR"})
    BOOST_TEST(told_with(in, with_environment(name, "tcp://10.0.0.1:19530")) == "");
}

BOOST_AUTO_TEST_CASE(relative_paths_start_at_the_folder_of_the_file_that_names_them) {
  const folder in;
  sources from = one_file(in.write("1.yaml", good + "log: {file: a.log}\nadmin: {socket: ../x.sock}\n"));
  from.files.push_back(in.write("sub/2.yaml", "users: {store: 'sqlite:./u.db'}\n"));
  settings s = loaded_with(from);
  BOOST_TEST(s.log.file == in.at("a.log"));
  BOOST_TEST(s.users.path == in.at("sub/u.db"));
  BOOST_TEST(s.admin.socket == std::filesystem::path(in.at("../x.sock")).lexically_normal().string());
  from.environment = {{"SALLYPORT_LOG_FILE", "here.log"}};
  BOOST_TEST(loaded_with(from).log.file == "here.log");
}

BOOST_AUTO_TEST_CASE(the_default_store_is_systemds_folder_then_the_home_and_its_socket_lies_beside_it) {
  sources from;
  from.backend = "127.0.0.1:19540";
  from.environment = {{"HOME", "/home/x"}, {"STATE_DIRECTORY", "/var/lib/sallyport:/var/lib/other"}};
  settings s = loaded_with(from);
  BOOST_TEST(s.users.path == "/var/lib/sallyport/users.db");
  BOOST_TEST(s.admin.socket == "/var/lib/sallyport/users.db.sock");
  from.environment.erase("STATE_DIRECTORY");
  s = loaded_with(from);
  BOOST_TEST(s.users.path == "/home/x/.local/state/sallyport/users.db");
  from.environment.clear();
  const folder in;
  BOOST_TEST(told_with(in, from) ==
             "error: no place for the users: neither STATE_DIRECTORY nor HOME is set (set users.store, or pass --store PATH)\n");
  from.store = "/" + std::string(110, 'x');
  BOOST_TEST(told_with(in, from).find("error: the path of the admin socket is longer than 107 bytes") == 0u);
}

BOOST_AUTO_TEST_CASE(flags_alone_are_a_complete_configuration) {
  sources from;
  from.backend = "10.0.0.7:19530";
  from.store = "u.db";
  settings s = loaded_with(from);
  BOOST_TEST_REQUIRE(s.listeners.size() == 1u);
  BOOST_TEST(s.listeners[0].address.name == "milvus");
  BOOST_TEST(s.listeners[0].address.host == "127.0.0.1");
  BOOST_TEST(s.listeners[0].address.port == 19530);
  BOOST_TEST((s.listeners[0].tokens == auth::tokens::required));
  BOOST_TEST(s.listeners[0].backend == s.backends.at(0).name);
  BOOST_TEST(s.backends[0].endpoints.at(0).host == "10.0.0.7");
  from.listen = "[::1]:0";
  s = loaded_with(from);
  BOOST_TEST(s.listeners[0].address.host == "::1");
  BOOST_TEST(s.listeners[0].address.port == 0);
}

BOOST_AUTO_TEST_CASE(flags_change_the_only_listener_and_the_only_backend) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good));
  from.listen = "127.0.0.1:7";
  from.backend = "127.0.0.1:8";
  const settings s = loaded_with(from);
  BOOST_TEST(s.listeners.at(0).address.port == 7);
  BOOST_TEST(s.listeners[0].address.name == "a");
  BOOST_TEST(s.backends.at(0).endpoints.at(0).port == 8);
  BOOST_TEST(s.origins.at("listeners[0].address").name == "--listen");
}

BOOST_AUTO_TEST_CASE(faults_of_flags_name_the_flag) {
  const folder in;
  sources from =
      one_file(in.write("c.yaml",
                        "listeners: [{name: a, address: '127.0.0.1:1', backend: b}, {name: c, address: '127.0.0.1:2', backend: b}]\n"
                        "backends: [{name: b, endpoints: ['h:1']}, {name: d, endpoints: ['h:2']}]\n"));
  from.listen = "127.0.0.1:7";
  from.backend = "127.0.0.1:8";
  BOOST_TEST(told_with(in, from) ==
             "error: --backend: the configuration has 2 backends (set its endpoints there)\n"
             "error: --listen: the configuration has 2 listeners (set their addresses there)\n");
  sources alone;
  alone.store = "u.db";
  alone.backend = "milvus";
  alone.listen = "19530";
  BOOST_TEST(told_with(in, alone) ==
             "error: --backend: no port (write HOST:PORT, for example 127.0.0.1:19530)\n"
             "error: --listen: no port (write HOST:PORT, for example 127.0.0.1:19530)\n");
  sources lonely;
  lonely.store = "u.db";
  lonely.files = {in.write("d.yaml", "workers: 1\n")};
  lonely.listen = "127.0.0.1:1";
  BOOST_TEST(told_with(in, lonely) ==
             "F/d.yaml:1:1: error: no backend is named (add 'backends' to the configuration, or pass --backend HOST:PORT)\n");
}

BOOST_AUTO_TEST_CASE(the_user_commands_need_no_listener_and_no_backend) {
  const folder in;
  sources from;
  from.users_only = true;
  from.store = in.at("u.db");
  BOOST_TEST(loaded_with(from).admin.socket == in.at("u.db.sock"));
  from.files = {in.write("c.yaml", "users: {stor: 'sqlite:a'}\n")};
  BOOST_TEST(told_with(in, from) == "F/c.yaml:1:9: error: unknown key 'stor' in users (did you mean 'store'?)\n");
}

BOOST_AUTO_TEST_CASE(effective_tells_every_key_and_where_it_came_from) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good + "limits:\n  drain: 5s\n"));
  from.environment["SALLYPORT_LOG_LEVEL"] = "debug";
  from.store = "/s.db";
  const std::string all = in.without(effective(loaded_with(from)));
  for (const char* line :
       {"limits.drain: 5s  # F/c.yaml:4:10\n", "limits.idle: 15m  # default\n", "log.level: debug  # SALLYPORT_LOG_LEVEL\n",
        "users.store: sqlite:/s.db  # --store\n", "listeners[0].address: 127.0.0.1:19530  # F/c.yaml:1:32\n",
        "listeners[0].tokens: required  # default\n", "backends[0].credentials: strip  # default\n",
        "admin.socket: /s.db.sock  # default\n", "unsafe_no_tokens: false  # default\n"})
    BOOST_TEST(all.find(line) != std::string::npos, line << "is not in\n" << all);
  // Every key outside lists that has a default stands there.
  for (const key& k : keys())
    if (!k.initial.empty() && k.at.find('[') == std::string_view::npos)
      BOOST_TEST(all.find(std::string(k.at) + ": ") != std::string::npos, k.at);
}

BOOST_AUTO_TEST_SUITE_END()
