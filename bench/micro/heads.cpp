// What rewriting a head costs: decoding a pymilvus client's, making the fields for the backend of it, encoding those.
#include "wire.hpp"

#include <http2/hpack.hpp>
#include <proxy/request_rules.hpp>
#include <sallyport/core/expect.hpp>

#include <benchmark/benchmark.h>

namespace sallyport::micro {
namespace {

class rewriter {
 public:
  void decode(std::string_view block) {
    SALLYPORT_EXPECT(decoder_.decode(bytes_of(block), limits_, decoded_) == http2::hpack_decoder::verdict::ok);
  }
  void forward() {
    http2::request_head head;
    head.fields = &decoded_.fields;
    for (const auto& f : decoded_.fields) {
      if (f.id == http2::known::path) head.path = f.value;
      if (f.id == http2::known::authority) head.authority = f.value;
      if (f.id == http2::known::scheme) head.scheme = f.value;
    }
    head.method = "POST";
    head.content_type = "application/grpc";
    proxy::make_forwarded_fields(head, upstream::credentials::strip, forwarded_);
  }
  std::size_t encode() {
    encoder_.encode(forwarded_, out_);
    const auto bytes = out_.size();
    out_.clear();
    return bytes;
  }
  std::size_t fields() const { return forwarded_.size(); }

 private:
  http2::limits limits_;
  http2::buffer_pool pool_;
  http2::decoded_block decoded_;
  http2::hpack_decoder decoder_;
  http2::hpack_encoder encoder_{http2::hpack_encoder::table::shared};
  std::vector<http2::field> forwarded_;
  http2::buffer out_{pool_};
};

enum class steps { decode, all };

void head(benchmark::State& state, const std::string& first, const std::string& block, steps taken) {
  rewriter one;
  one.decode(first);
  for (auto _ : state) {
    one.decode(block);
    if (taken == steps::decode) continue;
    one.forward();
    benchmark::DoNotOptimize(one.encode());
  }
  // All but the credential goes on.
  SALLYPORT_EXPECT(taken == steps::decode || one.fields() == telling.size() + literal.size() - 1);
}
BENCHMARK_CAPTURE(head, indexed_decoded, first_block(), later_block(), steps::decode);
BENCHMARK_CAPTURE(head, indexed_rewritten, first_block(), later_block(), steps::all);
BENCHMARK_CAPTURE(head, literals_decoded, block_of_literals(), block_of_literals(), steps::decode);
BENCHMARK_CAPTURE(head, literals_rewritten, block_of_literals(), block_of_literals(), steps::all);

}  // namespace
}  // namespace sallyport::micro
