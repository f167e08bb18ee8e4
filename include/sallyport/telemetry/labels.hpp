// Every value that a label of a metric can have, but for the names of listeners and backends, which the configuration has. No label takes
// a value that a stranger chose, so the page cannot grow by what strangers send. Plain values, without a thread. `words<L>` has the
// labels' values as they stand in the page, in the order of the enumerators and spelt like them (a test compares).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace sallyport::telemetry {

template <class Label>
inline constexpr std::array<std::string_view, 0> words{};  // specialised below for each label

// Why a connection was closed before a byte of it was read.
enum class connection_refusal { limits_connections, limits_connections_per_source, limits_handshakes, limits_handshakes_per_source };
template <>
inline constexpr std::array words<connection_refusal>{
    std::string_view("limits_connections"),
    std::string_view("limits_connections_per_source"),
    std::string_view("limits_handshakes"),
    std::string_view("limits_handshakes_per_source"),
};

enum class handshake_result {
  ok,
  timed_out,       // limits.handshake
  not_tls,         // the first bytes were no TLS record
  no_certificate,  // one was required, and none was shown
  certificate_expired,
  certificate_not_yet_valid,
  certificate_unknown_ca,  // of no CA that is trusted, self-signed, or without its chain
  certificate_revoked,
  certificate_crl,          // its issuer's CRL is missing or stale
  certificate_purpose,      // not for clients
  certificate_not_allowed,  // good, but no allow rule matches
  certificate_other,        // every other fault of a certificate
  protocol_version,
  no_shared_cipher,
  unknown_server_name,      // and the listener serves no default
  no_application_protocol,  // ALPN without a protocol of ours
  client_alert,             // the client gave up with an alert: it may not trust our certificate
  closed,                   // the client went away in the middle
  other,
};
template <>
inline constexpr std::array words<handshake_result>{
    std::string_view("ok"),
    std::string_view("timed_out"),
    std::string_view("not_tls"),
    std::string_view("no_certificate"),
    std::string_view("certificate_expired"),
    std::string_view("certificate_not_yet_valid"),
    std::string_view("certificate_unknown_ca"),
    std::string_view("certificate_revoked"),
    std::string_view("certificate_crl"),
    std::string_view("certificate_purpose"),
    std::string_view("certificate_not_allowed"),
    std::string_view("certificate_other"),
    std::string_view("protocol_version"),
    std::string_view("no_shared_cipher"),
    std::string_view("unknown_server_name"),
    std::string_view("no_application_protocol"),
    std::string_view("client_alert"),
    std::string_view("closed"),
    std::string_view("other"),
};

// Who answers: a backend over gRPC, a backend's REST, Sallyport itself (the user calls), or a backend with bytes (protocol connect and
// tcp).
enum class request_kind { grpc, rest, local, tunnel };
template <>
inline constexpr std::array words<request_kind>{std::string_view("grpc"), std::string_view("rest"), std::string_view("local"),
                                                std::string_view("tunnel")};

// Which way the bytes of a tunnel went.
enum class direction { to_backend, to_client };
template <>
inline constexpr std::array words<direction>{std::string_view("to_backend"), std::string_view("to_client")};

// What the client got; `error`: an answer of the backend that is an error, or a fault that has no word of its own here.
enum class request_outcome {
  ok,
  error,
  unauthenticated,
  permission_denied,
  unavailable,
  unimplemented,
  resource_exhausted,
  cancelled,       // by the client, or it went away
  refused_stream,  // REFUSED_STREAM: clients repeat it
  bad_request,     // malformed, or not of this port
  other,
};
template <>
inline constexpr std::array words<request_outcome>{
    std::string_view("ok"),
    std::string_view("error"),
    std::string_view("unauthenticated"),
    std::string_view("permission_denied"),
    std::string_view("unavailable"),
    std::string_view("unimplemented"),
    std::string_view("resource_exhausted"),
    std::string_view("cancelled"),
    std::string_view("refused_stream"),
    std::string_view("bad_request"),
    std::string_view("other"),
};

// How door 2 came to its verdict.
enum class auth_check {
  memo,         // the connection's last token: passed
  cache,        // the worker's verified tokens: passed
  certificate,  // a user's name in a client certificate: passed
  hashed,       // hashed, and right
  negative,     // hashed lately, and known to be wrong
  refused,      // malformed, or hashed and wrong
  queue_full,   // auth.hash_queue
};
template <>
inline constexpr std::array words<auth_check>{
    std::string_view("memo"),     std::string_view("cache"),   std::string_view("certificate"), std::string_view("hashed"),
    std::string_view("negative"), std::string_view("refused"), std::string_view("queue_full"),
};

