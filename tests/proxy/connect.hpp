// What the tests of tunnels share: a passage with a backend of bytes behind it. One thread.
#pragma once

#include "rest.hpp"

#include "support/byte_backend.hpp"

namespace sallyport::proxy::testing {

inline const std::string shown = "Basic " + root;

struct connect_passage {
  explicit connect_passage(passage::options chosen = {}, support::byte_backend* other = nullptr)
      : where((other ? *other : bytes).port()), on(with_port(chosen, where)) {}
  static passage::options with_port(passage::options chosen, std::uint16_t port) {
    chosen.bytes_port = port;
    chosen.connect = !chosen.tcp;
    return chosen;
  }

  std::string target() const { return "127.0.0.1:" + std::to_string(where); }
  // A head without its empty line, with root's password.
  std::string head(const std::string& to) const {
    return "CONNECT " + to + " HTTP/1.1\r\nhost: " + to + "\r\nproxy-authorization: Basic " + root + "\r\n";
  }
  headers head_of(const std::string& to) const {
    return {{":method", "CONNECT"}, {":authority", to}, {"proxy-authorization", "Basic " + root}};
  }

  // Everything that the port answers to these bytes, up to the connection's end.
  std::string raw(std::string_view bytes_sent) const {
    http1_client client(on.port());
    client.raw(bytes_sent);
    return client.socket().read_all();
  }
  // `path` is the target. The connection, or the stream, must end with the answer.
  reply refused(spoken by, const question& q) const {
    if (by == spoken::http2) {
      auto client = on.client();
      headers all{{":method", q.method}, {":authority", q.path}};
      all.insert(all.end(), q.fields.begin(), q.fields.end());
      return reply_of(client.finish(client.open(all, false)));
    }
    http1_client client(on.port());
    auto text = q.method + " " + q.path + " HTTP/1.1\r\nhost: " + q.path + "\r\n";
    for (const auto& f : q.fields) text += f.name + ": " + f.value + "\r\n";
    client.raw(text + "\r\n");
    const auto got = reply_of(client.answer());
    BOOST_TEST(client.ended());
    return got;
  }
  // An open tunnel over HTTP/1.1.
  std::unique_ptr<http1_client> connect(const std::string& credential = shown) const {
    auto client = std::make_unique<http1_client>(on.port());
    client->raw("CONNECT " + target() + " HTTP/1.1\r\nhost: " + target() + "\r\nproxy-authorization: " + credential + "\r\n\r\n");
    client->answer(true);
    return client;
  }

  support::byte_backend bytes;
  std::uint16_t where;
  passage on;
};

}  // namespace sallyport::proxy::testing
