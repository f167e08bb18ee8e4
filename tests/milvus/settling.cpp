// Between the service and the store: what the store cannot do, who is told, what the log keeps, and calls from many threads.
#include "support.hpp"

#include <sys/resource.h>

#include <csignal>
#include <thread>

using namespace sallyport;
using namespace sallyport::milvus::tests;

namespace {

const std::string path_of_create = "/milvus.proto.milvus.MilvusService/CreateCredential";

class full_disk {
 public:
  full_disk() {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit none = limit_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~full_disk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  full_disk(const full_disk&) = delete;
  full_disk& operator=(const full_disk&) = delete;

 private:
  rlimit limit_ = {};
  void (*before_)(int) = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_full_queue_is_unavailable_at_once, house) {
  store_settings.change_queue_max = 0;
  open();
  const refusal busy{14, "too many changes of users are under way, try again"};
  BOOST_TEST(refused("CreateCredential", "root", to_create("u1", "secret-1")) == busy);
  BOOST_TEST(refused("UpdateCredential", "root", to_update("root", "Milvus", "secret-1")) == busy);
  BOOST_TEST(refused("DeleteCredential", "root", to_drop("u1")) == busy);
  BOOST_TEST(logged("user_change_refused"));
  BOOST_TEST(logged("reason=busy"));
}

BOOST_FIXTURE_TEST_CASE(a_change_that_cannot_be_saved_is_internal_and_names_nothing_inside, house) {
  refusal got;
  {
    const full_disk full;
    got = refused("CreateCredential", "root", to_create("u1", "secret-1"));
  }
  BOOST_TEST(got == (refusal{13, "the change could not be saved"}));
  BOOST_TEST(record("u1") == nullptr);
}

BOOST_FIXTURE_TEST_CASE(changes_that_wait_when_the_store_closes_are_answered_after_the_service_has_gone, house) {
  constexpr std::size_t count = 8;
  std::vector<milvus::reply> replies;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string body = framed(to_create("u" + std::to_string(i), "secret-1"));
    calls->call(path_of_create, as("root"), bytes_of(body), [&](milvus::reply r) { replies.push_back(std::move(r)); });
  }
  calls.reset();
  store.reset();
  BOOST_TEST_REQUIRE(replies.size() == count);
  BOOST_TEST(replies.back().grpc_status == 14u);
  BOOST_TEST(replies.back().grpc_message == "the server is shutting down, try again");
  BOOST_TEST(logged("reason=closed"));
}

BOOST_FIXTURE_TEST_CASE(calls_from_many_threads_are_each_answered_once, house) {
  constexpr int threads = 4, each = 6;
  std::atomic<int> succeeded{0}, taken{0}, other{0};
  const auto caller = as("root");
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        // Each name twice, by different threads.
        const milvus::reply got = raw(path_of_create, caller, framed(to_create("u" + std::to_string(t / 2 * each + i), "secret-1")));
        milvus::wire::Status status;
        if (got.grpc_status != 0 || !status.ParseFromString(got.body.substr(5)))
          ++other;
        else if (status.error_code() == 0)
          ++succeeded;
        else
          ++taken;
      }
    });
  for (auto& worker : workers) worker.join();
  BOOST_TEST(succeeded == threads * each / 2);
  BOOST_TEST(taken == threads * each / 2);
  BOOST_TEST(other == 0);
}

BOOST_FIXTURE_TEST_CASE(each_change_leaves_a_line_with_who_did_what_to_whom, house) {
  BOOST_TEST(create("root", "u1", "secret-1") == success);
  BOOST_TEST(update("u1", "u1", "secret-1", "secret-2") == success);
  milvus::wire::UpdateCredentialRequest description;
  description.set_username("u1");
  description.set_description("d");
  BOOST_TEST(asked("UpdateCredential", "root", description) == success);
  BOOST_TEST(drop("root", "u1") == success);
  for (const std::string line : {"user_changed action=create user=u1 by=root", "user_changed action=change_password user=u1 by=u1",
                                 "user_changed action=change_description user=u1 by=root", "user_changed action=drop user=u1 by=root"})
    BOOST_TEST(logged(line), line);
  BOOST_TEST(!logged("user_change_refused"));
}

BOOST_FIXTURE_TEST_CASE(each_change_that_was_refused_leaves_a_line_with_its_reason, house) {
  add("u1", "secret-1");
  add("boss", "secret-b", {"admin"});
  refused("CreateCredential", "u1", to_create("u3", "secret-3"));
  create("root", "1", "secret-3");
  create("root", "u3", "short");
  create("root", "u1", "secret-3");
  update("root", "u1", "wrong-1", "secret-3");
  drop("root", "root");
  drop("boss", "boss");
  drop("root", "nobody");
  auto not_base64 = to_create("u3", "");
  not_base64.set_password("!");
  asked("CreateCredential", "root", not_base64);
  for (const std::string line :
       {"action=create user=u3 by=u1 reason=permission_denied", "action=create user=1 by=root reason=invalid_user_name",
        "action=create user=u3 by=root reason=invalid_password", "action=create user=u1 by=root reason=already_exists",
        "action=change_password user=u1 by=root reason=wrong_password", "action=drop user=root by=root reason=root_stays",
        "action=drop user=boss by=boss reason=own_user", "action=drop user=nobody by=root reason=unknown_user",
        "action=create user=u3 by=root reason=not_base64"})
    BOOST_TEST(logged("user_change_refused " + line), line);
  BOOST_TEST(!logged("user_changed"));
}

BOOST_FIXTURE_TEST_CASE(no_password_and_no_forged_line_is_ever_in_the_log, house) {
  create("root", "u1", "Swordfish-1");
  create("root", "u1", "Swordfish-2");
  update("root", "u1", "Swordfish-3", "Swordfish-4");
  update("root", "u1", "Swordfish-1", "Swordfish-5");
  create("root", "x\nuser_changed action=drop user=root by=eve", "Swordfish-6");
  const std::string text = log_text();
  BOOST_TEST(text.find("Swordfish") == text.npos);
  for (int i = 1; i <= 6; ++i) BOOST_TEST(text.find(base64("Swordfish-" + std::to_string(i))) == text.npos);
  BOOST_TEST(text.find("\nuser_changed") == text.npos);
}
