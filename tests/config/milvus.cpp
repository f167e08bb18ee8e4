// Milvus' own settings in their three forms, and the ways in which they are got wrong: none of them may open a door silently.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

sources with_milvus(const std::string& file) {
  sources from;
  from.milvus_config = file;
  from.backend = "127.0.0.1:19540";
  from.store = "/u.db";
  return from;
}

std::string told_of_milvus(const std::string& text) {
  const folder in;
  return told(in, load(with_milvus(in.write("m.yaml", text))).problems);
}

settings loaded_milvus(const std::string& text) {
  const folder in;
  loaded result = load(with_milvus(in.write("m.yaml", text)));
  BOOST_TEST_REQUIRE(result.value.has_value(), text + told(in, result.problems));
  return std::move(*result.value);
}

std::string indented(const std::string& text, int by) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end > at) out += std::string(static_cast<std::size_t>(by), ' ');
    out += text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

// The same settings in each form, and how many lines and columns come before them.
struct form {
  std::string name, before;
  int indent;
};
const form forms[] = {
    {"milvus.yaml", "", 0},
    {"Helm values", "cluster:\n  enabled: true\nextraConfigFiles:\n  user.yaml: |+\n", 4},
    {"Helm values, another style", "extraConfigFiles:\n    'user.yaml': |-   # Milvus' own\n\n", 6},
    {"operator", "apiVersion: milvus.io/v1beta1\nkind: Milvus\nmetadata: {name: m}\nspec:\n  config:\n", 4},
    {"operator's patch", "spec:\n  config:\n", 4},
};
std::string in_form(const form& f, const std::string& text) { return f.before + indented(text, f.indent); }
std::string place_in(const form& f, int line, int column) {
  const auto lines = static_cast<int>(std::count(f.before.begin(), f.before.end(), '\n'));
  return "F/m.yaml:" + std::to_string(line + lines) + ":" + std::to_string(column + f.indent);
}

const std::string all_settings =
    "etcd:\n  endpoints: localhost:2379\n  rootPath: by-dev\n  metaSubPath: meta\n"
    "proxy:\n  minPasswordLength: 8\n  maxPasswordLength: 72\n  maxUsernameLength: 16\n  maxFieldNum: 64\n  http: {enabled: true}\n"
    "common:\n  storageType: remote\n  session: {ttl: 30}\n  security:\n    authorizationEnabled: true\n    superUsers: root, foo\n"
    "    defaultRootPassword: Milvus\n"
    "    tlsMode: 2\n    rootShouldBindRole: false\n    enablePublicPrivilege: true\n    internaltlsEnabled: false\n"
    "    exprEnabled: false\n"
    "    rbac:\n      overrideBuiltInPrivilegeGroups: {enabled: false}\n"
    "tls:\n  serverPemPath: certs/server.pem\n  serverKeyPath: /k/server.key\n  caPemPath: certs/ca.pem\n"
    "quotaAndLimits: {enabled: true}\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(milvus_settings_of_users)

BOOST_AUTO_TEST_CASE(each_form_gives_the_same_settings) {
  for (const form& f : forms) {
    const folder in;
    const std::string file = in.write("m.yaml", in_form(f, all_settings));
    const loaded result = load(with_milvus(file));
    BOOST_TEST_REQUIRE(result.value.has_value(), f.name + ": " + told(in, result.problems));
    BOOST_TEST(told(in, result.problems) == "", f.name);
    const settings& s = *result.value;
    BOOST_TEST_REQUIRE(s.listeners.size() == 1u);
    BOOST_TEST((s.listeners[0].tokens == auth::tokens::required));
    BOOST_TEST_REQUIRE(s.listeners[0].tls.has_value());
    BOOST_TEST((s.listeners[0].tls->clients == tls::client_certificates::required));
    BOOST_TEST(s.listeners[0].tls->certificates.at(0).cert == in.at("certs/server.pem"));
    BOOST_TEST(s.listeners[0].tls->certificates.at(0).key == "/k/server.key");
    BOOST_TEST(s.listeners[0].tls->client_ca == in.at("certs/ca.pem"));
    BOOST_TEST(s.user_calls.super_users == (std::vector<std::string>{"root", "foo"}), boost::test_tools::per_element());
    BOOST_TEST(s.user_calls.password_min_bytes == 8u);
    BOOST_TEST(s.user_calls.password_max_bytes == 72u);
    BOOST_TEST(s.user_calls.user_name_max_bytes == 16u);
    BOOST_TEST(s.users.default_root_password == "Milvus");
    BOOST_TEST(
        in.without(effective(s)).find("listeners[0].tls.client_certificates: required  # " + place_in(f, 18, 14)) != std::string::npos,
        effective(s));
  }
}

