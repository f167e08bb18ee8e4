// grpc.health.v1.Health, answered here from readiness, in the shape of an exchange with a backend. Check says how it is; Watch says
// so again when that changes, and ends with the drain, which it would hold up for ever. The messages are two fields, read and written by
// hand. Lives until it has answered or was cancelled; the worker's thread only.
#pragma once

#include "context.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sallyport::proxy {

bool is_health_path(std::string_view path);

class health_call final : public upstream::exchange {
 public:
  static upstream::exchange* start(context& around, std::string_view path, upstream::responder& to);
  health_call(context& around, bool watch, upstream::responder& to);
  ~health_call();

  std::size_t send(core::bytes payload, bool end) override;
  void credit(std::size_t) override {}
  void cancel() override;

  void readiness_changed();  // of a Watch: it is told, and ends

 private:
  enum class status : std::uint8_t { serving = 1, not_serving = 2, service_unknown = 3 };
  void answer();
  void say(status now);
  void end(std::uint32_t code, std::string_view message);
  void start_head();

  context& around_;
  const bool watch_;
  bool head_sent_ = false, watching_ = false;
  upstream::responder* to_;
  std::string body_;
  std::unique_ptr<health_call> self_;
};

}  // namespace sallyport::proxy
