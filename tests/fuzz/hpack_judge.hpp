// nghttp2's inflater as another implementation of RFC 7541.
#pragma once

#include "target.hpp"

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

namespace sallyport::fuzz {

struct judged_field {
  std::string name, value;
  bool never_index = false;
};

class hpack_judge {
 public:
  hpack_judge() {
    nghttp2_hd_inflater* made = nullptr;
    demand(nghttp2_hd_inflate_new(&made) == 0, "no memory");
    inflater_.reset(made);
  }
  // What our SETTINGS allow, acknowledged.
  void limit_table(std::size_t bytes) { demand(nghttp2_hd_inflate_change_table_size(inflater_.get(), bytes) == 0, "no memory"); }
  std::size_t table_bytes() const { return nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get()); }

  // False: the block is malformed. A whole block is needed: one that ends inside a field is malformed, too.
  bool read(core::bytes block, std::vector<judged_field>& into) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
    auto left = block.size();
    for (;;) {
      nghttp2_nv field{};
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, in, left, 1);
      if (used < 0) return false;
      in += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        into.push_back({std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                        std::string(reinterpret_cast<const char*>(field.value), field.valuelen),
                        (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      if (flags & NGHTTP2_HD_INFLATE_FINAL) return nghttp2_hd_inflate_end_headers(inflater_.get()) == 0;
      if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) return false;
    }
  }

 private:
  struct remove {
    void operator()(nghttp2_hd_inflater* which) const { nghttp2_hd_inflate_del(which); }
  };
  std::unique_ptr<nghttp2_hd_inflater, remove> inflater_;
};

}  // namespace sallyport::fuzz