// Which limit of HTTP/2 a client ran into.
enum class http2_limit {
  streams,
  streams_refused,
  header_list,
  header_fields,
  continuations,
  header_block,
  resets,
  pings,
  settings,
  empty_data,
  window_updates,
  priority,
  unknown_frames,
  response_stall,
  settings_timeout,
  control_output,
};
template <>
inline constexpr std::array words<http2_limit>{
    std::string_view("streams"),        std::string_view("streams_refused"), std::string_view("header_list"),
    std::string_view("header_fields"),  std::string_view("continuations"),   std::string_view("header_block"),
    std::string_view("resets"),         std::string_view("pings"),           std::string_view("settings"),
    std::string_view("empty_data"),     std::string_view("window_updates"),  std::string_view("priority"),
    std::string_view("unknown_frames"), std::string_view("response_stall"),  std::string_view("settings_timeout"),
    std::string_view("control_output"),
};

// Why a client's connection ended, after door 1.
enum class connection_end {
  client_closed,
  connection_broken,
  protocol_error,
  wrong_protocol,
  write_stalled,
  settings_timeout,
  no_request,
  idle,
  drained,
  drain_timed_out,
  tunnel_ended,  // it had become one, or was one from the start; the log's tunnel_closed says why
  certificate_no_longer_trusted,
  limit,           // one of http2_limit
  head_timed_out,  // HTTP/1.1
  body_too_slow,
  buffers_short,
  refused,     // HTTP/1.1: a refusal was its last answer
  broken_off,  // HTTP/1.1: an answer was, for its backend or its user has gone
  other,
};
template <>
inline constexpr std::array words<connection_end>{
    std::string_view("client_closed"),  std::string_view("connection_broken"),
    std::string_view("protocol_error"), std::string_view("wrong_protocol"),
    std::string_view("write_stalled"),  std::string_view("settings_timeout"),
    std::string_view("no_request"),     std::string_view("idle"),
    std::string_view("drained"),        std::string_view("drain_timed_out"),
    std::string_view("tunnel_ended"),   std::string_view("certificate_no_longer_trusted"),
    std::string_view("limit"),          std::string_view("head_timed_out"),
    std::string_view("body_too_slow"),  std::string_view("buffers_short"),
    std::string_view("refused"),        std::string_view("broken_off"),
    std::string_view("other"),
};

// What came of an attempt to connect to a backend.
enum class connect_result {
  ok,
  refused,
  timed_out,    // the connect's deadline, or the kernel's
  unresolved,   // the name has no address
  unreachable,  // no route to the host or its network
  certificate,  // TLS: the backend's was not good; the log says why
  handshake,    // TLS failed otherwise
  other,
};
template <>
inline constexpr std::array words<connect_result>{
    std::string_view("ok"),          std::string_view("refused"),     std::string_view("timed_out"), std::string_view("unresolved"),
    std::string_view("unreachable"), std::string_view("certificate"), std::string_view("handshake"), std::string_view("other"),
};

// Why a backend's answer failed; upstream::failure has the same words.
enum class upstream_failure { unreachable, no_slot, unprocessed, cancelled, broken, timed_out };
template <>
inline constexpr std::array words<upstream_failure>{
    std::string_view("unreachable"), std::string_view("no_slot"), std::string_view("unprocessed"),
    std::string_view("cancelled"),   std::string_view("broken"),  std::string_view("timed_out"),
};

// Why an address of a backend is not asked for a while, though others are.
enum class ejection {
  connect_failed,
  died_young,         // a connection ended within its first second
  ping_unanswered,    // requests are under way, and nothing has come
  enhance_your_calm,  // the backend's GOAWAY
  broken,             // several requests in a row broke off
  probe_failed,       // backends[].health
};
template <>
inline constexpr std::array words<ejection>{
    std::string_view("connect_failed"),    std::string_view("died_young"), std::string_view("ping_unanswered"),
    std::string_view("enhance_your_calm"), std::string_view("broken"),     std::string_view("probe_failed"),
};

// What came of a request that was sent to a backend a second time.
enum class retry_result {
  answered,     // the head of an answer came
  unprocessed,  // it was not looked at again, or no connection could be made
  failed,
  cancelled,  // the client has gone
};
template <>
inline constexpr std::array words<retry_result>{
    std::string_view("answered"),
    std::string_view("unprocessed"),
    std::string_view("failed"),
    std::string_view("cancelled"),
};

template <class Label>
inline constexpr std::size_t values_of = words<Label>.size();

}  // namespace sallyport::telemetry
