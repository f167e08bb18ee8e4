// What the tests of this room share: a store in a folder that goes with the test, the service on it, and calls that wait for their answer.
#pragma once

#include <sallyport/milvus/service.hpp>
#include <sallyport/users/password.hpp>

#include <support/base64.hpp>
#include <support/permit_for_tests.hpp>
#include <support/user_store.hpp>

#include "milvus.pb.h"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <ostream>

namespace sallyport::milvus::tests {

inline std::string framed(std::string_view message) {
  std::string body(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) body.push_back(static_cast<char>(message.size() >> shift & 0xff));
  return body.append(message);
}
inline std::string framed(const google::protobuf::MessageLite& message) { return framed(message.SerializeAsString()); }

inline core::bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

using support::base64;  // the clients' side of the passwords

// common.Status as a client reads it.
struct status {
  int error_code = 0, code = 0;
  std::string reason, detail;
  bool operator==(const status&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const status& s) {
  return out << "{" << s.error_code << ", " << s.code << ", \"" << s.reason << "\", detail \"" << s.detail << "\"}";
}
inline status status_of(const wire::Status& s) { return {s.error_code(), s.code(), s.reason(), s.detail()}; }
inline status merr(int error_code, int code, const std::string& reason) { return {error_code, code, reason, reason}; }
inline status by_hand(int error_code, const std::string& reason) { return {error_code, 65535, reason, ""}; }
inline const status success;

struct refusal {
  std::uint32_t grpc_status = 0;
  std::string message;
  bool operator==(const refusal&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const refusal& r) { return out << r.grpc_status << " \"" << r.message << "\""; }

inline wire::CreateCredentialRequest to_create(const std::string& name, const std::string& password) {
  wire::CreateCredentialRequest request;
  request.set_username(name);
  request.set_password(base64(password));
  return request;
}
inline wire::UpdateCredentialRequest to_update(const std::string& name, const std::string& before, const std::string& after) {
  wire::UpdateCredentialRequest request;
  request.set_username(name);
  request.set_old_password(base64(before));
  request.set_new_password(base64(after));
  return request;
}
inline wire::DeleteCredentialRequest to_drop(const std::string& name) {
  wire::DeleteCredentialRequest request;
  request.set_username(name);
  return request;
}
inline wire::SelectUserRequest to_select(const std::string& name, bool with_roles = false) {
  wire::SelectUserRequest request;
  request.mutable_user()->set_name(name);
  request.set_include_role_info(with_roles);
  return request;
}

// `root` with the password Milvus, and whoever a test adds.
struct house {
  users::temporary_folder folder;
  telemetry::log_settings log_to;
  std::unique_ptr<telemetry::logger> log;
  users::settings store_settings;
  std::unique_ptr<users::store> store;
  std::unique_ptr<service> calls;
  settings rules;

  house() {
    log_to.file = folder.file("log");
    log = std::make_unique<telemetry::logger>(log_to);
    store_settings.path = folder.file("users.db");
    open();
  }
  void open() {
    calls.reset();
    store.reset();
    auto opened = users::store::open(store_settings, *log);
    BOOST_TEST_REQUIRE(opened.has_value(), (opened.has_error() ? opened.error().text : ""));
    store = std::move(*opened);
    calls = std::make_unique<service>(rules, *store, *log);
  }
  void rule(const settings& s) {
    rules = s;
    calls = std::make_unique<service>(rules, *store, *log);
  }

  void add(const std::string& name, const std::string& password, std::vector<std::string> roles = {}) {
    const auto outcome =
        users::answer_of([&](auto done) { store->create(name, core::secret(password), std::move(roles), "", std::move(done)); });
    BOOST_TEST_REQUIRE(!outcome);
  }

  void change_roles(const std::string& name, std::vector<std::string> roles) {
    const auto outcome = users::answer_of([&](auto done) { store->change_roles(name, std::move(roles), std::move(done)); });
    BOOST_TEST_REQUIRE(!outcome);
  }

  std::shared_ptr<const users::record> record(const std::string& name) const { return store->snapshot()->find(name); }
  auth::permit as(const std::string& name) const {
    BOOST_TEST_REQUIRE(record(name) != nullptr);
    return auth::permit_for_tests::of(record(name), store->generation());
  }
  bool logs_in(const std::string& name, const std::string& password) const {
    const auto user = record(name);
    return user && users::verify_password(password, user->hash) != users::match::no;
  }

  reply raw(const std::string& path, const auth::permit& caller, std::string_view body) const {
    std::promise<reply> answered;
    calls->call(path, caller, bytes_of(body), [&](reply r) { answered.set_value(std::move(r)); });
    return answered.get_future().get();
  }
  reply raw(const std::string& method, const std::string& caller, const google::protobuf::MessageLite& request) const {
    return raw("/milvus.proto.milvus.MilvusService/" + method, as(caller), framed(request));
  }

  template <class Response>
  Response ask(const std::string& method, const std::string& caller, const google::protobuf::MessageLite& request) const {
    const reply r = raw(method, caller, request);
    BOOST_TEST(r.grpc_status == 0u, r.grpc_message);
    BOOST_TEST(r.grpc_message.empty());
    BOOST_TEST_REQUIRE(r.body.size() >= 5);
    Response response;
    BOOST_TEST_REQUIRE(response.ParseFromString(r.body.substr(5)));
    BOOST_TEST(r.body == framed(r.body.substr(5)));
    return response;
  }
  status asked(const std::string& method, const std::string& caller, const google::protobuf::MessageLite& request) const {
    return status_of(ask<wire::Status>(method, caller, request));
  }
  refusal refused(const std::string& method, const std::string& caller, const google::protobuf::MessageLite& request) const {
    const reply r = raw(method, caller, request);
    BOOST_TEST(r.body.empty());
    return {r.grpc_status, r.grpc_message};
  }
  status create(const std::string& caller, const std::string& name, const std::string& password) const {
    return asked("CreateCredential", caller, to_create(name, password));
  }
  status update(const std::string& caller, const std::string& name, const std::string& before, const std::string& after) const {
    return asked("UpdateCredential", caller, to_update(name, before, after));
  }
  status drop(const std::string& caller, const std::string& name) const { return asked("DeleteCredential", caller, to_drop(name)); }

  std::string log_text() const {
    log->flush();
    std::ifstream file(log_to.file, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  bool logged(const std::string& part) const { return log_text().find(part) != std::string::npos; }
};

}  // namespace sallyport::milvus::tests
