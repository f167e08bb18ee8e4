// The two tables of RFC 7541 2.3 that a decoder reads from.
#pragma once

#include <sallyport/http2/field.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sallyport::http2 {

inline constexpr std::size_t static_entries = 61;

// 1 to 61.
const field& static_entry(std::size_t index);

// The dynamic table of one decoder. A connection that enters nothing owns no memory for it. Views of an entry live until the next
// `begin_block`, even if it is evicted before: fields of one block come from here and are looked at when the block has been read. What that
// keeps is bounded by what a block may say before it is over its limits, where `drop_views` is called.
class dynamic_table {
 public:
  static constexpr std::size_t max_bytes = 4096;  // SETTINGS_HEADER_TABLE_SIZE, which we leave at its default

  void begin_block();
  void drop_views() { views_live_ = false; }  // nobody looks at this block's fields
  void limit(std::size_t bytes);              // a size update, at most max_bytes
  // What is too large for the table empties it (RFC 7541 4.4). With live views, those of `f` may be of entries of this very table.
  void enter(const field& f);
  std::size_t entries() const { return count_; }
  std::size_t text_bytes() const { return capacity_ + left_behind_bytes_; }
  field at(std::size_t index) const;  // 0: the newest

 private:
  struct entry {
    std::uint32_t at;
    std::uint16_t name_bytes, value_bytes;
    known id;
    std::uint8_t checked;
    std::size_t size() const { return std::size_t{name_bytes} + value_bytes + 32; }  // RFC 7541 4.1
    std::size_t text_bytes() const { return std::size_t{name_bytes} + value_bytes; }
  };

  const entry& oldest() const { return ring_[(newest_ - (count_ - 1)) & (ring_.size() - 1)]; }
  void evict_to(std::size_t bytes);
  void make_room(std::size_t text_bytes);
  void move_to_front(char* of);
  void push(const entry& fresh);

  std::vector<entry> ring_;  // a power of two
  std::size_t newest_ = 0, count_ = 0;
  std::size_t used_ = 0, max_ = max_bytes;
  std::unique_ptr<char[]> text_;
  std::size_t capacity_ = 0, end_ = 0, live_ = 0;     // of text_: the last live_ bytes before end_ are the entries'
  std::vector<std::unique_ptr<char[]>> left_behind_;  // what views of this block may still be of
  std::size_t left_behind_bytes_ = 0;
  bool views_live_ = true;
};

}  // namespace sallyport::http2