BOOST_AUTO_TEST_CASE(a_fault_has_the_place_in_the_outer_file_whatever_the_form) {
  const struct {
    std::string text;
    int line, column;
    std::string told;
  } table[] = {
      {"common:\n  security:\n    authorisationEnabled: false\n", 3, 5,
       "unknown key 'authorisationEnabled' in common.security (did you mean 'authorizationEnabled'?)"},
      {"common:\n  security:\n    authorizationenabled: false\n", 3, 5,
       "unknown key 'authorizationenabled' in common.security (did you mean 'authorizationEnabled'?)"},
      {"common:\n  security:\n    colour: red\n", 3, 5,
       "unknown key 'colour' in common.security (known here: authorizationEnabled, superUsers, defaultRootPassword, tlsMode, "
       "rootShouldBindRole, "
       "enablePublicPrivilege, rbac, exprEnabled, internaltlsEnabled)"},
      {"common:\n  security:\n    authorizationEnabled: no\n", 3, 27,
       "'common.security.authorizationEnabled' must be true or false (write the word true or the word false)"},
      {"common:\n  security:\n    authorizationEnabled: False\n", 3, 27,
       "'common.security.authorizationEnabled' must be true or false (write the word true or the word false)"},
      {"common:\n  security:\n    authorizationEnabled: 0\n", 3, 27,
       "'common.security.authorizationEnabled' must be true or false (write the word true or the word false)"},
      {"common:\n  security:\n    authorizationEnabled: []\n", 3, 27,
       "'common.security.authorizationEnabled' must be true or false (write the word true or the word false)"},
      {"common:\n  security:\n    authorizationEnabled:\n", 3, 5,
       "'common.security.authorizationEnabled' has no value (write true or false, or remove the key)"},
      {"common:\n  security:\n    tlsMode: 3\n", 3, 14, "'common.security.tlsMode' must be 0 (no TLS), 1 (TLS) or 2 (mutual TLS)"},
      {"common:\n  security:\n    tlsMode: on\n", 3, 14, "'common.security.tlsMode' must be 0 (no TLS), 1 (TLS) or 2 (mutual TLS)"},
      {"common:\n  security:\n    tlsMode:\n", 3, 5,
       "'common.security.tlsMode' has no value (write 0 (no TLS), 1 (TLS) or 2 (mutual TLS), or remove the key)"},
      {"common:\n  security:\n    tlsEnabled: true\n", 3, 5,
       "'common.security.tlsEnabled' is of Milvus 2.1 and older; no Milvus since reads it (write tlsMode: 1, or tlsMode: 2 for client "
       "certificates)"},
      {"common:\n  security:\n    superUsers: {a: b}\n", 3, 17,
       "'common.security.superUsers' must be names (write \"root, foo\" or a list of names)"},
      {"common:\n  security: true\n", 2, 13, "'common.security' must be a map (put its keys below it, indented)"},
      {"common:\n  securty: {authorizationEnabled: true}\n", 2, 3, "unknown key 'securty' in common (did you mean 'security'?)"},
      {"common:\n  security.tlsMode: 2\n", 2, 3, "'security.tlsMode' is a path, not a key (write it nested: security: {...})"},
      {"common.security.tlsMode: 2\n", 1, 1, "'common.security.tlsMode' is a path, not a key (write it nested: common: {...})"},
      {"comon: {security: {tlsMode: 2}}\n", 1, 1, "unknown key 'comon' (did you mean 'common'?)"},
      {"tsl: {serverPemPath: a}\n", 1, 1, "unknown key 'tsl' (did you mean 'tls'?)"},
      {"tls:\n  serverPemPat: a\n", 2, 3, "unknown key 'serverPemPat' in tls (did you mean 'serverPemPath'?)"},
      {"tls:\n  serverPemPath: [a]\n", 2, 18, "'tls.serverPemPath' must be a single text (write it after the colon, in one line)"},
      {"common: {security: {tlsMode: 1}}\n", 1, 30, ""},
      {"proxy:\n  minPasswordLength: x\n", 2, 22, "'proxy.minPasswordLength' must be a whole number from 1 to 512"},
      {"proxy:\n  maxPasswordLength: 4096\n", 2, 22, "'proxy.maxPasswordLength' must be a whole number from 1 to 512"},
      {"proxy:\n  maxPasswordLength: 5\n", 2, 22,
       "proxy.maxPasswordLength is less than proxy.minPasswordLength (6) (no password could be set)"},
      {"proxy:\n  maxUsernameLength: 0\n", 2, 22, "'proxy.maxUsernameLength' must be a whole number from 1 to 256"},
      {"etcd:\n  rootPath: [a]\n", 2, 13, "'etcd.rootPath' must be a single text (write it after the colon, in one line)"},
      {"common:\n  security:\n    tlsMode: 0\n    tlsMode: 0\n", 4, 5,
       "duplicate key 'tlsMode' (it stands in line LINE already; keep one of them)"},
  };
  for (const form& f : forms)
    for (const auto& row : table) {
      std::string wanted = place_in(f, row.line, row.column) + ": error: " + row.told + "\n";
      const auto lines = std::count(f.before.begin(), f.before.end(), '\n');
      if (const auto at = wanted.find("LINE"); at != std::string::npos) wanted.replace(at, 4, std::to_string(3 + lines));
      const std::string said = told_of_milvus(in_form(f, row.text));
      if (row.told.empty())  // two faults at one place: a certificate and its key
        wanted = place_in(f, row.line, row.column) +
                 ": error: tlsMode 1 needs tls.serverPemPath (the block 'tls' stands at the top of the file, beside 'common')\n" +
                 place_in(f, row.line, row.column) +
                 ": error: tlsMode 1 needs tls.serverKeyPath (the block 'tls' stands at the top of the file, beside 'common')\n";
      BOOST_TEST(said == wanted, f.name << ":\n" << in_form(f, row.text) << "told " << said << "instead of " << wanted);
    }
}

