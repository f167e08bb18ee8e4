// A connection whose bytes go on as they are: protocol tcp from the start, HTTP/1.1 after CONNECT.
#include "buffer_budget.hpp"
#include "connection.hpp"
#include "refusal.hpp"

namespace sallyport::proxy {

connection::tunnel::tunnel(connection& on, std::unique_ptr<upstream::tunnels::connection> to, const auth::permit& p, tunnel_record of,
                           std::vector<std::byte> from_client)
    : source(on.source()),
      backend(std::move(to)),
      passed(p),
      record(std::move(of)),
      first(std::move(from_client)),
      bytes(*on.stream_, backend->stream()) {}

void connection::become_tunnel(std::unique_ptr<upstream::tunnels::connection> to, const auth::permit& passed, tunnel_record of,
                               std::vector<std::byte> first) {
  tunnel_ = std::make_unique<tunnel>(*this, std::move(to), passed, std::move(of), std::move(first));
  wanted_.cancel();
}

core::task<void> connection::open_tunnel() {
  tunnel_record record(*this, "tcp");
  const auto& door_2 = door_.settings;
  auto judged = door_2.certificate_user ? around_.gate.admit_certificate(certificate()) : around_.gate.admit_without_token(door_2.tokens);
  if (const auto* why = std::get_if<auth::denial>(&judged)) co_return refuse_tunnel(record, refusal_of(*why), {});
  const auto& passed = std::get<auth::permit>(judged);
  if (!around_.budget->admits(holder_of(passed, source())))
    co_return refuse_tunnel(record, refusal_of(broken_off::buffers_short), passed.user_name());
  std::optional<upstream::endpoint> any;
  auto attempt = door_.tunnels.open(passed, any);
  auto opened = co_await std::move(attempt);
  if (aborted_) co_return record.gone();
  if (!opened.made) co_return refuse_tunnel(record, refusal_of(opened.why), passed.user_name());
  // Nobody ends a tunnel that is not there yet: what has changed while it was made is asked here.
  if (!still_trusted()) co_return refuse_tunnel(record, refusal_of(broken_off::certificate_untrusted), passed.user_name());
  if (!around_.gate.still_good(passed)) co_return refuse_tunnel(record, refusal_of(auth::denial::revoked), passed.user_name());
  record.opened(*opened.made, passed);
  become_tunnel(std::move(opened.made), passed, std::move(record), {});
}

// Bytes have no words for a refusal: a reset is taken for no whole answer of the backend's.
void connection::refuse_tunnel(tunnel_record& record, const refusal& why, std::string_view user) {
  const auto* shown = certificate();
  record.refused(why, user, {}, shown ? std::string_view(shown->subject) : std::string_view());
  cause_ = "tunnel_ended";
  stream_->reset();
}

core::task<void> connection::carry() {
  cause_ = "tunnel_ended";
  talk_.reset();
  tunnel_->bytes.begin(tunnel_->first, {}, input_ended_);
  std::vector<std::byte>().swap(tunnel_->first);  // a relay at rest owns no buffer
  co_await tunnel_->bytes.run();
  tunnel_->record.moved(tunnel_->bytes.to_backend(), tunnel_->bytes.to_client());
  tunnel_->record.closed(tunnel_->bytes.cause());
}

void connection::sweep_tunnel(core::clock::time_point now) {
  tunnel_->record.moved(tunnel_->bytes.to_backend(), tunnel_->bytes.to_client());
  tunnel_->bytes.sweep(now, around_.within.write_stall, around_.within.tunnel_idle);
}

}  // namespace sallyport::proxy
