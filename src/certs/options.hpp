// What may be asked for in a certificate. Pure, any thread.
#pragma once

#include <sallyport/certs/recipe.hpp>

#include <string>
#include <string_view>

namespace sallyport::certs {

// The first thing that cannot be, in a sentence for the operator; empty when all can.
std::string fault_of_options(const recipe& options);

// Its parts, for what else asks for certificates.
std::string fault_of_days(std::string_view which, std::uint32_t days);
std::string fault_of_common_name(std::string_view whose, std::string_view name);
bool is_address(const std::string& text);
bool is_dns_name(std::string_view name);    // a leading "*." is allowed
std::string quoted(std::string_view text);  // what the operator wrote, without what a terminal would obey

}  // namespace sallyport::certs
