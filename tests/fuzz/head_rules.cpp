// libFuzzer: fields as text (name, a zero byte, value, a zero byte, …) through the rules of heads and trailers. What passes has what the
// doors rely on.
#include "head_rules.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sallyport::http2;
  std::string_view text(reinterpret_cast<const char*>(input), size);
  std::vector<field> fields;
  const auto word = [&text] {
    const auto end = std::min(text.find('\0'), text.size());
    const auto found = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return found;
  };
  while (!text.empty()) {
    const auto name = word();
    fields.push_back(make_field(identify(name), name, word()));
  }
  request_head head;
  if (read_request_head(fields, head) &&
      (head.method.empty() || head.path.empty() || head.scheme.empty() || head.authority.find('@') != std::string_view::npos))
    std::abort();
  response_head answer;
  if (read_response_head(fields, answer) && (answer.status < 100 || answer.status > 999)) std::abort();
  if (trailers_are_valid(fields, true))
    for (const auto& f : fields)
      if (f.name.starts_with(':') || f.id == known::authorization) std::abort();
  return 0;
}
