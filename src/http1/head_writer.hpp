// Start lines and fields, written. What is given was checked by whoever read it; it is checked again, for CR, LF and NUL here would write a
// message of their own.
#pragma once

#include <sallyport/http2/buffer.hpp>
#include <sallyport/http2/field.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace sallyport::http1 {

void write(http2::buffer& out, std::initializer_list<std::string_view> parts);
void write_status_line(http2::buffer& out, std::uint32_t status);
void write_field(http2::buffer& out, std::string_view name, std::string_view value);
void write_length(http2::buffer& out, std::uint64_t length);  // the Content-Length field

// Fields that are this connection's business: they are not passed on, whoever gave them.
bool is_connection_field(http2::known id);
// The value of a list of fields' content-length. False: it is no number, or there are two that differ. -1: there is none.
bool read_announced_length(const std::vector<http2::field>& fields, std::int64_t& length);

}  // namespace sallyport::http1
