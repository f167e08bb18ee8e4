// TLS to the backend: what its keys mean, and what is wrong with them.
#include "support.hpp"

using namespace sallyport;
using namespace sallyport::config;
using namespace sallyport::config::tests;

namespace {

std::string with(const std::string& tls, const std::string& endpoint = "milvus.example:19540") {
  return "listeners: [{name: a, address: '127.0.0.1:19530', backend: b}]\nbackends:\n- name: b\n  endpoints: ['" + endpoint +
         "']\n  tls: " + tls + "\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backend_tls)

BOOST_AUTO_TEST_CASE(without_it_there_is_none_and_an_empty_one_believes_the_system) {
  BOOST_TEST(!loaded_from(good).backends[0].tls.has_value());
  const auto empty = loaded_from(with("{}")).backends[0].tls;
  BOOST_TEST_REQUIRE(empty.has_value());
  BOOST_TEST((empty->files.ca.empty() && empty->files.cert.empty() && empty->files.key.empty() && empty->server_name.empty()));
  BOOST_TEST(empty->files.verify);
}

BOOST_AUTO_TEST_CASE(the_whole_of_it_is_read_and_paths_start_at_the_file) {
  const folder in;
  const loaded all =
      load(one_file(in.write("c.yaml", with("{ca: ca.pem, server_name: a.example, cert: /c.pem, key: k.key, verify: true}"))));
  BOOST_TEST_REQUIRE(all.value.has_value(), told(in, all.problems));
  const auto& tls = *all.value->backends[0].tls;
  BOOST_TEST(tls.files.ca == in.at("ca.pem"));
  BOOST_TEST(tls.files.cert == "/c.pem");
  BOOST_TEST(tls.files.key == in.at("k.key"));
  BOOST_TEST(tls.server_name == "a.example");
  BOOST_TEST(all.value->origins.at("backends[0].tls.server_name").line == 5);
  for (const std::string name : {"127.0.0.1", "'::1'", "localhost"})
    BOOST_TEST(told_about(with("{server_name: " + name + "}")) == "", name);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_place) {
  const struct {
    std::string tls, told;
  } table[] = {
      {"true",
       "F/c.yaml:5:8: error: 'backends[].tls' must be a map, not a single value (keys below it: ca, server_name, cert, key, verify)\n"},
      {"{cacert: x}", "F/c.yaml:5:9: error: unknown key 'cacert' in backends[].tls (did you mean 'cert'?)\n"},
      {"{cert: c}", "F/c.yaml:5:15: error: 'backends[].tls.key' is missing (a client certificate and its key belong together, both PEM)\n"},
      {"{key: k}", "F/c.yaml:5:14: error: 'backends[].tls.cert' is missing (a client certificate and its key belong together, both PEM)\n"},
      {"{verify: no}",
       "F/c.yaml:5:17: error: 'backends[].tls.verify' must be true or false, not 'no' (write the word true or the word false)\n"},
      {"{server_name: 'milvus:19530'}",
       "F/c.yaml:5:22: error: 'backends[].tls.server_name' must be a host name or an address, not 'milvus:19530' "
       "(without a port, for example milvus.example)\n"},
      // Any name below would do.
      {"{server_name: .example}",
       "F/c.yaml:5:22: error: 'backends[].tls.server_name' must be a host name or an address, not '.example' (without a "
       "port, for example milvus.example)\n"},
      {"{server_name: '*.example'}",
       "F/c.yaml:5:22: error: 'backends[].tls.server_name' must be a host name or an address, not '*.example' (without a "
       "port, for example milvus.example)\n"},
      {"{server_name: ''}",
       "F/c.yaml:5:22: error: 'backends[].tls.server_name' must be a host name or an address, not '' (without a port, for "
       "example milvus.example)\n"},
      {"{server_name: 256.1.1.1}",
       "F/c.yaml:5:22: error: 'backends[].tls.server_name' must be a host name or an address, not '256.1.1.1' (without a "
       "port, for example milvus.example)\n"},
  };
  for (const auto& row : table) BOOST_TEST(told_about(with(row.tls)) == row.told, row.tls << " told " << told_about(with(row.tls)));
  BOOST_TEST(told_about(with("{}", ".example:1")).find("error: 'backends[].endpoints[]': '.example' is no host name and no address") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_ca_that_nobody_is_judged_by_is_warned_about) {
  BOOST_TEST(told_about(with("{ca: x, verify: false}") + "unsafe_insecure_upstream: true\n") ==
             "F/c.yaml:5:13: warning: 'backends[].tls.ca' has no effect: with verify: false nobody is verified (remove one of them)\n");
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_used_are_told_at_the_key_that_names_them) {
  const folder in;
  in.write("text.pem", "hello\n");
  const loaded made =
      load(one_file(in.write("c.yaml", with("{ca: text.pem, cert: missing.pem, key: missing.key}") + "users: {store: 'sqlite:u.db'}\n")));
  BOOST_TEST_REQUIRE(made.value.has_value(), told(in, made.problems));
  BOOST_TEST(told(in, examine(*made.value)) ==
             "F/c.yaml:5:13: error: F/text.pem: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)\n"
             "F/c.yaml:5:29: error: F/missing.pem: No such file or directory\n"
             "F/c.yaml:5:47: error: F/missing.key: No such file or directory\n");
}

BOOST_AUTO_TEST_SUITE_END()
