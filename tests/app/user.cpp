// The user commands: on the store when no server runs, through the admin socket when one does, with the same words.
#include "support.hpp"

#include "user_requests.hpp"

#include <sallyport/core/task_group.hpp>
#include <sallyport/users/password.hpp>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <future>
#include <memory>
#include <optional>
#include <thread>

using namespace sallyport;
using namespace sallyport::app;
using namespace sallyport::app::tests;
namespace json = boost::json;

namespace {

telemetry::log_settings quiet() {
  telemetry::log_settings settings;
  settings.threshold = telemetry::level::off;
  return settings;
}

// What the running server has of it: the store and its handler behind the admin socket.
class server {
 public:
  explicit server(const std::string& store_path) : log_(quiet()), tasks_(io_.get_executor()) {
    users::settings settings;
    settings.path = store_path;
    store_ = users::store::open(settings, log_).value();
    rules_.emplace(milvus::settings(), *store_, log_);
    socket_ = admin::server::open(io_.get_executor(), {store_path + ".sock"}, make_user_handler(*store_, *rules_), log_).value();
    tasks_.spawn(socket_->run());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~server() {
    boost::asio::post(io_, [this] { socket_->close(); });
    thread_.join();
    socket_.reset();
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  users::store& store() { return *store_; }

 private:
  boost::asio::io_context io_{1};
  telemetry::logger log_;
  core::task_group tasks_;
  std::unique_ptr<users::store> store_;
  std::optional<milvus::service> rules_;
  std::unique_ptr<admin::server> socket_;
  std::thread thread_;
};

// Each test once on the store and once through a server.
struct place {
  explicit place(bool served) {
    if (served) running = std::make_unique<server>(store);
  }
  outcome run(std::vector<std::string> arguments, const std::string& input = {}) const {
    arguments.insert(arguments.end(), {"--store", store});
    return tests::run(arguments, input);
  }
  users::match verify(const std::string& name, const std::string& password) const {
    std::shared_ptr<const users::record> user;
    if (running) {
      user = running->store().snapshot()->find(name);
    } else {
      telemetry::logger log(quiet());
      users::settings settings;
      settings.path = store;
      user = users::store::open(settings, log).value()->snapshot()->find(name);
    }
    return user ? users::verify_password(password, user->hash) : users::match::no;
  }

  folder in;
  std::string store = in.at("users.db");
  std::unique_ptr<server> running;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(user_commands)

BOOST_AUTO_TEST_CASE(a_user_lives_from_add_to_drop) {
  for (const bool served : {false, true}) {
    const place at(served);
    outcome got = at.run({"user", "add", "alice", "--password-stdin", "--roles", "admin", "--description", "who cares"}, "opensesame\n");
    BOOST_TEST(got.code == ended_well, got.err);
    BOOST_TEST(got.out == "user alice was added\n");
    BOOST_TEST((at.verify("alice", "opensesame") == users::match::yes));
    BOOST_TEST((at.verify("alice", "opensesame\n") == users::match::no));
    got = at.run({"user", "list"});
    BOOST_TEST(got.out == "alice\nroot\n");
    got = at.run({"user", "show", "alice"});
    BOOST_TEST(got.out.starts_with("name:        alice\nroles:       admin\ndescription: who cares\ncreated:     20"), got.out);
    BOOST_TEST(got.out.ends_with("hash:        argon2id\n"), got.out);
    BOOST_TEST(got.out.find('$') == std::string::npos, got.out);
    got = at.run({"user", "passwd", "alice", "--password-stdin"}, "closesesame");
    BOOST_TEST(got.code == ended_well, got.err);
    BOOST_TEST((at.verify("alice", "closesesame") == users::match::yes));
    BOOST_TEST((at.verify("alice", "opensesame") == users::match::no));
    got = at.run({"user", "drop", "alice"});
    BOOST_TEST(got.out == "user alice was dropped\n");
    BOOST_TEST(at.run({"user", "list"}).out == "root\n");
  }
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_told_with_1_and_changes_nothing) {
  for (const bool served : {false, true}) {
    const place at(served);
    BOOST_TEST_REQUIRE(at.run({"user", "add", "alice", "--password-stdin"}, "opensesame").code == ended_well);
    const struct {
      std::vector<std::string> arguments;
      std::string input, told;
    } table[] = {
        {{"user", "add", "1a", "--password-stdin"},
         "opensesame",
         "invalid user name 1a, the first character must be a letter, but got 1: invalid parameter"},
        {{"user", "add", " bob", "--password-stdin"},
         "opensesame",
         "invalid user name  bob, the first character must be a letter, but got  : invalid parameter"},
        {{"user", "add", "carol", "--password-stdin"},
         "short",
         "invalid password length: invalid parameter[5 out of range 6 <= value <= 256]"},
        {{"user", "add", "alice", "--password-stdin"}, "opensesame", "user alice already exists"},
        {{"user", "add", "carol", "--password-stdin", "--roles", "admin,readonly"},
         "opensesame",
         "role readonly is not in this version: it would not be enforced; leave it out"},
        {{"user", "add", "carol", "--password-stdin", "--roles", "emperor"},
         "opensesame",
         "there is no role emperor; the one of this version is admin"},
        {{"user", "add", "carol", "--password-stdin", "--description", std::string(1025, 'x')},
         "opensesame",
         "a description has at most 1024 bytes"},
        {{"user", "add", "carol", "--hash-stdin"}, "opensesame", "not a bcrypt or argon2id hash"},
        {{"user", "passwd", "nobody", "--password-stdin"}, "opensesame", "there is no user nobody"},
        {{"user", "passwd", "alice", "--password-stdin"},
         "short",
         "invalid password length: invalid parameter[5 out of range 6 <= value <= 256]"},
        {{"user", "drop", "nobody"}, "", "there is no user nobody"},
        {{"user", "drop", "root"}, "", "user root cannot be dropped"},
        {{"user", "show", "nobody"}, "", "there is no user nobody"},
    };
    for (const auto& row : table) {
      const outcome got = at.run(row.arguments, row.input);
      BOOST_TEST(got.code == refused, got.err);
      BOOST_TEST(got.err == "sallyport: " + row.told + "\n");
      BOOST_TEST(got.out == "");
    }
    BOOST_TEST(at.run({"user", "list"}).out == "alice\nroot\n");
    BOOST_TEST((at.verify("alice", "opensesame") == users::match::yes));
    BOOST_TEST((at.verify("root", "Milvus") == users::match::yes));
  }
}

BOOST_AUTO_TEST_CASE(a_password_may_be_any_bytes_and_loses_one_newline) {
  for (const bool served : {false, true}) {
    const place at(served);
    const struct {
      std::string input, password;
    } table[] = {{"\xff\xfe\x01 bytes", "\xff\xfe\x01 bytes"},
                 {"two\nlines\n\n", "two\nlines\n"},
                 {"blanks   \n", "blanks   "},
                 {"return\r\n", "return\r"},
                 {std::string("nul\0byte", 8), std::string("nul\0byte", 8)},
                 {std::string(256, 'x') + "\n", std::string(256, 'x')}};
    for (const auto& row : table) {
      const outcome got = at.run({"user", "passwd", "root", "--password-stdin"}, row.input);
      BOOST_TEST(got.code == ended_well, got.err);
      BOOST_TEST((at.verify("root", row.password) == users::match::yes), row.password);
    }
  }
}

BOOST_AUTO_TEST_CASE(no_password_or_too_much_of_it_is_a_usage_error) {
  const place at(false);
  outcome got = at.run({"user", "add", "alice", "--password-stdin"}, "");
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err.starts_with("sallyport: there is no password on standard input: "), got.err);
  got = at.run({"user", "add", "alice", "--password-stdin"}, "\n");
  BOOST_TEST(got.code == bad_request);
  got = at.run({"user", "add", "alice", "--password-stdin"}, std::string(100'000, 'x'));
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err == "sallyport: the password on standard input is longer than 4096 bytes: give nothing else\n");
  got = at.run({"user", "add", "alice"});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err == "sallyport: no terminal to ask for a password: pass --password-stdin and the password on standard input\n");
  BOOST_TEST(!std::filesystem::exists(at.store));
}

BOOST_AUTO_TEST_CASE(a_terminal_is_asked_twice) {
  const place at(false);
  outside with;
  with.typed = {"opensesame", "opensesame"};
  outcome got = with.run({"user", "add", "alice", "--store", at.store});
  BOOST_TEST(got.code == ended_well, got.err);
  BOOST_TEST(with.prompts == (std::vector<std::string>{"password of alice: ", "the same again: "}), boost::test_tools::per_element());
  BOOST_TEST((at.verify("alice", "opensesame") == users::match::yes));
  with.typed = {"one thing", "another"};
  got = with.run({"user", "passwd", "alice", "--store", at.store});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(got.err == "sallyport: the two passwords differ: nothing was changed\n");
  with.typed = {"one thing"};
  got = with.run({"user", "passwd", "alice", "--store", at.store});
  BOOST_TEST(got.err == "sallyport: no password was given: nothing was changed\n");
  BOOST_TEST((at.verify("alice", "opensesame") == users::match::yes));
}

BOOST_AUTO_TEST_CASE(a_hash_can_be_imported_and_is_never_shown) {
  const std::string hash = "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK";  // of Milvus, as Milvus makes them
  for (const bool served : {false, true}) {
    const place at(served);
    const std::string own = users::hash_password("opensesame");
    outcome got = at.run({"user", "add", "alice", "--hash-stdin", "--roles", "admin", "--description", "from etcd"}, own + "\n");
    BOOST_TEST(got.code == ended_well, got.err);
    BOOST_TEST((at.verify("alice", "opensesame") == users::match::yes));
    got = at.run({"user", "show", "alice"});
    BOOST_TEST(got.out.find("description: from etcd") != std::string::npos, got.out);
    BOOST_TEST(got.out.find("roles:       admin") != std::string::npos, got.out);
    BOOST_TEST(got.out.find('$') == std::string::npos, got.out);
    got = at.run({"user", "add", "bob", "--hash-stdin"}, hash);
    BOOST_TEST(got.code == ended_well, got.err);
    BOOST_TEST((at.verify("bob", "Milvus") == users::match::yes_outdated));
    got = at.run({"user", "show", "bob", "--json"});
    BOOST_TEST(got.out.find("\"hash\":\"bcrypt-4\"") != std::string::npos, got.out);
    BOOST_TEST(got.out.find('$') == std::string::npos, got.out);
    got = at.run({"user", "list", "--json"});
    BOOST_TEST(got.out.find('$') == std::string::npos, got.out);
    const json::value list = json::parse(got.out);
    BOOST_TEST_REQUIRE(list.get_array().size() == 3u);
    BOOST_TEST(list.at(0).at("name").get_string() == "alice");
    BOOST_TEST(list.at(2).at("name").get_string() == "root");
    BOOST_TEST(at.run({"user", "add", "alice", "--hash-stdin"}, own).code == refused);
  }
}

BOOST_AUTO_TEST_CASE(the_kind_of_a_hash_is_told_from_its_form) {
  BOOST_TEST(kind_of_hash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA") == "argon2id");
  BOOST_TEST(kind_of_hash("$2a$04$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkY8jIucDrjc8deX1s.") == "bcrypt-4");
  BOOST_TEST(kind_of_hash("$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkY8jIucDrjc8deX1s.") == "bcrypt-10");
  for (const char* none : {"", "$2", "$2b$1", "$1$salt$hash", "plain"}) BOOST_TEST(kind_of_hash(none) == "unknown");
}

BOOST_AUTO_TEST_CASE(only_what_sets_a_password_makes_a_store) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"user", "list"}, {"user", "show", "root"}, {"user", "drop", "alice"}}) {
    const place at(false);
    const outcome got = at.run(arguments);
    BOOST_TEST(got.code == not_started);
    BOOST_TEST(at.in.without(got.err) ==
               "sallyport: there is no store F/users.db and no server: name the configuration (-c FILE) or the store (--store PATH)\n");
    BOOST_TEST(!std::filesystem::exists(at.store));
  }
  const place at(false);
  BOOST_TEST(at.run({"user", "passwd", "root", "--password-stdin"}, "opensesame").code == ended_well);
  BOOST_TEST((at.verify("root", "opensesame") == users::match::yes));
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_had_is_told_with_3) {
  const place at(false);
  telemetry::logger log(quiet());
  users::settings settings;
  settings.path = at.store;
  const auto held = users::store::open(settings, log).value();
  const outcome got = at.run({"user", "list"});
  BOOST_TEST(got.code == not_started);
  BOOST_TEST(got.err.find("users.db") != std::string::npos, got.err);
  BOOST_TEST(std::count(got.err.begin(), got.err.end(), '\n') == 1);
}