BOOST_AUTO_TEST_CASE(only_the_word_false_at_the_right_place_switches_door_2_off) {
  for (const form& f : forms) {
    BOOST_TEST(
        (loaded_milvus(in_form(f, "common: {security: {authorizationEnabled: false}}\n")).listeners.at(0).tokens == auth::tokens::none),
        f.name);
    for (const char* on : {"common: {security: {authorizationEnabled: true}}\n", "common: {security: {tlsMode: 0}}\n",
                           "common: {security: {}}\n", "common:\n  security:\n", "common:\n", "log: {level: info}\n",
                           "proxy: {authorizationEnabled: false}\n", "authorizationEnabled: false\n"})
      BOOST_TEST((loaded_milvus(in_form(f, on)).listeners.at(0).tokens == auth::tokens::required), f.name << " " << on);
  }
}

BOOST_AUTO_TEST_CASE(the_wrong_places_name_the_right_one) {
  const struct {
    std::string text, told;
  } table[] = {
      {"apiVersion: milvus.io/v1beta1\nspec:\n  common:\n    security: {authorizationEnabled: false}\n  config: {}\n",
       "F/m.yaml:3:3: error: 'spec.common.security' is not read by Milvus (the right place is spec.config.common.security)\n"},
      {"spec:\n  common:\n    security: {authorizationEnabled: false}\n",
       "F/m.yaml:2:3: error: 'spec.common.security' is not read by Milvus (the right place is spec.config.common.security)\n"
       "F/m.yaml:2:3: warning: the resource has no spec.config (Milvus' defaults hold: no TLS; door 2 stays shut without a password)\n"},
      {"apiVersion: milvus.io/v1beta1\nspec:\n  tls: {caPemPath: a}\n  config: {}\n",
       "F/m.yaml:3:3: error: 'spec.tls' is not read by Milvus (the right place is spec.config.tls)\n"},
      {"apiVersion: milvus.io/v1beta1\ncommon: {security: {tlsMode: 0}}\nspec:\n  config: {}\n",
       "F/m.yaml:2:1: error: 'common.security' at the top of a resource is not read by Milvus (in a resource for the operator they stand "
       "in "
       "spec.config)\n"},
      {"cluster: {enabled: true}\ncommon: {security: {authorizationEnabled: false}}\n",
       "F/m.yaml:1:1: warning: these Helm values hold no settings of Milvus (Helm values carry Milvus' settings as text: extraConfigFiles: "
       "{user.yaml: |+ ...})\n"
       "F/m.yaml:2:1: error: 'common.security' at the top of Helm values is not read by Milvus (Helm values carry Milvus' settings as "
       "text: "
       "extraConfigFiles: {user.yaml: |+ ...})\n"},
      {"extraConfigFiles: {user.yaml: 'a: 1'}\ncommon: {security: {authorizationEnabled: false}}\ntls: {caPemPath: a}\n",
       "F/m.yaml:2:1: error: 'common.security' at the top of Helm values is not read by Milvus (Helm values carry Milvus' settings as "
       "text: "
       "extraConfigFiles: {user.yaml: |+ ...})\n"
       "F/m.yaml:3:1: error: 'tls' at the top of Helm values is not read by Milvus (Helm values carry Milvus' settings as text: "
       "extraConfigFiles: "
       "{user.yaml: |+ ...})\n"},
      {"extraConfigFiles:\n  user.yaml:\n    common: {security: {authorizationEnabled: true}}\n",
       "F/m.yaml:3:5: error: 'extraConfigFiles.user.yaml' must be a text, not a map (write user.yaml: |+ and leave what is below it as it "
       "is)\n"},
      {"extraConfigFiles:\n  usr.yaml: |+\n    a: 1\n",
       "F/m.yaml:2:3: error: 'extraConfigFiles' has no user.yaml (Helm values carry Milvus' settings as text: extraConfigFiles: "
       "{user.yaml: |+ "
       "...})\n"},
      {"extraConfigFile: {user.yaml: 'a: 1'}\n", "F/m.yaml:1:1: error: unknown key 'extraConfigFile' (did you mean 'extraConfigFiles'?)\n"},
      {"extraConfigFiles:\n  user.yaml: |+\n    - a\n",
       "F/m.yaml:3:5: error: 'extraConfigFiles.user.yaml' must hold a map of settings (Helm values carry Milvus' settings as text: "
       "extraConfigFiles: {user.yaml: |+ ...})\n"},
      {"extraConfigFiles:\n  user.yaml: |+\n    a: b: c\n",
       "F/m.yaml:3:9: error: not valid YAML: illegal map value (is the indentation right (spaces only)? a value that holds ': ' must be "
       "quoted)\n"},
      {"apiVersion: v1\nkind: Pod\nspec: {config: {}}\n",
       "F/m.yaml:1:13: error: not a resource of Milvus' operator: apiVersion v1 (it must be milvus.io/...)\n"},
      {"apiVersion: milvus.io/v1beta1\nkind: Milvus\n",
       "F/m.yaml:1:1: error: a resource without a spec (in a resource for the operator they stand in spec.config)\n"},
      {"apiVersion: milvus.io/v1beta1\nspec: {config: 5}\n",
       "F/m.yaml:2:16: error: 'spec.config' must be a map (in a resource for the operator they stand in spec.config)\n"},
      {"", "F/m.yaml: error: holds no settings of Milvus (name a milvus.yaml, Helm values or a resource of Milvus' operator)\n"},
      {"- a\n", "F/m.yaml: error: holds no settings of Milvus (name a milvus.yaml, Helm values or a resource of Milvus' operator)\n"},
      {"a: &x 1\n", "F/m.yaml:1:4: error: YAML anchors are not supported (write the value out where it is meant)\n"},
  };
  for (const auto& row : table) BOOST_TEST(told_of_milvus(row.text) == row.told, row.text << "told " << told_of_milvus(row.text));
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_kept_line_by_line_has_the_place_of_the_text) {
  const std::string folded = "extraConfigFiles:\n  user.yaml: \"common:\\n  security:\\n    authorisationEnabled: false\\n\"\n";
  BOOST_TEST(told_of_milvus(folded) ==
             "F/m.yaml:2:14: error: unknown key 'authorisationEnabled' in common.security (did you mean 'authorizationEnabled'?)\n");
}

