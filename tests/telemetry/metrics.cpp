// What is counted by many threads is on the page once, with help, and as docs/metrics.md says.
#include <sallyport/telemetry/metrics.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace sallyport::telemetry;
using namespace std::chrono_literals;

namespace {

metrics_settings two_of_each() { return {"1.2.3", "OpenSSL 3", {"milvus", "rest.2"}, {"a", "b"}}; }

// The sample's value as it stands in the page; empty: there is none.
std::string value_of(const std::string& page, const std::string& sample) {
  const auto at = ("\n" + page).find("\n" + sample + " ");
  if (at == std::string::npos) return {};
  const auto from = at + sample.size() + 1;
  return page.substr(from, page.find('\n', from) - from);
}

struct family {
  std::string help, type;
  std::map<std::string, std::set<std::string>> labels;  // name -> values
  std::size_t samples = 0;
};

// By name, as # HELP and # TYPE give it.
std::map<std::string, family> families_of(const std::string& page) {
  std::map<std::string, family> all;
  std::string name, line;
  const std::regex label("([a-z_0-9]+)=\"([^\"]*)\"");
  for (std::istringstream lines(page); std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      BOOST_TEST(!all.contains(name), name << " stands twice");
      all[name].help = line.substr(7 + name.size() + 1);
    } else if (line.starts_with("# TYPE ")) {
      BOOST_TEST(line.substr(7, name.size()) == name);
      all[name].type = line.substr(7 + name.size() + 1);
    } else {
      BOOST_TEST(line.starts_with(name), line << " belongs to no family");
      ++all[name].samples;
      for (auto at = std::sregex_iterator(line.begin(), line.end(), label); at != std::sregex_iterator(); ++at)
        if ((*at)[1] != "le") all[name].labels[(*at)[1]].insert((*at)[2]);
    }
  }
  return all;
}

std::string paper() {
  std::error_code ignored;
  for (std::filesystem::path start : {std::filesystem::read_symlink("/proc/self/exe", ignored), std::filesystem::current_path(ignored)})
    for (; start.has_relative_path(); start = start.parent_path())
      if (std::ifstream file(start / "docs/metrics.md"); file) return {std::istreambuf_iterator<char>(file), {}};
  return {};
}

// The compiler's own spelling of an enumerator; a number for what is none.
template <auto Value>
constexpr std::string_view spelt() {
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(text.find("Value = ") + 8);
  text = text.substr(0, text.find_first_of(";]"));
  return text.substr(std::min(text.rfind(':') + 1, text.size()));
}

void compare(std::string_view word, std::string_view enumerator) { BOOST_TEST(word == enumerator); }

