// Fields through the rules of heads and trailers. Input: name, a zero byte, value, a zero byte, …
//
// Invariants: what passes has what the doors rely on (head_judge.hpp); nothing with a byte that ends a line passes; a list that is a
// request is no response, and the other way round; trailers that a client may send, a backend may.
#include "head_judge.hpp"

#include <http2/head_rules.hpp>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;

std::vector<field> fields_of(std::string_view text) {
  std::vector<field> fields;
  const auto word = [&text] {
    const auto end = std::min(text.find('\0'), text.size());
    const auto found = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return found;
  };
  while (!text.empty()) {
    const auto name = word();
    fields.push_back(http2::make_field(http2::identify(name), name, word()));
  }
  return fields;
}

void check(core::bytes input) {
  const auto fields = fields_of(text_of(input));
  http2::request_head head;
  const bool request = read_request_head(fields, head);
  if (request) {
    demand_request(head);
    demand(head.grpc == http2::is_grpc(head.content_type), "gRPC or not");
  }
  http2::response_head answer;
  const bool response = read_response_head(fields, answer);
  if (response) demand_response(answer, 100);
  const bool of_client = trailers_are_valid(fields, true), of_backend = trailers_are_valid(fields, false);
  if (of_backend) demand_fields(fields, true);
  for (const auto& f : fields) demand(!of_client || f.name != "authorization", "a credential in trailers");
  demand(!of_client || of_backend, "trailers that only a client may send");
  demand(request + response + of_backend <= 1, "two things at once");
}

}  // namespace

SALLYPORT_FUZZ_TARGET(head_rules, check)
