// A chain under judgement: what the findings are made from.
#pragma once

#include <sallyport/certs/show.hpp>

#include "make.hpp"

#include <ctime>

namespace sallyport::certs {

struct judged_chain {
  std::vector<certificate_handle> certificates;
  std::time_t now = 0;
};

std::vector<finding> findings_of(const judged_chain& chain, const std::vector<shown_certificate>& facts, const show_options& options);

bool is_self_signed(X509* one);  // by its names

}  // namespace sallyport::certs