BOOST_AUTO_TEST_CASE(the_configuration_says_which_store_which_socket_and_which_rules) {
  const folder in;
  const std::string file = in.write("c.yaml", "users: {store: 'sqlite:own.db'}\nmilvus_config: m.yaml\n");
  in.write("m.yaml", "proxy: {minPasswordLength: 9, maxUsernameLength: 4}\ncommon: {security: {defaultRootPassword: FirstOne1}}\n");
  const auto with = [&](std::vector<std::string> arguments, const std::string& input) {
    arguments.insert(arguments.end(), {"-c", file});
    return run(arguments, input);
  };
  outcome got = with({"user", "add", "bob", "--password-stdin"}, "12345678");
  BOOST_TEST(got.code == refused);
  BOOST_TEST(got.err.find("8 out of range 9 <= value <= 256") != std::string::npos, got.err);
  BOOST_TEST(with({"user", "add", "bobby", "--password-stdin"}, "123456789").code == refused);
  BOOST_TEST(with({"user", "add", "bob", "--password-stdin"}, "123456789").code == ended_well);
  BOOST_TEST(std::filesystem::exists(in.at("own.db")));
  telemetry::logger log(quiet());
  users::settings settings;
  settings.path = in.at("own.db");
  const auto root = users::store::open(settings, log).value()->snapshot()->find("root");
  BOOST_TEST((users::verify_password("FirstOne1", root->hash) == users::match::yes));
  got = run({"user", "list", "-c", in.write("bad.yaml", "users: {stor: x}\n")});
  BOOST_TEST(got.code == bad_request);
  BOOST_TEST(in.without(got.err) == "sallyport: F/bad.yaml:1:9: error: unknown key 'stor' in users (did you mean 'store'?)\n");
}

