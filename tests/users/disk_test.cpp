#include "support/user_store.hpp"

#include <sallyport/users/store.hpp>

#include <sqlite3.h>

#include <boost/test/unit_test.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>

namespace sallyport::users {
namespace {

constexpr const char* bcrypt_of_milvus = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK";

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

unsigned mode_of(const std::string& path) {
  struct stat found{};
  BOOST_REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

void execute(const std::string& path, const char* sql) {
  sqlite3* handle = nullptr;
  BOOST_REQUIRE(sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
  BOOST_REQUIRE(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(handle);
}

struct disk {
  temporary_folder folder;
  telemetry::logger log{quiet()};
  std::string path = folder.file("users.db");

  core::outcome<std::unique_ptr<store>> open() {
    settings s;
    s.path = path;
    return store::open(s, log);
  }
  // What an operator reads, when the file must be refused and left as it is.
  std::string refusal() {
    const auto before = contents(path);
    const auto opened = open();
    BOOST_TEST(!opened);
    BOOST_TEST(contents(path) == before);
    return opened ? std::string() : opened.error().text;
  }
};

bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A process that does `work` and then waits to be killed. Only forked while this process has one thread.
class child {
 public:
  template <class Work>
  explicit child(Work work) {
    BOOST_REQUIRE(::pipe(pipe_.data()) == 0);
    pid_ = ::fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(pipe_[0]);
      work(pipe_[1]);
      ::_exit(0);
    }
    ::close(pipe_[1]);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    kill();
    ::close(pipe_[0]);
  }
  // The next number that the child has said; nothing when it is gone and all was read.
  std::optional<int> next() {
    int said = 0;
    return ::read(pipe_[0], &said, sizeof said) == sizeof said ? std::optional(said) : std::nullopt;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  std::array<int, 2> pipe_{};
  pid_t pid_ = 0;
};

void say(int pipe, int number) {
  if (::write(pipe, &number, sizeof number) != sizeof number) ::_exit(1);
}

BOOST_FIXTURE_TEST_SUITE(on_disk, disk)

BOOST_AUTO_TEST_CASE(the_file_is_for_us_alone_and_so_are_the_folders_made_for_it) {
  path = folder.file("state/sallyport/users.db");
  const auto before = ::umask(0);
  const auto opened = open();
  BOOST_REQUIRE(opened);
  std::promise<void> done;
  (*opened)->drop("root", [&](core::error_code) { done.set_value(); });
  done.get_future().get();
  ::umask(before);
  BOOST_TEST(mode_of(path) == 0600u);
  BOOST_TEST(mode_of(path + "-wal") == 0600u);
  BOOST_TEST(mode_of(path + ".lock") == 0600u);
  BOOST_TEST(mode_of(folder.file("state/sallyport")) == 0700u);
  BOOST_TEST(mode_of(folder.file("state")) == 0700u);
}

BOOST_AUTO_TEST_CASE(a_file_that_others_may_read_is_closed_to_them) {
  BOOST_REQUIRE(open());
  ::chmod(path.c_str(), 0664);
  BOOST_REQUIRE(open());
  BOOST_TEST(mode_of(path) == 0600u);
}

BOOST_AUTO_TEST_CASE(a_second_store_on_one_file_is_refused_with_the_process_that_has_it) {
  auto first = open();
  BOOST_REQUIRE(first);
  const auto text = refusal();
  BOOST_TEST(mentions(text, "process " + std::to_string(::getpid()) + ","));
  first->reset();
  BOOST_TEST(open().has_value());
}

BOOST_AUTO_TEST_CASE(a_second_process_on_one_file_is_refused_until_the_first_has_died) {
  child first([this](int pipe) {
    const auto opened = open();
    say(pipe, opened ? 1 : 0);
    for (;;) ::pause();
  });
  BOOST_REQUIRE(first.next() == 1);
  const auto pid = first.pid();
  BOOST_TEST(mentions(refusal(), "process " + std::to_string(pid) + ","));
  first.kill();
  BOOST_TEST(open().has_value());
}

BOOST_AUTO_TEST_CASE(another_program_cannot_write_to_the_file_while_it_is_open) {
  const auto opened = open();
  BOOST_REQUIRE(opened);
  sqlite3* other = nullptr;
  BOOST_REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
  BOOST_TEST(sqlite3_exec(other, "DELETE FROM users", nullptr, nullptr, nullptr) == SQLITE_BUSY);
  sqlite3_close(other);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_store_is_refused_and_left_as_it_is) {
  write(path, "");
  BOOST_TEST(mentions(refusal(), "empty"));
  write(path, "root:Milvus\n");
  BOOST_TEST(mentions(refusal(), "not a database"));
  write(path, std::string(100'000, 'x'));
  BOOST_TEST(mentions(refusal(), "not a database"));
  std::filesystem::remove(path);
  execute(path, "CREATE TABLE other(x); INSERT INTO other VALUES(1)");
  BOOST_TEST(mentions(refusal(), "not one of Sallyport's"));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  BOOST_TEST(mentions(open().error().text, "not a regular file"));
  std::filesystem::remove(path);
  std::filesystem::create_symlink(folder.file("nowhere"), path);
  BOOST_TEST(mentions(open().error().text, "symbolic link"));
  const auto link = std::exchange(path, folder.file("nowhere"));
  BOOST_REQUIRE(open());
  path = link;
  BOOST_TEST(mentions(refusal(), "symbolic link"));
}

BOOST_AUTO_TEST_CASE(what_root_makes_belongs_to_the_owner_of_the_folder) {
  const auto owner_of = [](const std::string& of) {
    struct stat found{};
    BOOST_REQUIRE(::stat(of.c_str(), &found) == 0);
    return found.st_uid;
  };
  const auto where = folder.file("");
  // Only root can; for anybody else the folder is ours already.
  if (::geteuid() == 0) BOOST_REQUIRE(::chown(where.c_str(), 65534, 65534) == 0);
  const auto opened = open();
  BOOST_REQUIRE(opened);
  for (const char* rest : {"", "-wal", ".lock"}) BOOST_TEST(owner_of(path + rest) == owner_of(where));
}

BOOST_AUTO_TEST_CASE(a_store_of_a_newer_program_is_refused) {
  BOOST_REQUIRE(open());
  execute(path, "PRAGMA user_version = 2");
  BOOST_TEST(mentions(refusal(), "schema version 2"));
  execute(path, "PRAGMA user_version = 1");
  BOOST_TEST(open().has_value());
}

BOOST_AUTO_TEST_CASE(a_store_with_a_trigger_in_it_is_refused) {
  BOOST_REQUIRE(open());
  execute(path, "CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM roles; END");
  BOOST_TEST(mentions(refusal(), "triggers"));
}

BOOST_AUTO_TEST_CASE(a_store_whose_counter_of_versions_was_turned_back_is_refused) {
  BOOST_REQUIRE(open());
  execute(path, "UPDATE counter SET last_version = 0");
  BOOST_TEST(mentions(refusal(), "corrupt"));
}

BOOST_AUTO_TEST_CASE(a_truncated_store_is_refused) {
  BOOST_REQUIRE(open());
  const auto whole = contents(path);
  BOOST_REQUIRE(whole.size() > 8192);
  for (const std::size_t kept : {std::size_t{1}, std::size_t{100}, std::size_t{4096}, whole.size() - 4096}) {
    write(path, whole.substr(0, kept));
    BOOST_TEST(!refusal().empty());
  }
}

BOOST_AUTO_TEST_CASE(a_log_without_its_store_is_not_taken_for_a_first_start) {
  write(path + "-wal", "something");
  BOOST_TEST(mentions(open().error().text, path + "-wal"));
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(what_a_first_start_left_unfinished_is_begun_again) {
  write(path + ".new", "half of it");
  BOOST_TEST(open().has_value());
  BOOST_TEST(!std::filesystem::exists(path + ".new"));
}

BOOST_AUTO_TEST_CASE(bits_that_flip_on_disk_lead_to_a_refusal_or_to_a_store_never_to_a_crash) {
  {
    const auto opened = open();
    BOOST_REQUIRE(opened);
    for (int i = 0; i < 40; ++i)
      BOOST_TEST(!answer_of([&](auto done) { (*opened)->import_hash("user" + std::to_string(i), bcrypt_of_milvus, {"r"}, done); }));
  }
  const auto whole = contents(path);
  std::mt19937 random(20'240'601);
  int refused = 0, opened = 0;
  for (int i = 0; i < 200; ++i) {
    auto flipped = whole;
    for (int flips = 0; flips < 1 + i % 8; ++flips) flipped[random() % flipped.size()] ^= static_cast<char>(1u << random() % 8);
    write(path, flipped);
    if (const auto again = open()) {
      ++opened;
      for (const auto& [name, user] : (*again)->snapshot()->all()) BOOST_TEST(name == user->name);
    } else {
      ++refused;
      BOOST_TEST(!again.error().text.empty());
    }
    std::filesystem::remove(path + "-wal");
  }
  BOOST_TEST(refused > 0);
  BOOST_TEST(opened > 0);
  write(path, whole);
  BOOST_TEST(open().value()->snapshot()->all().size() == 41u);
}

// In turn: make a user, drop the one before the last, write the number into root's description; each is said on the pipe once it is
// answered.
void change_for_ever(store& users, int pipe) {
  for (int i = 0;; ++i) {
    const auto name = "user" + std::to_string(i);
    bool good = !answer_of([&](auto done) { users.import_hash(name, bcrypt_of_milvus, {"a", "b"}, done); });
    if (i >= 2) good = good && !answer_of([&](auto done) { users.drop("user" + std::to_string(i - 2), done); });
    good = good && !answer_of([&](auto done) { users.change_description("root", std::to_string(i), done); });
    if (!good) ::_exit(2);
    say(pipe, i);
  }
}

BOOST_AUTO_TEST_CASE(no_answered_change_is_lost_by_a_kill_at_any_moment) {
  std::mt19937 random(4711);
  for (int round = 0; round < 25; ++round) {
    std::filesystem::remove(path);
    int last = -1;
    {
      child changing([this](int pipe) {
        const auto opened = open();
        if (opened) change_for_ever(**opened, pipe);
      });
      const int enough = 1 + static_cast<int>(random() % 60);
      while (last < enough) {
        const auto said = changing.next();
        BOOST_REQUIRE(said);
        last = *said;
      }
      changing.kill();
      while (const auto said = changing.next()) last = *said;
    }
    const auto again = open();
    BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().text));
    const auto all = (*again)->snapshot();
    BOOST_TEST(all->find("user" + std::to_string(last)) != nullptr);
    BOOST_TEST((all->find("user" + std::to_string(last))->roles == std::vector<std::string>{"a", "b"}));
    if (last >= 2) BOOST_TEST(all->find("user" + std::to_string(last - 2)) == nullptr);
    BOOST_TEST(std::stoi(all->find("root")->description) >= last);
    BOOST_TEST(std::stoi(all->find("root")->description) <= last + 1);
  }
}

// Nothing that this process writes may lie beyond `bytes` in a file while it stands.
class disk_is_full {
 public:
  explicit disk_is_full(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit full{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  ~disk_is_full() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  disk_is_full(const disk_is_full&) = delete;
  disk_is_full& operator=(const disk_is_full&) = delete;

 private:
  rlimit before_{};
};

BOOST_AUTO_TEST_CASE(a_full_disk_fails_the_change_alone_and_the_store_recovers_by_itself) {
  auto opened = open();
  BOOST_REQUIRE(opened);
  auto& users = **opened;
  const auto import = [&](const char* name) { return answer_of([&](auto done) { users.import_hash(name, bcrypt_of_milvus, {}, done); }); };
  BOOST_TEST(!import("before"));
  const auto generation = users.generation().load();
  {
    const disk_is_full now(std::filesystem::file_size(path + "-wal"));
    BOOST_TEST(import("during") == errc::storage_failed);
    BOOST_TEST(answer_of([&](auto done) { users.drop("before", done); }) == errc::storage_failed);
    BOOST_TEST(answer_of([&](auto done) { users.change_roles("before", {"admin"}, done); }) == errc::storage_failed);
    BOOST_TEST(users.generation().load() == generation);
    BOOST_TEST(users.snapshot()->find("during") == nullptr);
    BOOST_TEST(users.snapshot()->find("before")->roles.empty());
  }
  BOOST_TEST(!import("after"));
  opened->reset();
  const auto all = open().value()->snapshot();
  BOOST_TEST(all->find("before") != nullptr);
  BOOST_TEST(all->find("before")->roles.empty());
  BOOST_TEST(all->find("during") == nullptr);
  BOOST_TEST(all->find("after") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_refused_with_its_name) {
  write(folder.file("file"), "x");
  path = folder.file("file/users.db");
  BOOST_TEST(mentions(open().error().text, path));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::users
