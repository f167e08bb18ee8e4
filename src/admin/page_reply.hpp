// From the head of a request to the bytes of its answer. Pure functions of what the status source says; for the page's thread.
#pragma once

#include <sallyport/admin/page.hpp>

#include <string>
#include <string_view>

namespace sallyport::admin {

struct page_reply {
  std::string text;    // the whole answer, head and body
  bool close = false;  // the connection ends after it
};

// `head`: a whole one, with the empty line at its end.
page_reply reply_to(std::string_view head, status_source& about);

// For a head that did not become whole.
page_reply head_too_large();
page_reply head_too_slow();

}  // namespace sallyport::admin
