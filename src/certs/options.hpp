// What may be asked for in a certificate. Pure, any thread.
#pragma once

#include <sallyport/certs/recipe.hpp>

#include <string>

namespace sallyport::certs {

// The first thing that cannot be, in a sentence for the operator; empty when all can.
std::string fault_of_options(const recipe& options);

}  // namespace sallyport::certs
