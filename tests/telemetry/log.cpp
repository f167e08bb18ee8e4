#include <sallyport/telemetry/log.hpp>

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <thread>
#include <vector>

using namespace sallyport::telemetry;

namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// What stands behind the time.
std::vector<std::string> bodies_of(const std::string& path) {
  std::vector<std::string> bodies;
  for (const std::string& line : lines_of(path)) bodies.push_back(line.substr(line.find(' ') + 1));
  return bodies;
}

struct temp_folder {
  temp_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport-log-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~temp_folder() { std::filesystem::remove_all(path); }

  log_settings settings() const {
    log_settings s;
    s.file = file();
    return s;
  }
  std::string file() const { return path + "/sallyport.log"; }

  std::string path;
};

// Standard error in a file for as long as this lives.
class captured_stderr {
 public:
  explicit captured_stderr(const std::string& path) : saved_(::dup(STDERR_FILENO)) {
    const int to = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    BOOST_REQUIRE(to >= 0);
    ::dup2(to, STDERR_FILENO);
    ::close(to);
  }
  ~captured_stderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }
  captured_stderr(const captured_stderr&) = delete;
  captured_stderr& operator=(const captured_stderr&) = delete;

 private:
  int saved_;
};

// A FIFO that can be read when the test wants to.
struct fifo {
  explicit fifo(const std::string& path) {
    BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    end = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    BOOST_REQUIRE(end >= 0);
  }
  ~fifo() { close(); }
  void close() {
    if (end >= 0) ::close(std::exchange(end, -1));
  }
  std::string drain() {
    std::string all;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(end, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
    return all;
  }
  int end = -1;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(the_logger, temp_folder)

BOOST_AUTO_TEST_CASE(writes_time_level_event_and_fields_as_text) {
  logger log(settings());
  BOOST_TEST(log.fault() == "");
  log.info("listening", {{"listener", "milvus"}, {"address", "127.0.0.1:19530"}});
  log.warning("backend_away", {{"why", "connection refused"}});
  log.error("bug", {});
  const auto lines = lines_of(file());
  BOOST_REQUIRE(lines.size() == 3U);
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  BOOST_TEST(std::regex_match(lines[0], std::regex(time + "info listening listener=milvus address=127\\.0\\.0\\.1:19530")));
  BOOST_TEST(std::regex_match(lines[1], std::regex(time + "warning backend_away why=\"connection refused\"")));
  BOOST_TEST(std::regex_match(lines[2], std::regex(time + "error bug")));
}

BOOST_AUTO_TEST_CASE(writes_the_time_of_now_in_utc) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  // Not time(): its clock is up to a tick behind the one that the log reads.
  const auto now = [] { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); };
  const auto before = now();
  logger(settings()).info("started", {});
  const auto after = now();
  ::unsetenv("TZ");
  ::tzset();
  std::tm read{};
  BOOST_REQUIRE(::strptime(lines_of(file()).at(0).c_str(), "%Y-%m-%dT%H:%M:%S", &read) != nullptr);
  const auto written = ::timegm(&read);
  BOOST_TEST(written >= before);
  BOOST_TEST(written <= after);
}

