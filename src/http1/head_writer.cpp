#include "head_writer.hpp"

#include "text.hpp"

#include <sallyport/core/expect.hpp>

#include <charconv>
#include <cstring>

namespace sallyport::http1 {

using http2::known;

namespace {

std::string_view reason_phrase(std::uint32_t status) {
  switch (status) {
    case 100: return "Continue";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";  // RFC 9112 4: it may be empty
  }
}

struct digits {
  char text[20];
  std::size_t length;
  explicit digits(std::uint64_t number) : length(static_cast<std::size_t>(std::to_chars(text, text + sizeof text, number).ptr - text)) {}
  std::string_view view() const { return {text, length}; }
};

}  // namespace

void write(http2::buffer& out, std::initializer_list<std::string_view> parts) {
  std::size_t total = 0;
  for (const auto part : parts) total += part.size();
  auto* at = out.room(total);
  for (const auto part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  out.commit(total);
}

void write_status_line(http2::buffer& out, std::uint32_t status) {
  SALLYPORT_EXPECT(status >= 100 && status <= 999);
  write(out, {"HTTP/1.1 ", digits(status).view(), " ", reason_phrase(status), "\r\n"});
}

void write_field(http2::buffer& out, std::string_view name, std::string_view value) {
  SALLYPORT_EXPECT(is_token(name) && is_field_value(value));
  write(out, {name, ": ", value, "\r\n"});
}

void write_length(http2::buffer& out, std::uint64_t length) { write(out, {"content-length: ", digits(length).view(), "\r\n"}); }

bool is_connection_field(known id) { return (id >= known::connection && id <= known::upgrade) || id == known::te || id == known::trailer; }

bool read_announced_length(const std::vector<http2::field>& fields, std::int64_t& length) {
  length = -1;
  for (const auto& f : fields) {
    if (f.id != known::content_length) continue;
    std::int64_t read = 0;
    if (!read_decimal(f.value, read) || (length >= 0 && length != read)) return false;
    length = read;
  }
  return true;
}

}  // namespace sallyport::http1
