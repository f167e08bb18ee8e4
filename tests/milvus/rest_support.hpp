// The calls of REST v2 as a client makes them; beside support.hpp's house.
#pragma once

#include "support.hpp"

#include <sallyport/milvus/rest.hpp>

namespace sallyport::milvus::tests {

struct answered {
  unsigned status = 0;
  std::string body;
  bool operator==(const answered&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const answered& a) { return out << a.status << " " << a.body; }

// `message` as it stands in JSON.
inline answered fault(int code, const std::string& message, unsigned status = 200) {
  return {status, R"({"code":)" + std::to_string(code) + R"(,"message":")" + message + R"("})"};
}
inline answered data(const std::string& json) { return {200, R"({"code":0,"data":)" + json + "}"}; }
inline const answered done = data("{}");
inline answered denied_to(const std::string& user, const std::string& privilege) {
  return fault(65535, "rpc error: code = PermissionDenied desc = " + privilege + ": permission deny to " + user, 403);
}

struct rest_house : house {
  answered post_as(const auth::permit& caller, const std::string& path, std::string_view body) const {
    std::promise<rest_reply> replied;
    calls->rest(path, caller, bytes_of(body), [&](rest_reply r) { replied.set_value(std::move(r)); });
    rest_reply got = replied.get_future().get();
    return {got.status, std::move(got.body)};
  }
  answered post(const std::string& action, const std::string& caller, std::string_view body) const {
    return post_as(as(caller), "/v2/vectordb/users/" + action, body);
  }

  answered made(const std::string& caller, const std::string& name, const std::string& password) const {
    return post("create", caller, R"({"userName":")" + name + R"(","password":")" + password + R"("})");
  }
  answered changed(const std::string& caller, const std::string& name, const std::string& before, const std::string& after) const {
    return post("update_password", caller,
                R"({"userName":")" + name + R"(","password":")" + before + R"(","newPassword":")" + after + R"("})");
  }
  answered dropped(const std::string& caller, const std::string& name) const {
    return post("drop", caller, R"({"userName":")" + name + R"("})");
  }
  answered described(const std::string& caller, const std::string& name) const {
    return post("describe", caller, R"({"userName":")" + name + R"("})");
  }
};

}  // namespace sallyport::milvus::tests
