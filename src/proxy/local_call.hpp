// A call that Sallyport answers itself, in the shape of an exchange with a backend: gathers the one message, asks the milvus room, hands
// back the reply. The reply may come on the store's thread: it is posted to the worker, and dropped when the client has gone meanwhile.
#pragma once

#include "context.hpp"

#include <memory>
#include <string>

namespace sallyport::proxy {

class local_call final : public upstream::exchange, public std::enable_shared_from_this<local_call> {
 public:
  // Lives until it has answered or was cancelled.
  static upstream::exchange* start(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  local_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  ~local_call();  // wipes the message: it may hold passwords

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t) override {}
  void cancel() override;

 private:
  void answer(const milvus::reply& with);
  context& around_;
  std::string path_;
  auth::permit caller_;
  upstream::responder* to_;
  std::vector<std::byte> body_;
  std::shared_ptr<local_call> self_;
};

// The same for a call of Milvus' REST.
class local_rest_call final : public upstream::exchange, public std::enable_shared_from_this<local_rest_call> {
 public:
  static upstream::exchange* start(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  local_rest_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  ~local_rest_call();

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t) override {}
  void cancel() override;

 private:
  void answer(std::uint32_t status, std::string_view body);
  context& around_;
  std::string path_;
  auth::permit caller_;
  upstream::responder* to_;
  std::vector<std::byte> body_;
  std::shared_ptr<local_rest_call> self_;
};

// 100 (RFC 9110 15.2.1).
const http2::response_head& continue_head();

}  // namespace sallyport::proxy
