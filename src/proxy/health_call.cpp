#include "health_call.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <array>

namespace sallyport::proxy {
namespace {

constexpr std::string_view service_path = "/grpc.health.v1.Health/";
constexpr std::size_t message_max_bytes = 1024;
constexpr std::uint32_t invalid_argument = 3, not_found = 5;

// HealthCheckRequest: one field, `service`, number 1, a string. False: not that.
bool read_request(std::string_view framed, std::string_view& service) {
  constexpr std::size_t prefix = 5;  // gRPC's: a flag and the length
  if (framed.size() < prefix || framed[0] != 0) return false;
  auto message = framed.substr(prefix);
  std::size_t length = 0;
  for (const char c : framed.substr(1, 4)) length = length << 8 | static_cast<unsigned char>(c);
  if (length != message.size()) return false;
  service = {};
  while (!message.empty()) {
    constexpr char tag = 0x0a;
    if (message.size() < 2 || message[0] != tag) return false;
    std::size_t size = static_cast<unsigned char>(message[1]);
    std::size_t at = 2;
    if (size & 0x80) {
      if (message.size() < 3 || message[2] & 0x80) return false;
      size = (size & 0x7f) | static_cast<std::size_t>(message[2]) << 7;
      at = 3;
    }
    if (message.size() - at < size) return false;
    service = message.substr(at, size);
    message.remove_prefix(at + size);
  }
  return true;
}

bool is_known(std::string_view service) { return service.empty() || service == "milvus.proto.milvus.MilvusService"; }

}  // namespace

bool is_health_path(std::string_view path) {
  if (!path.starts_with(service_path)) return false;
  path.remove_prefix(service_path.size());
  return path == "Check" || path == "Watch";
}

upstream::exchange* health_call::start(context& around, std::string_view path, upstream::responder& to) {
  auto made = std::make_unique<health_call>(around, path.substr(service_path.size()) == "Watch", to);
  auto& call = *made;
  call.self_ = std::move(made);
  return &call;
}

health_call::health_call(context& around, bool watch, upstream::responder& to) : around_(around), watch_(watch), to_(&to) {}

health_call::~health_call() { std::erase(around_.watchers, this); }

std::size_t health_call::send(core::bytes payload, bool end) {
  if (body_.size() + payload.size() > message_max_bytes) {
    health_call::end(invalid_argument, "message too large");
    return payload.size();
  }
  body_.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  const auto taken = payload.size();
  if (end) answer();
  return taken;
}

void health_call::cancel() { self_.reset(); }

void health_call::answer() {
  std::string_view service;
  if (!read_request(body_, service)) return end(invalid_argument, "not a HealthCheckRequest");
  const auto now = around_.serving ? status::serving : status::not_serving;
  if (!watch_) {
    if (!is_known(service)) return end(not_found, "unknown service");
    say(now);
    return end(0, "");
  }
  say(is_known(service) ? now : status::service_unknown);
  if (!around_.serving) return readiness_changed();
  watching_ = true;
  around_.watchers.push_back(this);
}

void health_call::readiness_changed() {
  if (watching_) say(status::not_serving);
  end(static_cast<std::uint32_t>(grpc_code::unavailable), "shutting down");
}

void health_call::start_head() {
  using http2::known;
  if (std::exchange(head_sent_, true)) return;
  const std::vector<http2::field> fields{http2::make_field(known::status, ":status", "200"),
                                         http2::make_field(known::content_type, "content-type", "application/grpc")};
  http2::response_head head;
  head.fields = &fields;
  head.status = 200;
  to_->response_head(head, false);
}

void health_call::say(status now) {
  start_head();
  const std::array<std::uint8_t, 7> message{0, 0, 0, 0, 2, 0x08, static_cast<std::uint8_t>(now)};  // HealthCheckResponse.status, number 1
  to_->response_data(std::as_bytes(std::span(message)), false);
}

void health_call::end(std::uint32_t code, std::string_view message) {
  const auto alive = std::move(self_);
  auto* const to = std::exchange(to_, nullptr);
  const auto number = std::to_string(code);
  std::vector<http2::field> fields;
  http2::response_head head;
  head.fields = &fields;
  make_status_fields(fields, head_sent_, number, message);
  if (head_sent_) return to->response_trailers(head);
  head.status = 200;
  to->response_head(head, true);
}

}  // namespace sallyport::proxy
