#include "first_bytes.hpp"

#include <sallyport/http2/codes.hpp>

#include <algorithm>
#include <cstring>

namespace sallyport::proxy {
namespace {

using namespace std::string_view_literals;
constexpr auto proxy_v1 = "PROXY "sv;
constexpr auto proxy_v2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr char tls_handshake_record = 0x16;  // RFC 8446 5.1

std::string http1_response(std::string_view status, std::string_view text) {
  std::string out = "HTTP/1.1 ";
  out += status;
  out +=
      "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size() + 1) + "\r\n\r\n";
  out += text;
  out += '\n';
  return out;
}

// An empty SETTINGS, then GOAWAY(PROTOCOL_ERROR) with the sentence as debug data (RFC 9113 6.8).
std::string http2_goodbye(std::string_view text) {
  std::string out("\0\0\0\4\0\0\0\0\0", 9);
  const auto length = 8 + text.size();
  out += {static_cast<char>(length >> 16), static_cast<char>(length >> 8), static_cast<char>(length), 7, 0, 0, 0, 0, 0};
  out += std::string("\0\0\0\0\0\0\0\1", 8);
  out += text;
  return out;
}

}  // namespace

opening look_at(core::bytes first) {
  const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
  if (text.empty()) return opening::undecided;
  const auto begins = [text](std::string_view with) { return text.substr(0, with.size()) == with.substr(0, text.size()); };
  for (const auto& [with, kind] :
       {std::pair{http2::client_preface, opening::http2}, {proxy_v1, opening::proxy_header}, {proxy_v2, opening::proxy_header}})
    if (begins(with)) return text.size() < with.size() ? opening::undecided : kind;
  if (text[0] == tls_handshake_record) return opening::tls;
  const auto line = text.starts_with("\r\n") ? text.substr(2) : text;  // RFC 9112 2.2: an empty line before the request's is borne
  return line[0] >= 'A' && line[0] <= 'Z' ? opening::http1 : opening::unknown;
}

std::string_view name_of(opening kind) {
  switch (kind) {
    case opening::undecided: return "undecided";
    case opening::http2: return "http2";
    case opening::http1: return "http1";
    case opening::tls: return "tls";
    case opening::proxy_header: return "proxy_header";
    case opening::unknown: break;
  }
  return "unknown";
}

std::string words_for_plaintext_on_tls(opening kind) {
  constexpr auto text = "this port speaks TLS: connect with https:// (or secure=True)"sv;
  if (kind == opening::http1) return http1_response("400 Bad Request", text);
  if (kind == opening::http2) return http2_goodbye(text);
  return {};
}

}  // namespace sallyport::proxy
