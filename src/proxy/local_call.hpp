// A call that Sallyport answers itself, in the shape of an exchange with a backend: gathers the one message, asks the milvus room, hands
// back the reply. The reply may come on the store's thread: it is posted to the worker, and dropped when the client has gone meanwhile.
#pragma once

#include "context.hpp"

#include <memory>
#include <string>

namespace sallyport::proxy {

// What a call has sent so far: in one piece that never moves, counted in `limits.buffers`, and wiped, for it may hold passwords. The
// worker's thread alone.
class gathered_body {
 public:
  gathered_body(http2::buffer_pool& pool, std::size_t most) : bytes_(pool), most_(most) {}
  ~gathered_body() { wipe(); }
  bool add(core::bytes payload);  // false: it would be more than the most, and was not taken
  core::bytes view() const { return bytes_.view(); }
  std::size_t held_bytes() const { return bytes_.capacity(); }
  void wipe();  // and gives the memory back

 private:
  http2::buffer bytes_;
  const std::size_t most_;
};

class local_call final : public upstream::exchange, public std::enable_shared_from_this<local_call> {
 public:
  // Lives until it has answered or was cancelled.
  static upstream::exchange* start(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  local_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to);

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t) override {}
  void cancel() override;
  std::size_t held_bytes() const override { return body_.held_bytes(); }

 private:
  void answer(const milvus::reply& with);
  context& around_;
  std::string path_;
  auth::permit caller_;
  upstream::responder* to_;
  gathered_body body_;
  std::shared_ptr<local_call> self_;
};

// The same for a call of Milvus' REST.
class local_rest_call final : public upstream::exchange, public std::enable_shared_from_this<local_rest_call> {
 public:
  static upstream::exchange* start(context& around, std::string path, const auth::permit& caller, upstream::responder& to);
  local_rest_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to);

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t) override {}
  void cancel() override;
  std::size_t held_bytes() const override { return body_.held_bytes(); }

 private:
  void answer(std::uint32_t status, std::string_view body);
  context& around_;
  std::string path_;
  auth::permit caller_;
  upstream::responder* to_;
  gathered_body body_;
  std::shared_ptr<local_rest_call> self_;
};

// 100 (RFC 9110 15.2.1).
const http2::response_head& continue_head();

}  // namespace sallyport::proxy
