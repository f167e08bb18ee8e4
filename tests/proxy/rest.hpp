// What the tests of REST share: a passage with an HTTP/1.1 backend behind it, and one way to ask in both of the protocols that a client
// may speak. One thread.
#pragma once

#include "passage.hpp"

#include "support/fake_http1.hpp"

#include <array>

namespace sallyport::proxy::testing {

using support::fake_http1;
using support::http1_client;
using support::http1_message;
using support::steady;

inline const std::string bearer = "Bearer root:Milvus";

// The backend outlives the passage.
struct rest_passage {
  explicit rest_passage(passage::options chosen = {}) : on((chosen.rest_port = rest.port(), chosen)) {}
  ~rest_passage() { BOOST_TEST(rest.faults().empty(), rest.faults()); }
  bool saw_nothing() const {
    return rest.saw_nothing() && rest.connections() == 0 && on.backend.saw_nothing() && on.backend.connections() == 0;
  }
  http1_client client(int receive_buffer = 0) const { return http1_client(on.port(), receive_buffer); }
  fake_http1 rest;
  passage on;
};

enum class spoken { http1, http2 };
inline std::ostream& operator<<(std::ostream& out, spoken by) { return out << (by == spoken::http1 ? "HTTP/1.1" : "HTTP/2"); }
inline constexpr std::array both{spoken::http1, spoken::http2};

struct question {
  std::string method = "POST", path;
  headers fields = {{"authorization", bearer}};
  std::string body = {};
};

inline std::string on_the_wire(const question& q, bool chunked = false) {
  auto text = q.method + " " + q.path + " HTTP/1.1\r\nhost: milvus.example:19530\r\n";
  for (const auto& f : q.fields) text += f.name + ": " + f.value + "\r\n";
  if (!chunked)
    return text + (q.body.empty() && q.method != "POST" ? "" : "content-length: " + std::to_string(q.body.size()) + "\r\n") + "\r\n" +
           q.body;
  text += "transfer-encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < q.body.size(); at += 7'000) {
    const auto piece = q.body.substr(at, 7'000);
    char size[16];
    std::snprintf(size, sizeof size, "%zX", piece.size());
    text += std::string(size) + ";a=b\r\n" + piece + "\r\n";
  }
  return text + "0\r\nx-trailer: 1\r\n\r\n";
}

inline headers head_of(const question& q) {
  headers all{{":method", q.method}, {":scheme", "http"}, {":path", q.path}, {":authority", "milvus.example:19530"}};
  all.insert(all.end(), q.fields.begin(), q.fields.end());
  return all;
}

struct reply {
  int status = 0;
  headers fields;
  std::string body;
  bool whole = false;  // by its length, its chunks, or END_STREAM; never by a connection that was cut
  std::string field(std::string_view name) const { return support::find(fields, name); }
};

inline reply reply_of(const http1_message& m) {
  reply made{m.status(), {}, m.body, m.whole};
  for (auto at = m.head.find("\r\n"); at != std::string::npos && at + 4 < m.head.size();) {
    const auto end = m.head.find("\r\n", at + 2), colon = m.head.find(": ", at);
    made.fields.push_back({m.head.substr(at + 2, colon - at - 2), m.head.substr(colon + 2, end - colon - 2)});
    at = end;
  }
  return made;
}

inline reply reply_of(const answer& a) {
  return {std::atoi(support::find(a.head, ":status").c_str()), a.head, a.body, a.ended && !a.reset};
}

// On a connection of its own.
inline reply ask(const passage& on, spoken by, const question& q) {
  if (by == spoken::http1) {
    http1_client client(on.port());
    client.raw(on_the_wire(q));
    return reply_of(client.answer(q.method == "HEAD"));
  }
  auto client = on.client();
  return reply_of(client.call(head_of(q), q.body));
}

inline question without_token(question q) {
  q.fields.erase(q.fields.begin());
  return q;
}

inline const std::string unauthenticated = R"({"code":1800,"message":"user hasn't authenticated"})";

// An error of ours: Milvus' JSON, with its code.
inline void check_json(const reply& got, int status, std::string_view has) {
  BOOST_TEST(got.status == status);
  BOOST_TEST(got.whole);
  BOOST_TEST(got.field("content-type") == "application/json; charset=utf-8");
  BOOST_TEST(got.body.find(has) != std::string::npos, got.body);
}

inline question to(std::string_view path, std::string_view method = "POST") { return {std::string(method), std::string(path)}; }

}  // namespace sallyport::proxy::testing
