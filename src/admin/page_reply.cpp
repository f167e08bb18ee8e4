#include "page_reply.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <sstream>
#include <utility>

namespace sallyport::admin {

namespace {

namespace http = boost::beast::http;

constexpr const char* plain = "text/plain; charset=utf-8";
constexpr const char* exposition = "text/plain; version=0.0.4; charset=utf-8";

struct words {
  http::status status = http::status::ok;
  std::string body;
  const char* type = plain;
};

page_reply said(words what, bool close, bool head_only = false, bool http_1_0 = false) {
  http::response<http::string_body> answer(what.status, http_1_0 ? 10 : 11);
  answer.set(http::field::content_type, what.type);
  answer.set(http::field::cache_control, "no-store");
  if (what.status == http::status::method_not_allowed) answer.set(http::field::allow, "GET, HEAD");
  answer.keep_alive(!close);
  answer.content_length(what.body.size());
  if (!head_only) answer.body() = std::move(what.body);
  std::ostringstream text;
  text << answer;
  return {std::move(text).str(), close};
}

words page_of(std::string_view path, bool reads, status_source& about) {
  const bool known = path == "/metrics" || path == "/livez" || path == "/readyz";
  if (!known) return {http::status::not_found, "not found: there are /metrics, /livez and /readyz\n"};
  if (!reads) return {http::status::method_not_allowed, "only GET and HEAD are served here\n"};
  if (path == "/metrics") return {http::status::ok, about.metrics(), exposition};
  if (path == "/livez") return {http::status::ok, "ok\n"};
  const std::string why = about.why_not_ready();
  if (why.empty()) return {http::status::ok, "ok\n"};
  return {http::status::service_unavailable, why + "\n"};
}

}  // namespace

page_reply reply_to(std::string_view head, status_source& about) {
  http::request_parser<http::empty_body> parser;
  boost::system::error_code ec;
  const std::size_t read = parser.put(boost::asio::buffer(head.data(), head.size()), ec);
  if (ec || !parser.is_header_done() || read != head.size()) return said({http::status::bad_request, "malformed request\n"}, true);
  const auto& request = parser.get();
  if (request.version() != 10 && request.version() != 11)
    return said({http::status::http_version_not_supported, "only HTTP/1.1 is spoken here\n"}, true);
  if (request.version() == 11 && request.count(http::field::host) != 1)  // RFC 9112 3.2
    return said({http::status::bad_request, "a request has one Host field\n"}, true);
  const auto method = request.method();
  const bool reads = method == http::verb::get || method == http::verb::head;
  // A body is never read: what follows the head cannot be the next request then, so the connection ends.
  const bool body = parser.chunked() || parser.content_length().value_or(0) > 0;
  if (reads && body) return said({http::status::bad_request, "a request has no body here\n"}, true);
  const std::string_view target(request.target().data(), request.target().size());
  return said(page_of(target.substr(0, target.find('?')), reads, about), body || !request.keep_alive(), method == http::verb::head,
              request.version() == 10);
}

page_reply head_too_large() { return said({http::status::request_header_fields_too_large, "the head of a request is too large\n"}, true); }
page_reply head_too_slow() { return said({http::status::request_timeout, "the head of a request came too slowly\n"}, true); }

}  // namespace sallyport::admin
