#include "local_call.hpp"

#include "refusal.hpp"

#include <sallyport/core/defence.hpp>
#include <sallyport/milvus/rest.hpp>
#include <sallyport/milvus/service.hpp>

#include <boost/asio/post.hpp>

#include <string.h>

namespace sallyport::proxy {
bool gathered_body::add(core::bytes payload) {
  if (bytes_.size() + payload.size() > most_ && core::defended("H26a")) return false;
  if (!payload.empty() && bytes_.capacity() == 0) bytes_.room(most_);  // once: no copy of a password is left behind by growth
  bytes_.append(payload);
  return true;
}

void gathered_body::wipe() {
  if (!bytes_.empty()) explicit_bzero(bytes_.room(0) - bytes_.size(), bytes_.size());
  bytes_.clear();
}

upstream::exchange* local_call::start(context& around, std::string path, const auth::permit& caller, upstream::responder& to) {
  const auto call = std::make_shared<local_call>(around, std::move(path), caller, to);
  call->self_ = call;
  return call.get();
}

local_call::local_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to)
    : around_(around), path_(std::move(path)), caller_(caller), to_(&to), body_(around.buffers, milvus::message_max_bytes) {}

std::size_t local_call::send(core::bytes payload, bool end) {
  const auto self = shared_from_this();
  if (!body_.add(payload)) {
    milvus::reply too_large;
    too_large.grpc_status = static_cast<std::uint32_t>(grpc_code::resource_exhausted);
    too_large.grpc_message = "message larger than " + std::to_string(milvus::message_max_bytes) + " bytes";
    answer(too_large);
    return payload.size();
  }
  if (!end) return payload.size();
  around_.service.call(path_, caller_, body_.view(), [self](milvus::reply reply) {
    const auto& on = self->around_.executor;
    core::asio::post(on, [self, reply = std::move(reply)] { self->answer(reply); });
  });
  body_.wipe();  // whoever lets go of this last may be the store's thread, and the memory is the worker's
  return payload.size();
}

void local_call::cancel() {
  to_ = nullptr;
  self_.reset();
}

void local_call::answer(const milvus::reply& with) {
  auto* const to = std::exchange(to_, nullptr);
  if (!to) return;
  const auto alive = std::move(self_);
  const auto status = std::to_string(with.grpc_status);
  const auto message = percent_encode(with.grpc_message);
  std::vector<http2::field> fields;
  http2::response_head head;
  head.fields = &fields;
  if (with.grpc_status) {
    make_status_fields(fields, false, status, message);
    head.status = 200;
    return to->response_head(head, true);
  }
  fields = {http2::make_field(http2::known::status, ":status", "200"),
            http2::make_field(http2::known::content_type, "content-type", "application/grpc")};
  head.status = 200;
  to->response_head(head, false);
  to->response_data(std::as_bytes(std::span(with.body)), false);
  make_status_fields(fields, true, status, message);
  head.status = 0;
  to->response_trailers(head);
}

upstream::exchange* local_rest_call::start(context& around, std::string path, const auth::permit& caller, upstream::responder& to) {
  const auto call = std::make_shared<local_rest_call>(around, std::move(path), caller, to);
  call->self_ = call;
  return call.get();
}

local_rest_call::local_rest_call(context& around, std::string path, const auth::permit& caller, upstream::responder& to)
    : around_(around), path_(std::move(path)), caller_(caller), to_(&to), body_(around.buffers, milvus::rest_body_max_bytes) {}

std::size_t local_rest_call::send(core::bytes payload, bool end) {
  const auto self = shared_from_this();
  if (!body_.add(payload)) {
    const auto why = refusal_of(broken_off::body_too_large);
    answer(why.http, rest_body(why));
    return payload.size();
  }
  if (!end) return payload.size();
  around_.service.rest(path_, caller_, body_.view(), [self](milvus::rest_reply reply) {
    const auto& on = self->around_.executor;
    core::asio::post(on, [self, reply = std::move(reply)] { self->answer(reply.status, reply.body); });
  });
  body_.wipe();
  return payload.size();
}

void local_rest_call::cancel() {
  to_ = nullptr;
  self_.reset();
}

void local_rest_call::answer(std::uint32_t status, std::string_view body) {
  using http2::known;
  auto* const to = std::exchange(to_, nullptr);
  if (!to) return;
  const auto alive = std::move(self_);
  const auto code = std::to_string(status), length = std::to_string(body.size());
  const std::vector<http2::field> fields{http2::make_field(known::status, ":status", code),
                                         http2::make_field(known::content_type, "content-type", "application/json; charset=utf-8"),
                                         http2::make_field(known::content_length, "content-length", length)};
  http2::response_head head;
  head.fields = &fields;
  head.status = status;
  to->response_head(head, false);
  to->response_data(std::as_bytes(std::span(body)), true);
}

const http2::response_head& continue_head() {
  static const std::vector<http2::field> fields{http2::make_field(http2::known::status, ":status", "100")};
  static const http2::response_head head{&fields, 100, -1};
  return head;
}

}  // namespace sallyport::proxy