BOOST_AUTO_TEST_CASE(a_password_in_the_file_is_warned_about_and_never_shown) {
  const std::string text = "common:\n  security:\n    defaultRootPassword: OpenSesame1\n";
  const folder in;
  const loaded result = load(with_milvus(in.write("m.yaml", text)));
  BOOST_TEST(
      told(in, result.problems) ==
      "F/m.yaml:3:26: warning: 'common.security.defaultRootPassword' is a secret in a configuration file (change it with 'sallyport user "
      "passwd root' and remove it here)\n");
  BOOST_TEST_REQUIRE(result.value.has_value());
  BOOST_TEST(result.value->users.default_root_password == "OpenSesame1");
  const std::string shown = effective(*result.value);
  BOOST_TEST(shown.find("OpenSesame1") == std::string::npos);
  BOOST_TEST(in.without(shown).find("common.security.defaultRootPassword: ***  # F/m.yaml:3:26\n") != std::string::npos, shown);
  // Nor when it is no good.
  const std::string bad = told_of_milvus("common:\n  security:\n    defaultRootPassword: [OpenSesame1]\n") +
                          told_of_milvus("proxy: {minPasswordLength: 20}\ncommon:\n  security:\n    defaultRootPassword: OpenSesame1\n");
  BOOST_TEST(bad.find("OpenSesame1") == std::string::npos, bad);
  BOOST_TEST(bad.find("F/m.yaml:4:26: warning: 'common.security.defaultRootPassword' has 11 bytes, a password has 20 to 256 (see "
                      "proxy.minPasswordLength and proxy.maxPasswordLength)\n") != std::string::npos,
             bad);
  const std::string long_one(513, 'x');
  BOOST_TEST(
      told_of_milvus("common: {security: {defaultRootPassword: " + long_one + "}}\n")
          .find("F/m.yaml:1:42: error: 'common.security.defaultRootPassword' has more than 512 bytes (nobody could log in with it)\n") ==
      0u);
  // Milvus' own default is as good as none in the file.
  BOOST_TEST(told_of_milvus("proxy: {minPasswordLength: 20}\ncommon: {security: {defaultRootPassword: Milvus}}\n") == "");
  // Quotes and digits are the password's own business.
  BOOST_TEST(loaded_milvus("common: {security: {defaultRootPassword: 012345}}\n").users.default_root_password == "012345");
}

