// Every kind of fault in Sallyport's own keys, with its place and its hint.
#include "support.hpp"

#include "schema.hpp"

using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {
struct row {
  std::string text, told;
};
void check(const row& r) {
  const std::string said = told_about(r.text);
  BOOST_TEST(said == r.told, "\n" << r.text << "told\n" << said << "instead of\n" << r.told);
}
// `text` is put before a good listener and backend, so that its own faults are the only ones.
void check_with_good(const row& r) { check({r.text + good, r.told}); }
}  // namespace

BOOST_AUTO_TEST_SUITE(keys_and_values)

BOOST_AUTO_TEST_CASE(an_unknown_key_is_told_with_what_was_meant) {
  const row table[] = {
      {"limts: {drain: 5s}\n", "F/c.yaml:1:1: error: unknown key 'limts' (did you mean 'limits'?)\n"},
      {"limits:\n  drian: 5s\n", "F/c.yaml:2:3: error: unknown key 'drian' in limits (did you mean 'drain'?)\n"},
      {"limits: {Streams: 5}\n", "F/c.yaml:1:10: error: unknown key 'Streams' in limits (did you mean 'streams'?)\n"},
      {"unsafe_no_token: true\n", "F/c.yaml:1:1: error: unknown key 'unsafe_no_token' (did you mean 'unsafe_no_tokens'?)\n"},
      {"tokens: none\n", "F/c.yaml:1:1: error: unknown key 'tokens' (it belongs to listeners[])\n"},
      {"log: {workers: 2}\n", "F/c.yaml:1:7: error: unknown key 'workers' in log (it belongs at the top of the file)\n"},
      {"users: {colour: red}\n",
       "F/c.yaml:1:9: error: unknown key 'colour' in users (known here: authority, store, backend_ttl, milvus)\n"},
      {"'endpoints[]': 1\n", "F/c.yaml:1:1: error: unknown key 'endpoints[]' (did you mean 'backends'?)\n"},
  };
  for (const row& r : table) {
    if (r.text.find("endpoints[]") != std::string::npos) {
      BOOST_TEST(told_about(r.text + good).find("F/c.yaml:1:1: error: unknown key 'endpoints[]'") == 0u);
      continue;
    }
    check_with_good(r);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_type_is_told_with_the_right_one) {
  const row table[] = {
      {"limits: 5\n",
       "F/c.yaml:1:9: error: 'limits' must be a map, not a single value (keys below it: handshake, first_request, idle, "
       "write_stall, drain, tunnel_idle, connections, connections_per_source, handshakes, handshakes_per_source, http1_head, http1_idle, "
       "streams, "
       "header_list, "
       "header_fields, continuations, header_block, resets, resets_per_second, streams_refused, pings, settings, settings_entries, "
       "empty_data, "
       "window_updates, priorities, unknown_frames, buffers, response_stall)\n"},
      {"log: [text]\n", "F/c.yaml:1:6: error: 'log' must be a map, not a list (keys below it: level, format, file)\n"},
      {"workers: [1]\n", "F/c.yaml:1:10: error: 'workers' must be a single value, not a list (write it after the colon, in one line)\n"},
      {"limits: {drain: {}}\n",
       "F/c.yaml:1:17: error: 'limits.drain' must be a single value, not a map (write it after the colon, in one line)\n"},
      {"limits:\n", "F/c.yaml:1:1: error: 'limits' has no value (give it one, or remove the key)\n"},
      {"log:\n  level:\n", "F/c.yaml:2:3: error: 'log.level' has no value (give it one, or remove the key)\n"},
      {"workers: ~\n", "F/c.yaml:1:1: error: 'workers' has no value (give it one, or remove the key)\n"},
      {"workers: two\n", "F/c.yaml:1:10: error: 'workers' must be auto or a whole number, not 'two' (auto: one for each core)\n"},
      {"workers: 0\n", "F/c.yaml:1:10: error: 'workers' must be from 1 to 1024, not 0 (auto: one for each core)\n"},
      {"workers: '4'\n", "F/c.yaml:1:10: error: 'workers' must be auto or a whole number, not '4' (auto: one for each core)\n"},
      {"workers: -1\n", "F/c.yaml:1:10: error: 'workers' must be auto or a whole number, not '-1' (auto: one for each core)\n"},
      {"limits: {streams: 1.5}\n", "F/c.yaml:1:19: error: 'limits.streams' must be a whole number, not '1.5' (digits only)\n"},
      {"limits: {streams: '5'}\n", "F/c.yaml:1:19: error: 'limits.streams' must be a whole number, not '5' (without quotes)\n"},
      {"limits: {streams: 99999999999999999999}\n",
       "F/c.yaml:1:19: error: 'limits.streams' must be a whole number, not '99999999999999999999' (digits only)\n"},
      {"limits: {streams: 10001}\n", "F/c.yaml:1:19: error: 'limits.streams' must be from 1 to 10000, not 10001 (digits only)\n"},
      {"limits: {drain: 30}\n", "F/c.yaml:1:17: error: 'limits.drain' must be a duration, not '30' (for example 500ms, 10s, 15m, 1h)\n"},
      {"limits: {drain: -1s}\n", "F/c.yaml:1:17: error: 'limits.drain' must be a duration, not '-1s' (for example 500ms, 10s, 15m, 1h)\n"},
      {"limits: {drain: 1d}\n", "F/c.yaml:1:17: error: 'limits.drain' must be a duration, not '1d' (for example 500ms, 10s, 15m, 1h)\n"},
      {"limits: {drain: 2h}\n", "F/c.yaml:1:17: error: 'limits.drain' must be from 0ms to 1h, not 2h (for example 500ms, 10s, 15m, 1h)\n"},
      {"limits: {handshake: 9999999999999999h}\n",
       "F/c.yaml:1:21: error: 'limits.handshake' must be a duration, not '9999999999999999h' (for example 500ms, 10s, 15m, 1h)\n"},
      {"limits: {header_list: 16k}\n",
       "F/c.yaml:1:23: error: 'limits.header_list' must be a size, not '16k' (for example 4096, 16KiB, 1MiB)\n"},
      {"limits: {header_list: 1MiB}\n",
       "F/c.yaml:1:23: error: 'limits.header_list' must be from 1KiB to 64KiB, not 1MiB (for example 4096, 16KiB, 1MiB)\n"},
      {"unsafe_no_tokens: yes\n",
       "F/c.yaml:1:19: error: 'unsafe_no_tokens' must be true or false, not 'yes' (write the word true or the word false)\n"},
      {"unsafe_no_tokens: 'true'\n", "F/c.yaml:1:19: error: 'unsafe_no_tokens' must be true or false, not 'true' (without quotes)\n"},
      {"unsafe_no_tokens: True\n",
       "F/c.yaml:1:19: error: 'unsafe_no_tokens' must be true or false, not 'True' (write the word true or the word false)\n"},
      {"log: {level: loud}\n", "F/c.yaml:1:14: error: 'log.level' must be trace, debug, info, warning, error, off, not 'loud'\n"},
      {"log: {level: warn}\n", "F/c.yaml:1:14: error: 'log.level' must be trace, debug, info, warning, error, off, not 'warn'\n"},
      {"log: {format: jason}\n", "F/c.yaml:1:15: error: 'log.format' must be text, json, not 'jason' (did you mean json?)\n"},
      {"log: {file: ''}\n", "F/c.yaml:1:13: error: 'log.file' is empty (give it a value, or remove the key)\n"},
      {"log: {file: \"a\\0b\"}\n", "F/c.yaml:1:13: error: 'log.file' holds a NUL (take the \\0 out)\n"},
      {"users: {store: users.db}\n",
       "F/c.yaml:1:16: error: 'users.store' must be sqlite:PATH, not 'users.db' (write sqlite:PATH, for example "
       "sqlite:/var/lib/sallyport/users.db)\n"},
      {"users: {store: 'sqlite:'}\n",
       "F/c.yaml:1:16: error: 'users.store' must be sqlite:PATH, not 'sqlite:' (write sqlite:PATH, for example "
       "sqlite:/var/lib/sallyport/users.db)\n"},
  };
  for (const row& r : table) check_with_good(r);
}

BOOST_AUTO_TEST_CASE(what_a_later_version_brings_is_told_from_what_is_unknown) {
  const row table[] = {
      {"policy: {default_role: none}\n",
       "F/c.yaml:1:1: error: 'policy' is not in this version (leave it out; a user without a role may do all but manage users)\n"},
      {"users: {authority: milvus}\n", "F/c.yaml:1:20: error: 'users.authority': milvus is not in this version (use sallyport)\n"},
      {"users: {store: 'etcd:https://h:2379/p'}\n",
       "F/c.yaml:1:16: error: 'users.store' of this kind is not in this version (write sqlite:PATH, for example "
       "sqlite:/var/lib/sallyport/users.db)\n"},
      {"users: {backend_ttl: 1m}\n",
       "F/c.yaml:1:9: error: 'users.backend_ttl' is not in this version (leave it out; it belongs to authority: backend)\n"},
  };
  for (const row& r : table) check_with_good(r);
  const std::string backend = "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";
  const std::string before = "listeners:\n- name: a\n  backend: b\n  address: ";
  const row listeners[] = {
      {before + "unix:/run/s.sock\n" + backend,
       "F/c.yaml:4:12: error: 'listeners[].address': unix sockets are not in this version (write HOST:PORT, for example "
       "127.0.0.1:19530)\n"},
      {before + "127.0.0.1:1\n  health: open\n" + backend,
       "F/c.yaml:5:11: error: 'listeners[].health' must be token, public, not 'open'\n"},
      {before + "127.0.0.1:1\n" +
           "backends: [{name: b, endpoints: ['127.0.0.1:3', '127.0.0.1:2'], rest: http1, credentials: {user: svc}}]\n",
       "F/c.yaml:5:91: error: 'backends[].credentials' with a service credential is not in this version (use strip or forward)\n"},
  };
  for (const row& r : listeners) check(r);
}

BOOST_AUTO_TEST_CASE(what_no_client_certificate_is_asked_for_has_no_effect) {
  const std::string backend = "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n";
  const std::string before = "listeners:\n- name: a\n  backend: b\n  address: 127.0.0.1:1\n  tls:\n    certificates: [{cert: c, key: k}]\n";
  check({before + "    crl: x.pem\n    allow: [{dns: a}]\n" + backend,
         "F/c.yaml:7:10: warning: 'listeners[].tls.crl' has no effect: no client certificate is asked for (set client_certificates: "
         "required, or "
         "remove it)\n"
         "F/c.yaml:8:12: warning: 'listeners[].tls.allow' has no effect: no client certificate is asked for (set client_certificates: "
         "required, or "
         "remove it)\n"});
}

BOOST_AUTO_TEST_CASE(a_backend_has_64_addresses_at_most_and_each_once) {
  const auto with = [](const std::string& rest_of_it) {
    return "listeners: [{name: a, address: '127.0.0.1:1', backend: b}]\nbackends:\n- name: b\n  endpoints: ['h:1']\n" + rest_of_it;
  };
  std::string many;
  for (int port = 1; port <= 64; ++port) many += (port > 1 ? ", 'h:" : "'h:") + std::to_string(port) + "'";
  check({with("  rest_endpoints: [" + many + "]\n"), ""});
  check({with("  rest_endpoints: [" + many + ",\n    'h:65']\n"),
         "F/c.yaml:6:5: error: 'backends[].rest_endpoints' has 65 addresses (64 at most; a name may stand for several)\n"});
  check({with("  rest_endpoints: ['h:1', 'i:1', 'h:1']\n"),
         "F/c.yaml:5:34: error: 'backends[].rest_endpoints' has h:1 twice (name each address once)\n"});
  check({with("  health: {interval: 61m, rise: 0}\n  resolve: 10ms\n"),
         "F/c.yaml:5:22: error: 'backends[].health.interval' must be from 0ms to 1h, not 61m (for example 500ms, 10s, 15m, 1h)\n"
         "F/c.yaml:5:33: error: 'backends[].health.rise' must be from 1 to 100, not 0 (digits only)\n"
         "F/c.yaml:6:12: error: 'backends[].resolve' must be from 1s to 1h, not 10ms (for example 500ms, 10s, 15m, 1h)\n"});
}

BOOST_AUTO_TEST_CASE(an_address_that_is_none_is_told_with_what_to_write) {
  const row table[] = {
      {"19530", ": no port (write HOST:PORT, for example 127.0.0.1:19530)"},
      {"':19530'", ": no host before the port (write 127.0.0.1:19530, or 0.0.0.0:19530 for every address)"},
      {"localhost", ": no port (write HOST:PORT, for example 127.0.0.1:19530)"},
      {"http://localhost:19530", ": an address has no scheme (write HOST:PORT, for example 127.0.0.1:19530)"},
      {"localhost:65536", ": '65536' is no port (a port is a number from 0 to 65535)"},
      {"localhost:x", ": 'x' is no port (a port is a number from 0 to 65535)"},
      {"'localhost:'", ": '' is no port (a port is a number from 0 to 65535)"},
      {"'::1:19530'", ": an IPv6 address without brackets (write [ADDRESS]:PORT, for example [::1]:19530)"},
      {"'[::x]:19530'", ": '::x' is no IPv6 address (write [ADDRESS]:PORT, for example [::1]:19530)"},
      {"127.0.0.256:19530", ": '127.0.0.256' is no IPv4 address (four numbers from 0 to 255, for example 127.0.0.1:19530)"},
      {"'a b:19530'", ": 'a b' is no host name and no address (write HOST:PORT, for example 127.0.0.1:19530)"},
  };
  for (const row& r : table)
    check({"listeners:\n- {name: a, backend: b, address: " + r.text + "}\nbackends: [{name: b, endpoints: ['127.0.0.1:19540']}]\n",
           "F/c.yaml:2:34: error: 'listeners[].address'" + r.told + "\n"});
  check({"listeners: [{name: a, address: '127.0.0.1:0', backend: b}]\nbackends: [{name: b, endpoints: ['127.0.0.1:0']}]\n",
         "F/c.yaml:2:34: error: 'backends[].endpoints[]': '0' is no port (a port is a number from 1 to 65535)\n"});
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_told_where_it_belongs) {
  const row table[] = {
      {"workers: 1\n",
       "F/c.yaml:1:1: error: no backend is named (add 'backends' to the configuration, or pass --backend HOST:PORT)\n"
       "F/c.yaml:1:1: error: 'listeners' is missing (see the examples, or pass --milvus-config FILE and --backend HOST:PORT)\n"},
      {"listeners: []\nbackends: []\n",
       "F/c.yaml:1:12: error: 'listeners' is empty (name at least one)\nF/c.yaml:2:11: error: 'backends' is empty (name at least one)\n"},
      {"listeners:\n  - {}\nbackends:\n  - {}\n",
       "F/c.yaml:2:5: error: 'listeners[].name' is missing (give it a name, it appears in the log)\n"
       "F/c.yaml:2:5: error: 'listeners[].address' is missing (for example address: 127.0.0.1:19530)\n"
       "F/c.yaml:2:5: error: 'listeners[].backend' is missing (name one of 'backends')\n"
       "F/c.yaml:4:5: error: 'backends[].name' is missing (give it a name, it appears in the log)\n"
       "F/c.yaml:4:5: error: 'backends[].endpoints' is missing (for example endpoints: [127.0.0.1:19540])\n"},
      {"listeners: [{name: a, address: '127.0.0.1:1', backend: c}]\nbackends: [{name: cc, endpoints: []}]\n",
       "F/c.yaml:1:56: error: no backend is called 'c' (did you mean 'cc'?)\n"
       "F/c.yaml:2:34: error: 'backends[].endpoints' is empty (for example endpoints: [127.0.0.1:19540])\n"},
      {"listeners: [{name: a, address: '127.0.0.1:1', backend: b, tls: {}}]\nbackends: [{name: b, endpoints: ['h:1']}]\n",
       "F/c.yaml:1:64: error: 'listeners[].tls.certificates' is missing (for example certificates: [{cert: server.pem, key: "
       "server.key}])\n"},
      {"listeners: [{name: a, address: '127.0.0.1:1', backend: b, tls: {certificates: [{cert: c}], client_certificates: "
       "required}}]\nbackends: "
       "[{name: b, endpoints: ['h:1']}]\n",
       "F/c.yaml:1:80: error: 'listeners[].tls.certificates[].key' is missing (a certificate and its key, both PEM)\n"
       "F/c.yaml:1:113: error: client certificates need 'listeners[].tls.client_ca' (name the PEM file of the CA that signs them)\n"},
  };
  for (const row& r : table) check(r);
}

BOOST_AUTO_TEST_CASE(a_tls_block_without_a_value_is_no_plaintext) {
  const std::string said =
      told_about("listeners:\n- name: a\n  address: 127.0.0.1:1\n  backend: b\n  tls:\nbackends: [{name: b, endpoints: ['h:1']}]\n");
  BOOST_TEST(said == "F/c.yaml:5:3: error: 'listeners[].tls' has no value (give it one, or remove the key)\n");
}

BOOST_AUTO_TEST_CASE(names_are_unique_and_plain) {
  const row table[] = {
      {"listeners:\n- {name: a, address: '127.0.0.1:1', backend: b}\n- {name: a, address: '127.0.0.1:2', backend: b}\nbackends: [{name: b, "
       "endpoints: "
       "['h:1']}]\n",
       "F/c.yaml:3:10: error: the name 'a' is taken (give each a name of its own)\n"},
      {"listeners:\n- {name: a b, address: '127.0.0.1:1', backend: b}\nbackends: [{name: b, endpoints: ['h:1']}]\n",
       "F/c.yaml:2:10: error: 'listeners[].name' may have letters, digits, '_', '.' and '-', 64 at most\n"},
      {"listeners:\n- {name: a, address: '127.0.0.1:1', backend: b}\n- {name: c, address: '127.0.0.1:1', backend: b}\nbackends: [{name: b, "
       "endpoints: "
       "['h:1']}]\n",
       "F/c.yaml:3:22: error: listener 'c' on 127.0.0.1:1 has the address of listener 'a' (give each an address of its own)\n"},
  };
  for (const row& r : table) check(r);
}

BOOST_AUTO_TEST_CASE(all_faults_are_told_at_once_and_in_the_order_of_the_file) {
  check({"workers: none\nlog: {level: loud, colour: red}\nlimits: {drain: soon}\n" + good + "workers: 2\n",
         "F/c.yaml:1:10: error: 'workers' must be auto or a whole number, not 'none' (auto: one for each core)\n"
         "F/c.yaml:2:14: error: 'log.level' must be trace, debug, info, warning, error, off, not 'loud'\n"
         "F/c.yaml:2:20: error: unknown key 'colour' in log (known here: level, format, file)\n"
         "F/c.yaml:3:17: error: 'limits.drain' must be a duration, not 'soon' (for example 500ms, 10s, 15m, 1h)\n"
         "F/c.yaml:6:1: error: duplicate key 'workers' (it stands in line 1 already; keep one of them)\n"});
}

BOOST_AUTO_TEST_CASE(a_list_where_a_map_belongs_hides_nothing) {
  check(
      {"- a\n- b\n",
       "F/c.yaml:1:1: error: a configuration is a map of keys, not a list (known here: listeners, backends, workers, users, auth, policy, "
       "limits, log, admin, milvus_config, unsafe_no_tokens, unsafe_plaintext_listener, unsafe_plaintext_backend, "
       "unsafe_default_root, unsafe_insecure_upstream, unsafe_serve_stale)\n"});
  check({"listeners: [a]\nbackends: [[]]\n",
         "F/c.yaml:1:13: error: an item of 'listeners' must be a map, not a single value (keys of an item: name, address, protocol, tls, "
         "tokens, "
         "certificate_user, health, backend)\n"
         "F/c.yaml:2:12: error: an item of 'backends' must be a map, not a list (keys of an item: name, endpoints, rest, rest_endpoints, "
         "resolve, max_connection_age, health, credentials, identity, tls, tunnels)\n"});
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_a_fault_and_a_folder_too) {
  const folder in;
  BOOST_TEST(told(in, load(one_file(in.at("nowhere.yaml"))).problems) ==
             "error: -c: cannot open F/nowhere.yaml: No such file or directory (is the path right?)\n");
  BOOST_TEST(told(in, load(one_file(in.path())).problems) == "error: -c: F is not a file (name a YAML file)\n");
  BOOST_TEST(told(in, load(one_file("/dev/zero")).problems) == "error: -c: /dev/zero is not a file (name a YAML file)\n");
  BOOST_TEST(told(in, load(sources{}).problems) ==
             "error: no configuration (pass -c FILE, or --milvus-config FILE and --backend HOST:PORT)\n");
}

BOOST_AUTO_TEST_SUITE_END()