BOOST_AUTO_TEST_CASE(writes_one_json_object_a_line) {
  log_settings s = settings();
  s.layout = log_settings::format::json;
  logger log(s);
  log.info("denied", {{"user", "a\n\"b\xff"}, {"attempt", 3}});
  log.warning("backend_away", {});
  const auto lines = lines_of(file());
  BOOST_REQUIRE(lines.size() == 2U);
  const boost::json::value first = boost::json::parse(lines[0]);
  BOOST_TEST(first.at("level").as_string() == "info");
  BOOST_TEST(first.at("event").as_string() == "denied");
  BOOST_TEST(first.at("user").as_string() == "a\n\"b\\xff");
  BOOST_TEST(first.at("attempt").as_int64() == 3);
  BOOST_TEST(std::regex_match(std::string(first.at("time").as_string()), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  BOOST_TEST(boost::json::parse(lines[1]).at("level").as_string() == "warning");
}

BOOST_AUTO_TEST_CASE(takes_a_percent_sign_or_braces_of_a_stranger_for_nothing_but_themselves) {
  logger log(settings());
  log.info("denied", {{"user", "{}%v%n{0}"}});
  BOOST_TEST(bodies_of(file()).at(0) == "info denied user={}%v%n{0}");
}

BOOST_AUTO_TEST_CASE(leaves_out_what_is_below_its_threshold) {
  log_settings s = settings();
  s.threshold = level::warning;
  logger log(s);
  log.debug("a", {});
  log.info("b", {});
  log.write(level::info, "c", {});
  log.warning("d", {});
  log.error("e", {});
  BOOST_TEST(bodies_of(file()) == (std::vector<std::string>{"warning d", "error e"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(writes_nothing_when_it_is_off_and_knows_no_line_of_level_off) {
  log_settings s = settings();
  s.threshold = level::off;
  {
    logger log(s);
    log.error("a", {});
    log.write(level::off, "b", {});
  }
  s.threshold = level::trace;
  logger log(s);
  log.write(level::off, "c", {});
  log.write(level::trace, "d", {});
  log.debug("e", {});
  BOOST_TEST(bodies_of(file()) == (std::vector<std::string>{"trace d", "debug e"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(bounds_a_million_events_and_accounts_for_each) {
  log_settings s = settings();
  s.burst = 100;
  s.per_second = 0;
  {
    logger log(s);
    for (int i = 0; i < 1'000'000; ++i) log.info("denied", {{"user", "mallory"}});
    log.info("listening", {});
  }
  const auto bodies = bodies_of(file());
  BOOST_REQUIRE(bodies.size() == 102U);
  BOOST_TEST(bodies[99] == "info denied user=mallory");
  BOOST_TEST(bodies[100] == "info listening");
  BOOST_TEST(bodies[101] == "warning log_lines_suppressed of=denied suppressed=999900");
}

BOOST_AUTO_TEST_CASE(says_in_the_next_line_how_many_were_left_out) {
  log_settings s = settings();
  s.burst = 1;
  s.per_second = 1000;
  logger log(s);
  std::uint64_t written = 0;
  std::uint64_t told = 0;
  std::uint64_t sent = 0;
  const std::regex suppressed("info denied n=\\d+ suppressed=(\\d+)");
  // As many turns as the clock needs: the second line comes a millisecond after the first.
  while (written < 2) {
    log.info("denied", {{"n", sent++}});
    written = lines_of(file()).size();
  }
  std::smatch found;
  const std::string last = bodies_of(file()).at(1);
  if (std::regex_match(last, found, suppressed)) told = std::stoull(found[1]);
  BOOST_TEST(written + told == sent);
}

BOOST_AUTO_TEST_CASE(keeps_every_line_whole_when_many_threads_write) {
  log_settings s = settings();
  s.burst = 1'000'000;
  constexpr int threads = 8;
  constexpr int each = 1000;
  {
    logger log(s);
    std::vector<std::jthread> writers;
    for (int t = 0; t < threads; ++t)
      writers.emplace_back([&log, t] {
        const std::string padding(200, static_cast<char>('a' + t));
        for (int i = 0; i < each; ++i) log.info("tick", {{"thread", t}, {"i", i}, {"padding", padding}});
      });
  }
  std::map<int, int> next;
  const std::regex whole("info tick thread=(\\d) i=(\\d+) padding=([a-h])\\3{199}");
  for (const std::string& body : bodies_of(file())) {
    std::smatch found;
    BOOST_REQUIRE(std::regex_match(body, found, whole));
    const int thread = std::stoi(found[1]);
    BOOST_REQUIRE(found[3].str()[0] == 'a' + thread);
    BOOST_REQUIRE(std::stoi(found[2]) == next[thread]++);
  }
  for (int t = 0; t < threads; ++t) BOOST_TEST(next[t] == each);
}

BOOST_AUTO_TEST_CASE(appends_to_a_file_that_is_there_and_makes_one_that_others_cannot_read) {
  const mode_t before = ::umask(0);
  logger(settings()).info("first", {});
  logger(settings()).info("second", {});
  ::umask(before);
  BOOST_TEST(bodies_of(file()) == (std::vector<std::string>{"info first", "info second"}), boost::test_tools::per_element());
  struct stat status{};
  BOOST_REQUIRE(::stat(file().c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777) == 0640U);
}

BOOST_AUTO_TEST_CASE(goes_to_standard_error_without_a_file) {
  {
    const captured_stderr capture(file());
    logger(log_settings{}).info("started", {});
  }
  BOOST_TEST(bodies_of(file()).at(0) == "info started");
}

BOOST_AUTO_TEST_CASE(says_why_a_file_cannot_be_opened_and_goes_to_standard_error) {
  log_settings s;
  s.file = path + "/no/such/folder/log";
  {
    const captured_stderr capture(file());
    logger log(s);
    BOOST_TEST(log.fault() == "the log file " + s.file + " cannot be opened: No such file or directory");
    log.info("started", {});
  }
  BOOST_TEST(bodies_of(file()).at(0) == "info started");
}

BOOST_AUTO_TEST_CASE(does_not_wait_for_a_fifo_that_nobody_reads) {
  BOOST_REQUIRE(::mkfifo(file().c_str(), 0600) == 0);
  const captured_stderr capture(path + "/stderr");
  logger log(settings());
  BOOST_TEST(log.fault().find(file()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(goes_on_when_the_disk_is_full) {
  log_settings s;
  s.file = "/dev/full";
  logger log(s);
  BOOST_TEST(log.fault() == "");
  const captured_stderr capture(file());
  for (int i = 0; i < 3; ++i) BOOST_CHECK_NO_THROW(log.info("started", {}));
  BOOST_CHECK_NO_THROW(log.flush());
  BOOST_TEST(lines_of(file()).empty());
}

BOOST_AUTO_TEST_CASE(begins_a_new_line_after_one_that_a_slow_reader_tore) {
  fifo pipe(file());
  BOOST_REQUIRE(::fcntl(pipe.end, F_SETPIPE_SZ, 4096) == 4096);
  logger log(settings());
  const std::string big(4000, 'a');
  log.info("big", {{"a", big}, {"b", big}});
  const std::string torn = pipe.drain();
  BOOST_TEST(torn.size() == 4096U);
  log.info("small", {});
  log.info("small", {});
  const std::string rest = pipe.drain();
  BOOST_TEST(rest.starts_with("\n"));
  BOOST_TEST(std::count(rest.begin(), rest.end(), '\n') == 3);
}

BOOST_AUTO_TEST_CASE(drops_lines_rather_than_wait_for_a_reader_that_does_not_read_or_went_away) {
  std::signal(SIGPIPE, SIG_IGN);
  fifo pipe(file());
  log_settings s = settings();
  s.burst = 100'000;
  logger log(s);
  for (int i = 0; i < 100'000; ++i) log.info("tick", {{"i", i}});
  BOOST_TEST(pipe.drain().starts_with("20"));
  pipe.close();
  BOOST_CHECK_NO_THROW(log.info("tick", {}));
  std::signal(SIGPIPE, SIG_DFL);
}

BOOST_AUTO_TEST_SUITE_END()