BOOST_AUTO_TEST_CASE(options_may_stand_before_the_name) {
  const place at(false);
  BOOST_TEST(run({"user", "add", "--store", at.store, "--roles", "admin", "--password-stdin", "alice"}, "opensesame").code == ended_well);
  const folder in;
  const std::string file = in.write("c.yaml", "users: {store: 'sqlite:" + at.store + "'}\n");
  BOOST_TEST(run({"user", "show", "-c", file, "alice"}).code == ended_well);
}

BOOST_AUTO_TEST_CASE(the_handler_refuses_what_no_command_of_ours_sends) {
  const place at(true);
  const auto ask = [&](const std::string& request) {
    const auto answer = admin::ask(at.store + ".sock", json::parse(request).get_object());
    return answer ? json::serialize(*answer) : answer.error().text;
  };
  BOOST_TEST(ask("{}") == R"({"error":"unknown op","code":"bad_request"})");
  BOOST_TEST(ask(R"({"op":5})") == R"({"error":"unknown op","code":"bad_request"})");
  for (const char* request : {R"({"op":"user.add","name":"a"})", R"({"op":"user.add","name":"a","password":"opensesame"})",
                              R"({"op":"user.add","name":"a","password_hex":"abc"})", R"({"op":"user.add","name":"a","password_hex":"zz"})",
                              R"({"op":"user.add","name":"a","password_hex":5})", R"({"op":"user.passwd","name":"root"})"})
    BOOST_TEST(ask(request) == R"({"error":"no password","code":"bad_request"})", request);
  BOOST_TEST(ask(R"({"op":"user.add","name":"a","hash":5,"roles":[]})") == R"({"error":"not a bcrypt or argon2id hash","code":"refused"})");
  BOOST_TEST(ask(R"({"op":"user.add","name":"a","password_hex":"616161616161","roles":"admin"})") ==
             R"({"error":"roles must be a list","code":"refused"})");
  BOOST_TEST(ask(R"({"op":"user.add","name":"a","password_hex":"616161616161","roles":[5]})") ==
             R"({"error":"there is no role ; the one of this version is admin","code":"refused"})");
  BOOST_TEST(ask(R"({"op":"user.drop"})") == R"({"error":"there is no user ","code":"refused"})");
  BOOST_TEST(at.run({"user", "list"}).out == "root\n");
}

BOOST_AUTO_TEST_CASE(what_a_user_wrote_about_itself_cannot_command_a_terminal) {
  const place at(true);
  std::promise<core::error_code> changed;
  at.running->store().change_description("root", "a\n\x1b[2J\xff", [&](core::error_code ec) { changed.set_value(ec); });
  BOOST_TEST_REQUIRE(!changed.get_future().get());
  const outcome got = at.run({"user", "show", "root"});
  BOOST_TEST(got.code == ended_well, got.err);
  BOOST_TEST(got.out.find("description: a\\x0a\\x1b[2J?\n") != std::string::npos, got.out);
}

BOOST_AUTO_TEST_SUITE_END()