template <class Label, std::size_t... At>
void compare_words(std::index_sequence<At...>) {
  (compare(words<Label>[At], spelt<static_cast<Label>(At)>()), ...);
  // One further there is no enumerator: none was forgotten.
  BOOST_TEST(spelt<static_cast<Label>(sizeof...(At))>().find_first_of("0123456789") != std::string_view::npos,
             spelt<static_cast<Label>(sizeof...(At))>() << " has no word");
}
template <class Label>
void compare_words() {
  compare_words<Label>(std::make_index_sequence<values_of<Label>>());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(the_metrics)

BOOST_AUTO_TEST_CASE(a_label_has_a_word_for_each_enumerator_and_no_other) {
  compare_words<connection_refusal>();
  compare_words<handshake_result>();
  compare_words<request_kind>();
  compare_words<request_outcome>();
  compare_words<auth_check>();
  compare_words<http2_limit>();
  compare_words<connection_end>();
  compare_words<connect_result>();
  compare_words<upstream_failure>();
  compare_words<counter>();
  compare_words<gauge>();
  compare_words<histogram>();
}

BOOST_AUTO_TEST_CASE(what_several_threads_count_is_summed_while_the_page_is_read) {
  metrics all(two_of_each());
  constexpr int writers = 4, rounds = 20'000;
  std::atomic<int> running{writers};
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i)
    threads.emplace_back([&] {
      shard& mine = all.make_shard();
      listener_counts& door = mine.listener("rest.2");
      backend_counts& backend = mine.backend("b");
      for (int n = 0; n < rounds; ++n) {
        mine.count(handshake_result::ok);
        mine.count(request_kind::local, request_outcome::unauthenticated);
        mine.observe(request_kind::grpc, 3ms);
        door.accepted.add();
        door.open.raise();
        if (n % 2) door.open.lower();
        backend.count(upstream_failure::broken);
        mine.set(gauge::buffers_bytes, n + 1);
      }
      --running;
    });
  // The reader sees sums that only grow, and a histogram that agrees with itself.
  std::uint64_t last = 0;
  while (running > 0) {
    const std::string page = all.page();
    const auto now = std::stoull(value_of(page, "sallyport_handshakes_total{result=\"ok\"}"));
    BOOST_TEST_REQUIRE(now >= last);
    last = now;
    BOOST_TEST_REQUIRE(value_of(page, "sallyport_request_seconds_bucket{kind=\"grpc\",le=\"+Inf\"}") ==
                       value_of(page, "sallyport_request_seconds_count{kind=\"grpc\"}"));
  }
  for (auto& t : threads) t.join();
  const std::string page = all.page();
  BOOST_TEST(value_of(page, "sallyport_handshakes_total{result=\"ok\"}") == "80000");
  BOOST_TEST(value_of(page, "sallyport_handshakes_total{result=\"other\"}") == "0");
  BOOST_TEST(value_of(page, "sallyport_requests_total{kind=\"local\",outcome=\"unauthenticated\"}") == "80000");
  BOOST_TEST(value_of(page, "sallyport_requests_total{kind=\"grpc\",outcome=\"unauthenticated\"}") == "0");
  BOOST_TEST(value_of(page, "sallyport_connections_accepted_total{listener=\"rest.2\"}") == "80000");
  BOOST_TEST(value_of(page, "sallyport_connections_accepted_total{listener=\"milvus\"}") == "0");
  BOOST_TEST(value_of(page, "sallyport_connections_open{listener=\"rest.2\"}") == "40000");
  BOOST_TEST(value_of(page, "sallyport_upstream_failures_total{backend=\"b\",reason=\"broken\"}") == "80000");
  BOOST_TEST(value_of(page, "sallyport_upstream_failures_total{backend=\"a\",reason=\"broken\"}") == "0");
  BOOST_TEST(value_of(page, "sallyport_buffers_bytes") == "80000");
  BOOST_TEST(value_of(page, "sallyport_request_seconds_count{kind=\"grpc\"}") == "80000");
  BOOST_TEST(value_of(page, "sallyport_request_seconds_sum{kind=\"grpc\"}") == "240");
  const totals sums = all.sums();
  BOOST_TEST_REQUIRE(sums.listeners.size() == 2U);
  BOOST_TEST(sums.listeners[1].name == "rest.2");
  BOOST_TEST(sums.listeners[1].open == 40'000);
  BOOST_TEST(sums.listeners[1].accepted == 80'000U);
}

BOOST_AUTO_TEST_CASE(every_way_to_count_reaches_its_own_sample) {
  metrics all(two_of_each());
  shard& mine = all.make_shard();
  backend_counts& a = mine.backend("a");
  mine.count(counter::users_changes, 7);
  mine.count(connection_refusal::limits_handshakes);
  mine.count(auth_check::negative);
  mine.count(http2_limit::resets);
  mine.count(connection_end::idle);
  mine.set(gauge::users, 12);
  mine.raise(gauge::hashing_queue, 5);
  mine.lower(gauge::hashing_queue);
  mine.observe(histogram::hashing, 90s);
  a.connections.set(3);
  a.waiting.set(4);
  a.streams.set(5);
  a.orphans.set(6);
  a.count(retry_result::answered);
  a.count(retry_result::answered);
  a.count(ejection::broken);
  a.count(connect_result::timed_out);
  const std::string page = all.page();
  const std::pair<const char*, const char*> table[] = {
      {"sallyport_users_changes_total", "7"},
      {"sallyport_connections_refused_total{reason=\"limits_handshakes\"}", "1"},
      {"sallyport_auth_checks_total{result=\"negative\"}", "1"},
      {"sallyport_http2_limits_total{limit=\"resets\"}", "1"},
      {"sallyport_connection_ends_total{cause=\"idle\"}", "1"},
      {"sallyport_users", "12"},
      {"sallyport_hashing_queue", "4"},
      {"sallyport_hashing_seconds_sum", "90"},
      {"sallyport_hashing_seconds_bucket{le=\"60\"}", "0"},
      {"sallyport_hashing_seconds_bucket{le=\"+Inf\"}", "1"},
      {"sallyport_upstream_connections{backend=\"a\"}", "3"},
      {"sallyport_upstream_waiting{backend=\"a\"}", "4"},
      {"sallyport_upstream_streams{backend=\"a\"}", "5"},
      {"sallyport_upstream_orphans{backend=\"a\"}", "6"},
      {"sallyport_upstream_retries_total{backend=\"a\",result=\"answered\"}", "2"},
      {"sallyport_upstream_retries_total{backend=\"a\",result=\"failed\"}", "0"},
      {"sallyport_upstream_ejections_total{backend=\"a\",reason=\"broken\"}", "1"},
      {"sallyport_upstream_connects_total{backend=\"a\",result=\"timed_out\"}", "1"},
      {"sallyport_upstream_connects_total{backend=\"a\",result=\"ok\"}", "0"},
      {"sallyport_upstream_connections{backend=\"b\"}", "0"},
      {"sallyport_build_info{version=\"1.2.3\",openssl=\"OpenSSL 3\"}", "1"},
  };
  for (const auto& [sample, value] : table) BOOST_TEST(value_of(page, sample) == value, sample << " is " << value_of(page, sample));
  for (const char* sample :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "sallyport_start_time_seconds"})
    BOOST_TEST(std::stod("0" + value_of(page, sample)) > 0, sample);
  const totals sums = all.sums();
  BOOST_TEST(sums.users == 12);
  BOOST_TEST_REQUIRE(sums.backends.size() == 2U);
  BOOST_TEST(sums.backends[0].connections == 3);
  BOOST_TEST(sums.backends[0].waiting == 4);
  BOOST_TEST(sums.backends[0].streams == 5);
}

BOOST_AUTO_TEST_CASE(endpoints_are_shown_as_the_worker_with_the_fewest_up_sees_them) {
  metrics all(two_of_each());
  all.make_shard();  // nobody's
  const std::pair<int, int> seen[] = {{3, 3}, {3, 1}, {2, 2}};
  for (const auto& [total, up] : seen) {
    auto& counts = all.make_shard().backend("a");
    counts.endpoints.set(total);
    counts.endpoints_up.set(up);
  }
  BOOST_TEST(value_of(all.page(), "sallyport_upstream_endpoints{backend=\"a\"}") == "3");
  BOOST_TEST(value_of(all.page(), "sallyport_upstream_endpoints_up{backend=\"a\"}") == "1");
  BOOST_TEST(value_of(all.page(), "sallyport_upstream_endpoints{backend=\"b\"}") == "0");
}

BOOST_AUTO_TEST_CASE(a_time_falls_into_the_first_bucket_that_holds_it) {
  timings times;
  const std::pair<timings::duration, std::size_t> table[] = {{-1s, 0}, {0ns, 0},  {500us, 0},     {500us + 1ns, 1},
                                                             {1ms, 1}, {60s, 15}, {60s + 1ns, 16}};
  for (const auto& [took, bucket] : table) {
    const auto before = times.in_bucket(bucket);
    times.add(took);
    BOOST_TEST(times.in_bucket(bucket) == before + 1, took.count() << " ns");
  }
  BOOST_TEST(times.nanoseconds() == 120'002'000'002U);
}

BOOST_AUTO_TEST_CASE(the_page_is_as_long_before_as_after_whatever_is_counted) {
  metrics all(two_of_each());
  const auto lines = [&all] {
    const std::string page = all.page();
    return std::count(page.begin(), page.end(), '\n');
  };
  const auto before = lines();
  for (int i = 0; i < 3; ++i) {
    shard& mine = all.make_shard();
    mine.count(request_kind::rest, request_outcome::other);
    mine.count(handshake_result::other);
    mine.listener("milvus").open.raise();
  }
  BOOST_TEST(lines() == before);
}

BOOST_AUTO_TEST_CASE(every_family_has_help_a_kind_and_a_name_as_prometheus_wants_it) {
  metrics all(two_of_each());
  for (const auto& [name, f] : families_of(all.page())) {
    BOOST_TEST(f.help.size() > 10U, name);
    BOOST_TEST(f.help.ends_with("."), name << ": " << f.help);
    BOOST_TEST(f.samples > 0U, name);
    BOOST_TEST((name.starts_with("sallyport_") || name.starts_with("process_")), name);
    BOOST_TEST((f.type == "counter") == name.ends_with("_total"), name << " is a " << f.type);
    if (f.type == "histogram") BOOST_TEST(name.ends_with("_seconds"), name);
  }
}

BOOST_AUTO_TEST_CASE(the_paper_names_the_families_that_exist_with_their_kinds_and_labels_and_no_others) {
  const std::string text = paper();
  BOOST_TEST_REQUIRE(!text.empty(), "docs/metrics.md was not found from here");
  std::vector<certificate_figures> certificates;
  metrics all(two_of_each());
  for (const std::string kind : {"server", "client_ca", "crl"}) certificates.push_back({"milvus", kind, "c.pem", "CN=c", "00", 1});
  all.set_certificates(certificates, {1, 0});
  const auto there = families_of(all.page());
  std::map<std::string, std::pair<std::string, std::string>> rows;  // kind, labels
  const std::regex row("\\n\\| `((?:sallyport|process)_[a-z0-9_]+)` \\| ([a-z]+) \\| ([^|]*)\\|");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), row); at != std::sregex_iterator(); ++at)
    BOOST_TEST(rows.emplace((*at)[1], std::pair((*at)[2], (*at)[3])).second, (*at)[1] << " has two rows");
  for (const auto& [name, cells] : rows) BOOST_TEST(there.contains(name), name << " is in the paper alone");
  for (const auto& [name, f] : there) {
    BOOST_TEST_REQUIRE(rows.contains(name), name << " is not in docs/metrics.md");
    const auto& [kind, labels] = rows[name];
    BOOST_TEST(kind == f.type, name);
    std::set<std::string> said, exist;
    const std::regex word("`([a-z0-9_]+)`");
    for (auto at = std::sregex_iterator(labels.begin(), labels.end(), word); at != std::sregex_iterator(); ++at) said.insert((*at)[1]);
    for (const auto& [label, values] : f.labels) {
      exist.insert(label);
      static const std::set<std::string> free{"listener", "backend", "version", "openssl", "file", "subject", "sha256"};
      if (!free.contains(label)) exist.insert(values.begin(), values.end());
    }
    BOOST_TEST(said == exist, boost::test_tools::per_element());
  }
  // The alerts speak of what there is.
  const std::regex mention("(?:sallyport|process)_[a-z0-9_]+");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), mention); at != std::sregex_iterator(); ++at)
    BOOST_TEST(there.contains(at->str()), at->str() << " is mentioned, and there is none");
}

BOOST_AUTO_TEST_SUITE_END()