BOOST_AUTO_TEST_CASE(super_users_are_a_text_or_a_list) {
  const std::vector<std::string> wanted{"root", "foo"};
  for (const char* text : {"\"root, foo\"", "root,foo", "[root, foo]", "[' root ', 'foo']", "['root,foo']", "root,,foo,"}) {
    const settings s = loaded_milvus(
        "common: {security: {superUsers: " + std::string(text[0] == '[' || text[0] == '"' ? text : "'" + std::string(text) + "'") + "}}\n");
    BOOST_TEST(s.user_calls.super_users == wanted, boost::test_tools::per_element());
  }
  BOOST_TEST(loaded_milvus("common:\n  security:\n    superUsers:\n").user_calls.super_users.empty());
}

BOOST_AUTO_TEST_CASE(what_milvus_enforces_and_we_do_not_is_told) {
  BOOST_TEST(told_of_milvus("common:\n  security:\n    rootShouldBindRole: true\n    enablePublicPrivilege: false\n    tlsMode: 0\n") ==
             "F/m.yaml:3:25: warning: 'common.security.rootShouldBindRole' is not enforced here (root is an administrator here whatever "
             "its roles)\n"
             "F/m.yaml:4:28: warning: 'common.security.enablePublicPrivilege' is not enforced here (a user without roles may do all here "
             "but manage "
             "users)\n");
}

