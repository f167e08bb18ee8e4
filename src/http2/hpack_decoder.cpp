#include "head_rules.hpp"
#include "hpack.hpp"

#include <sallyport/core/expect.hpp>

#include <nghttp2/nghttp2.h>

#include <cstring>

namespace sallyport::http2 {
namespace {

nghttp2_hd_inflater* make_inflater() {
  nghttp2_hd_inflater* made = nullptr;
  SALLYPORT_EXPECT(nghttp2_hd_inflate_new(&made) == 0);
  return made;
}

std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

}  // namespace

hpack_decoder::hpack_decoder() : inflater_(make_inflater(), nghttp2_hd_inflate_del) {}

hpack_decoder::verdict hpack_decoder::decode(core::bytes block, const limits& within, decoded_block& into) {
  into.fields.clear();
  if (into.text.size() < within.header_list_bytes) into.text.resize(within.header_list_bytes);
  auto* at = into.text.data();
  std::size_t list_bytes = 0, count = 0;
  bool fits = true;
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  auto left = block.size();
  for (;;) {
    nghttp2_nv nv{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &nv, &flags, in, left, 1);
    if (used < 0) return verdict::malformed;
    in += used;
    left -= static_cast<std::size_t>(used);
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      // Name, value and 32 (RFC 9113 6.5.2). What is over the limit is inflated, for the table's sake, and not kept.
      list_bytes += nv.namelen + nv.valuelen + 32;
      fits = fits && ++count <= within.header_fields && list_bytes <= within.header_list_bytes;
      if (fits) {
        std::memcpy(at, nv.name, nv.namelen);
        if (nv.valuelen) std::memcpy(at + nv.namelen, nv.value, nv.valuelen);
        const std::string_view name(at, nv.namelen), value(at + nv.namelen, nv.valuelen);
        at += nv.namelen + nv.valuelen;
        into.fields.push_back({name, value, identify(name), (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      } else if (into.fields.size() < within.header_fields + 1 && text_of(nv.name, nv.namelen) == "content-type" &&
                 is_grpc(text_of(nv.value, nv.valuelen))) {
        // Late as it comes, it decides in which protocol's words the refusal is.
        into.fields.push_back(make_field(known::content_type, "content-type", "application/grpc"));
      }
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) {
      nghttp2_hd_inflate_end_headers(inflater_.get());
      return fits ? verdict::ok : verdict::too_large;
    }
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) return verdict::malformed;  // the block ends inside a field
  }
}

}  // namespace sallyport::http2
