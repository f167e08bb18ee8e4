#include <sallyport/tls/allow.hpp>

#include <boost/test/unit_test.hpp>

#include <ostream>

using namespace sallyport::tls;
using namespace std::string_literals;

namespace {

peer_identity somebody() {
  peer_identity who;
  who.common_name = "etl";
  who.organizational_units = {"data", "jobs"};
  who.dns_names = {"etl.clients.example"};
  who.uris = {"spiffe://corp/milvus/etl"};
  who.emails = {"Etl.Job@Example.org"};
  who.key_pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  return who;
}

struct row {
  allow_rule rule;
  bool allowed;
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_member_of_a_rule_matches_what_it_names_and_nothing_else) {
  const row rows[] = {
      {{.common_name = "etl"}, true},
      {{.common_name = "ETL"}, false},
      {{.common_name = "et"}, false},
      {{.organizational_unit = "jobs"}, true},
      {{.organizational_unit = "job"}, false},
      {{.dns = "etl.clients.example"}, true},
      {{.dns = "ETL.Clients.Example"}, true},
      {{.dns = "*.clients.example"}, true},
      {{.dns = "*.example"}, false},
      {{.dns = "clients.example"}, false},
      {{.uri = "spiffe://corp/milvus/etl"}, true},
      {{.uri = "spiffe://corp/milvus/*"}, true},
      {{.uri = "spiffe://corp/*/etl"}, true},
      {{.uri = "spiffe://corp/**"}, true},
      {{.uri = "spiffe://corp/milvus/etl/**"}, false},
      {{.uri = "spiffe://corp/*"}, false},
      {{.uri = "spiffe://CORP/milvus/etl"}, false},
      {{.email = "Etl.Job@example.ORG"}, true},
      {{.email = "etl.job@example.org"}, false},
      {{.email = "*@example.org"}, true},
      {{.email = "*@example.com"}, false},
      {{.key = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}, true},
      {{.key = "sha256//57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}, false},
  };
  for (const auto& [rule, allowed] : rows) {
    BOOST_TEST_CONTEXT(rule.common_name << rule.organizational_unit << rule.dns << rule.uri << rule.email << rule.key) {
      BOOST_TEST(fault_of(rule) == "");
      BOOST_TEST(is_allowed(somebody(), {rule}) == allowed);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_rule_wants_all_its_members_and_one_rule_of_several_is_enough) {
  const allow_rule both{.common_name = "etl", .organizational_unit = "data"}, half{.common_name = "etl", .organizational_unit = "sales"};
  BOOST_TEST(is_allowed(somebody(), {both}));
  BOOST_TEST(!is_allowed(somebody(), {half}));
  BOOST_TEST(is_allowed(somebody(), {half, both}));
  BOOST_TEST(is_allowed(somebody(), {}));
  BOOST_TEST(!is_allowed({}, {both, half}));
}

// What a certificate can hold that reads as something else: none of it may match.
BOOST_AUTO_TEST_CASE(names_that_are_not_what_they_look_like_match_nothing) {
  const auto dns = [](const std::string& name, const std::string& rule) {
    peer_identity who;
    who.dns_names = {name};
    return is_allowed(who, {{.dns = rule}});
  };
  BOOST_TEST(dns("a.clients.example", "*.clients.example"));
  BOOST_TEST(!dns("a.clients.example\0.evil.example"s, "*.clients.example"));
  BOOST_TEST(!dns("a.clients.example.", "*.clients.example"));
  BOOST_TEST(!dns("*.clients.example", "*.clients.example"));
  BOOST_TEST(!dns("a*.clients.example", "*.clients.example"));
  BOOST_TEST(!dns("a.b.clients.example", "*.clients.example"));
  BOOST_TEST(!dns(".clients.example", "*.clients.example"));
  BOOST_TEST(!dns("a..clients.example", "*.clients.example"));
  BOOST_TEST(!dns("", "*.clients.example"));
  BOOST_TEST(!dns("a.clients.example ", "a.clients.example"));
  const auto uri = [](const std::string& name, const std::string& rule) {
    peer_identity who;
    who.uris = {name};
    return is_allowed(who, {{.uri = rule}});
  };
  BOOST_TEST(uri("spiffe://corp/milvus/a/b", "spiffe://corp/milvus/**"));
  BOOST_TEST(!uri("spiffe://corp/milvus/../admin", "spiffe://corp/milvus/**"));
  BOOST_TEST(!uri("spiffe://corp/milvus//a", "spiffe://corp/milvus/**"));
  BOOST_TEST(!uri("spiffe://corp/milvus/", "spiffe://corp/milvus/**"));
  BOOST_TEST(!uri("spiffe://corp/milvus/", "spiffe://corp/milvus/*"));
  BOOST_TEST(!uri("spiffe://corp/milvus/a\0b"s, "spiffe://corp/milvus/*"));
  BOOST_TEST(!uri("spiffe://corp/milvusx/a", "spiffe://corp/milvus/*"));
  const auto email = [](const std::string& name, const std::string& rule) {
    peer_identity who;
    who.emails = {name};
    return is_allowed(who, {{.email = rule}});
  };
  BOOST_TEST(email("a@example.org", "*@example.org"));
  BOOST_TEST(!email("@example.org", "*@example.org"));
  BOOST_TEST(!email("a@example.org\0@evil.example"s, "*@example.org"));
  BOOST_TEST(!email("a\0b@example.org"s, "*@example.org"));
  BOOST_TEST(!email("example.org", "*@example.org"));
  peer_identity nul;
  nul.common_name = "etl\0evil"s;
  BOOST_TEST(!is_allowed(nul, {{.common_name = "etl"}}));
}

BOOST_AUTO_TEST_CASE(a_rule_that_would_let_in_more_than_it_says_is_a_fault) {
  for (const auto& rule : {allow_rule{}, allow_rule{.dns = "a*.example"}, allow_rule{.dns = "*"}, allow_rule{.dns = "*.*.example"},
                           allow_rule{.dns = "a.example."}, allow_rule{.uri = "spiffe://corp/a*"}, allow_rule{.uri = "spiffe://corp/**/a"},
                           allow_rule{.uri = "corp/a"}, allow_rule{.email = "example.org"}, allow_rule{.email = "a*@example.org"},
                           allow_rule{.email = "*@*.org"}, allow_rule{.key = "sha256//abc"}, allow_rule{.key = "47DEQpj8"}})
    BOOST_TEST(!fault_of(rule).empty(), rule.dns + rule.uri + rule.email + rule.key);
}