BOOST_AUTO_TEST_CASE(tls_modes_become_tls_and_client_certificates) {
  const std::string files = "tls: {serverPemPath: s, serverKeyPath: k, caPemPath: c}\n";
  BOOST_TEST(!loaded_milvus(files + "common: {security: {tlsMode: 0}}\n").listeners.at(0).tls.has_value());
  BOOST_TEST(!loaded_milvus(files).listeners.at(0).tls.has_value());
  const settings one = loaded_milvus(files + "common: {security: {tlsMode: 1}}\n");
  BOOST_TEST((one.listeners.at(0).tls.value().clients == tls::client_certificates::none));
  BOOST_TEST(one.listeners[0].tls->client_ca == "");
  const settings two = loaded_milvus(files + "common: {security: {tlsMode: '2'}}\n");
  BOOST_TEST((two.listeners.at(0).tls.value().clients == tls::client_certificates::required));
  BOOST_TEST(told_of_milvus("common: {security: {tlsMode: 2}}\ntls: {serverPemPath: s, serverKeyPath: k}\n") ==
             "F/m.yaml:1:30: error: tlsMode 2 needs tls.caPemPath (the block 'tls' stands at the top of the file, beside 'common')\n");
}

BOOST_AUTO_TEST_CASE(sallyports_own_key_wins_over_milvus) {
  const folder in;
  const std::string milvus = in.write(
      "m.yaml", "common: {security: {authorizationEnabled: false, tlsMode: 2}}\ntls: {serverPemPath: s, serverKeyPath: k, caPemPath: c}\n");
  sources from =
      one_file(in.write("c.yaml",
                        "listeners:\n"
                        "- {name: own, address: '127.0.0.1:1', backend: b, tokens: required, tls: {certificates: [{cert: o, key: o}]}}\n"
                        "- {name: theirs, address: '127.0.0.1:2', backend: b}\n"
                        "backends: [{name: b, endpoints: ['127.0.0.1:19540']}]\nmilvus_config: m.yaml\n"));
  for (int pass = 0; pass < 2; ++pass) {
    const loaded result = load(from);
    BOOST_TEST_REQUIRE(result.value.has_value(), told(in, result.problems));
    const auto& listeners = result.value->listeners;
    BOOST_TEST((listeners.at(0).tokens == auth::tokens::required));
    BOOST_TEST((listeners[0].tls.value().clients == tls::client_certificates::none));
    BOOST_TEST((listeners.at(1).tokens == auth::tokens::none));
    BOOST_TEST((listeners[1].tls.value().clients == tls::client_certificates::required));
    from.milvus_config = milvus;  // the flag instead of the key
  }
}

BOOST_AUTO_TEST_CASE(the_flag_wins_over_the_key_and_a_missing_file_names_who_named_it) {
  const folder in;
  sources from = one_file(in.write("c.yaml", good + "milvus_config: nowhere.yaml\n"));
  BOOST_TEST(told(in, load(from).problems) ==
             "F/c.yaml:3:16: error: cannot open F/nowhere.yaml: No such file or directory (is the path right?)\n");
  from.milvus_config = in.write("m.yaml", "common: {}\n");
  BOOST_TEST(told(in, load(from).problems) == "");
  from.milvus_config = in.at("gone.yaml");
  BOOST_TEST(told(in, load(from).problems) ==
             "error: --milvus-config: cannot open F/gone.yaml: No such file or directory (is the path right?)\n");
}

BOOST_AUTO_TEST_CASE(an_open_door_2_on_the_network_is_refused_here_too) {
  const folder in;
  sources from = with_milvus(in.write("m.yaml", "common:\n  security:\n    authorizationEnabled: false\n"));
  from.listen = "0.0.0.0:19530";
  BOOST_TEST(told(in, load(from).problems) ==
             "F/m.yaml:3:27: error: listener 'milvus' on 0.0.0.0:19530 would let everybody in: door 2 is off (tokens: none) and the "
             "address is not "
             "the loopback (require tokens, listen on 127.0.0.1, or spell out unsafe_no_tokens: true)\n");
}

BOOST_AUTO_TEST_SUITE_END()
