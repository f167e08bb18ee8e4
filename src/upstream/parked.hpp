// What a REST request keeps while it waits for a connection.
#pragma once

#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/field.hpp>

#include <vector>

namespace sallyport::upstream {

struct parked {
  parked(const std::vector<http2::field>& head, http2::buffer_pool& pool, bool whole) : fields(head, pool), body(pool), end(whole) {}

  // What came while it waited; all of it is kept.
  std::size_t add(core::bytes payload, bool last) {
    body.append(payload);
    end = end || last;
    return 0;
  }

  http2::stored_fields fields;
  http2::buffer body;
  bool end;
};

}  // namespace sallyport::upstream
