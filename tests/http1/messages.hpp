// Random messages from a fixed seed: valid ones, and what becomes of them when bytes are changed.
#pragma once

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace sallyport::http1::tests {

class message_maker {
 public:
  explicit message_maker(std::uint32_t seed) : random_(seed) {}

  std::size_t up_to(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }
  bool chance(std::size_t one_in) { return up_to(one_in - 1) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& from) {
    return from[up_to(from.size() - 1)];
  }

  std::string request() {
    const auto method = one_of<std::string>({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "X-Y"});
    const bool old = chance(6);
    const std::string host = one_of<std::string>({"h", "milvus:19530", "[::1]:8", "a.b-c"});
    std::string target =
        one_of<std::string>({"/", "/v2/vectordb/entities/search", "/a?b=c&d=%20", "/a;b=1/../c", "https://" + host + "/p?q"});
    if (method == "OPTIONS" && chance(2)) target = "*";
    std::string text = method + " " + target + (old ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    std::vector<std::string> lines{"Host: " + host};
    if (old && target[0] == '/' && chance(2)) lines.clear();
    common(lines);
    if (chance(4)) lines.push_back("Expect: 100-continue");
    const auto body = add_body(lines, !old);
    std::shuffle(lines.begin(), lines.end(), random_);
    for (const auto& l : lines) text += l + "\r\n";
    return text + "\r\n" + body;
  }
  std::string response() {
    std::string text = one_of<std::string>({"HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 299 ", "HTTP/1.0 200 OK"}) + "\r\n";
    const bool old = text[7] == '0';
    std::vector<std::string> lines;
    common(lines);
    const auto body = add_body(lines, !old);
    std::shuffle(lines.begin(), lines.end(), random_);
    for (const auto& l : lines) text += l + "\r\n";
    return text + "\r\n" + body;
  }

  // One to three small changes, most of them at the places that matter.
  std::string changed(std::string text) {
    for (auto n = 1 + up_to(2); n > 0 && !text.empty(); --n) {
      auto at = up_to(text.size() - 1);
      if (chance(2)) at = near_line_end(text, at);
      switch (up_to(5)) {
        case 0: text[at] = static_cast<char>(up_to(255)); break;
        case 1: text.erase(at, 1); break;
        case 2:
          text.insert(at, one_of<std::string>({"\r", "\n", "\r\n", " ", "\t", ":", ",", ";", std::string(1, '\0'), "0", "\v", "\x80"}));
          break;
        case 3:
          text.insert(at, one_of<std::string>({"Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Host: x\r\n", " folded\r\n",
                                               "Connection: x\r\n"}));
          break;
        case 4: std::swap(text[at], text[up_to(text.size() - 1)]); break;
        default: repeat_line(text, at);
      }
    }
    return text;
  }

 private:
  void common(std::vector<std::string>& lines) {
    const std::vector<std::string> some{"X-Trace: abc",
                                        "x-empty:",
                                        "Accept:\t*/*  ",
                                        "Cookie: a=b; c=d",
                                        "cookie: e=f",
                                        "Authorization: Bearer root:Milvus",
                                        "Content-Type: application/json",
                                        "Connection: keep-alive",
                                        "Connection: x-trace, close",
                                        "X-Bytes: \x80\xff",
                                        "Keep-Alive: timeout=5",
                                        "User-Agent: curl/7.88.1",
                                        "TE: trailers",
                                        "Upgrade: h2c"};
    for (const auto& line : some)
      if (chance(4)) lines.push_back(line);
  }
  std::string add_body(std::vector<std::string>& lines, bool may_chunk) {
    std::string payload;
    for (auto n = up_to(40); n > 0; --n) payload += one_of<std::string>({"x", "\r\n", "0", "GET / HTTP/1.1\r\n", std::string(1, '\0')});
    if (chance(3)) return {};
    if (!may_chunk || chance(2)) {
      lines.push_back("Content-Length: " + std::to_string(payload.size()));
      return payload;
    }
    lines.push_back(one_of<std::string>({"Transfer-Encoding: chunked", "transfer-encoding:CHUNKED "}));
    std::string coded;
    while (!payload.empty()) {
      const auto n = 1 + up_to(payload.size() - 1);
      char size[24];
      std::snprintf(size, sizeof size, chance(3) ? "%04zX" : "%zx", n);
      coded += size + one_of<std::string>({"", "", ";a", ";a=b;c=\"d;\\\"e\""}) + "\r\n" + payload.substr(0, n) + "\r\n";
      payload.erase(0, n);
    }
    return coded + "0\r\n" + one_of<std::string>({"", "", "X-Sum: 1\r\n"}) + "\r\n";
  }
  static std::size_t near_line_end(const std::string& text, std::size_t at) {
    const auto end = text.find('\r', at);
    return end == text.npos ? at : end;
  }
  static void repeat_line(std::string& text, std::size_t at) {
    const auto end = text.find('\n', at);
    if (end == text.npos) return;
    const auto before = text.rfind('\n', at ? at - 1 : 0);
    const auto begin = before == text.npos || before >= end ? 0 : before + 1;
    text.insert(end + 1, text.substr(begin, end + 1 - begin));
  }

  std::mt19937 random_;
};

}  // namespace sallyport::http1::tests
