#include <sallyport/net/listener.hpp>

#include <sallyport/core/defence.hpp>
#include <sallyport/core/expect.hpp>

#include <utility>

namespace sallyport::net {

admission::answer admission::enter(const std::shared_ptr<admission>& self, const peer_address& peer, bool handshake) {
  auto source = peer.source_prefix();
  const std::scoped_lock lock(self->mutex_);
  const auto& limits = self->limits_;
  if (core::defended("O14a") && self->total_.connections >= limits.connections) return {verdict::too_many_connections, {}};
  if (core::defended("O14c") && handshake && self->total_.handshakes >= limits.handshakes) return {verdict::too_many_handshakes, {}};
  // Entered only once admitted, so that the map holds no more entries than there are connections.
  const auto known = self->sources_.find(source);
  const counts of_source = known == self->sources_.end() ? counts{} : known->second;
  if (core::defended("O14b") && of_source.connections >= limits.connections_per_source) return {verdict::too_many_from_source, {}};
  if (core::defended("O14c") && handshake && of_source.handshakes >= limits.handshakes_per_source)
    return {verdict::too_many_handshakes_from_source, {}};

  for (auto* count : {&self->total_, &self->sources_[source]}) {
    ++count->connections;
    if (handshake) ++count->handshakes;
  }
  answer yes;
  yes.place.from_ = self;
  yes.place.source_ = std::move(source);
  yes.place.handshaking_ = handshake;
  return yes;
}

std::uint32_t admission::connections() const {
  const std::scoped_lock lock(mutex_);
  return total_.connections;
}

void admission::leave(const std::string& source, bool connection, bool handshake) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto at = sources_.find(source);
  SALLYPORT_EXPECT(at != sources_.end());
  for (auto* count : {&total_, &at->second}) {
    if (connection && core::defended("O14d")) --count->connections;
    if (handshake) --count->handshakes;
  }
  if (at->second.connections == 0) sources_.erase(at);
}

admission::slot::slot(slot&& other) noexcept
    : from_(std::exchange(other.from_, nullptr)),
      source_(std::move(other.source_)),
      handshaking_(std::exchange(other.handshaking_, false)) {}

admission::slot& admission::slot::operator=(slot&& other) noexcept {
  if (this != &other) {
    release();
    from_ = std::exchange(other.from_, nullptr);
    source_ = std::move(other.source_);
    handshaking_ = std::exchange(other.handshaking_, false);
  }
  return *this;
}

void admission::slot::handshake_done() noexcept {
  if (from_ && std::exchange(handshaking_, false)) from_->leave(source_, false, true);
}

void admission::slot::release() noexcept {
  if (const auto from = std::exchange(from_, nullptr)) from->leave(source_, true, std::exchange(handshaking_, false));
}

std::string_view name_of(admission::verdict why) {
  switch (why) {
    case admission::verdict::admitted: return "admitted";
    case admission::verdict::too_many_connections: return "limits_connections";
    case admission::verdict::too_many_from_source: return "limits_connections_per_source";
    case admission::verdict::too_many_handshakes: return "limits_handshakes";
    case admission::verdict::too_many_handshakes_from_source: return "limits_handshakes_per_source";
  }
  SALLYPORT_EXPECT(false);
  return {};
}

}  // namespace sallyport::net
