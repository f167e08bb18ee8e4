// Lists of fields through one hpack_encoder, read back by nghttp2's inflater and by our own decoder. Input: which table (a byte), then
// steps: 0 a new limit of the peer's table (three bytes); 1 a list: its number of fields, and for each a byte for its name (from the table
// below, or spelt out), a byte whose highest bit is never_index, a length and the value.
//
// Invariants: the same fields in the same order, never_index with them; no more bytes than promised; a block that changes nothing says so;
// the peer's table stays within its limit.
#include "hpack_judge.hpp"

#include <http2/hpack.hpp>

#include <array>

namespace {

using namespace sallyport;
using namespace sallyport::fuzz;
using table = http2::hpack_encoder::table;

constexpr std::array<std::string_view, 24> names{
    ":authority",           ":method",       ":path",          ":scheme",          ":status", "content-type", "user-agent", "te",
    "grpc-accept-encoding", "authorization", "content-length", "cookie",           "date",    "expect",       "host",       "server",
    "grpc-timeout",         "grpc-status",   "trailer",        "x-sallyport-user", "x",       "dbname",       "accept",     ":protocol"};
constexpr std::array<std::string_view, 8> values{"POST", "GET", "/", "https", "200", "application/grpc", "trailers", "404"};

std::vector<http2::field> next_list(source& from) {
  std::vector<http2::field> fields;
  for (auto count = from.number(1) % 16; count > 0; --count) {
    const auto which = from.number(1), how = from.number(1);
    const auto name = which < names.size() ? names[which] : from.text(which % 8);
    const auto value = how & 64 ? values[how % values.size()] : from.text(how & 32 ? from.number(2) : from.number(1));
    auto made = http2::make_field(http2::identify(name), name, value);
    made.never_index = how & 128;
    fields.push_back(made);
  }
  return fields;
}

class line_to_a_peer {
 public:
  explicit line_to_a_peer(table kind) : encoder_(kind) {}

  void limit(std::uint32_t bytes) {
    encoder_.limit_table(bytes);
    judge_.limit_table(bytes);
    limit_ = bytes;
  }
  void pass(const std::vector<http2::field>& fields) {
    const auto block = encode(fields);
    std::vector<judged_field> seen;
    demand(judge_.read(block, seen), "a block that nobody can read");
    if (!changed_) {
      // It may be taken back, or sent twice, and nobody's table is another.
      std::vector<judged_field> again;
      const auto before = judge_.table_bytes();
      demand(judge_.read(block, again) && again.size() == seen.size() && before == judge_.table_bytes(), "a change that was not told");
    }
    demand(seen.size() == fields.size(), "another number of fields");
    for (std::size_t i = 0; i < seen.size(); ++i)
      demand(seen[i].name == fields[i].name && seen[i].value == fields[i].value && seen[i].never_index == fields[i].never_index,
             "another field");
    demand(judge_.table_bytes() <= std::min<std::size_t>(limit_, 4096), "a table over its limit");
    within_.header_list_bytes = 0;  // just enough
    for (const auto& f : fields) within_.header_list_bytes += static_cast<std::uint32_t>(f.name.size() + f.value.size() + 32);
    demand(ours_.decode(block, within_, decoded_) == http2::hpack_decoder::verdict::ok && decoded_.fields.size() == fields.size(),
           "a block that we cannot read ourselves");
    for (std::size_t i = 0; i < fields.size(); ++i)
      demand(decoded_.fields[i].name == fields[i].name && decoded_.fields[i].value == fields[i].value &&
                 decoded_.fields[i].never_index == fields[i].never_index,
             "another field, to ourselves");
  }

 private:
  std::vector<std::byte> encode(const std::vector<http2::field>& fields) {
    std::size_t most = 16;
    for (const auto& f : fields) most += f.name.size() + f.value.size() + 16;
    http2::buffer to(pool_);
    to.append(bytes_of("before"));
    changed_ = encoder_.encode(fields, to);
    demand(text_of(to.view()).starts_with("before") && to.size() - 6 <= most, "more bytes than promised, or over others");
    return loan(to.view().subspan(6));
  }

  http2::buffer_pool pool_;
  http2::hpack_encoder encoder_;
  hpack_judge judge_;
  http2::hpack_decoder ours_;
  http2::decoded_block decoded_;
  http2::limits within_;
  std::size_t limit_ = 4096;
  bool changed_ = false;
};

void check(core::bytes input) {
  source from(input);
  line_to_a_peer line(from.number(1) & 1 ? table::shared : table::none);
  while (!from.empty()) {
    if (from.number(1) % 4 == 0)
      line.limit(from.number(3));
    else
      line.pass(next_list(from));
  }
}

}  // namespace

SALLYPORT_FUZZ_TARGET(hpack_encoder, check)
