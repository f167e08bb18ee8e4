// A secret leaves nothing behind: not in what it was moved from, not in the memory that is given back. Memory is looked at where it is
// given back: in the operator delete of this program, or in the hook that a sanitizer with operators of its own offers instead.
#include <sallyport/core/secret.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

namespace {

// One block of memory that the test waits for.
const char* watched = nullptr;
std::size_t watched_bytes = 0;
int seen_clean = 0, seen_dirty = 0;

void look(const volatile void* block) {
  if (!block || block != watched) return;
  bool clean = true;
  for (std::size_t i = 0; i < watched_bytes; ++i) clean = clean && static_cast<const volatile char*>(block)[i] == 0;
  ++(clean ? seen_clean : seen_dirty);
  watched = nullptr;
}

}  // namespace

// Weak: a sanitizer that is linked in has its own.
[[gnu::weak]] void* operator new(std::size_t bytes) {
  if (void* const block = std::malloc(bytes ? bytes : 1)) return block;
  throw std::bad_alloc();
}
[[gnu::weak]] void operator delete(void* block) noexcept {
  look(block);
  std::free(block);
}
[[gnu::weak]] void operator delete(void* block, std::size_t) noexcept {
  look(block);
  std::free(block);
}
extern "C" [[gnu::weak]] int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, std::size_t),
                                                                       void (*freed)(const volatile void*));

namespace sallyport::core::tests {
namespace {

constexpr std::string_view text = "Milvus, and nobody else's business";

void watch(std::string_view where) {
  static const bool hooked = __sanitizer_install_malloc_and_free_hooks &&
                             __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) {}, look) != 0;
  (void)hooked;
  watched = where.data();
  watched_bytes = where.size();
  seen_clean = seen_dirty = 0;
}

BOOST_AUTO_TEST_SUITE(secrets)

BOOST_AUTO_TEST_CASE(the_watch_sees_memory_that_was_not_wiped) {
  auto* const plain = new std::string(text);
  watch(*plain);
  delete plain;
  BOOST_TEST(seen_dirty == 1);
  BOOST_TEST(seen_clean == 0);
}

BOOST_AUTO_TEST_CASE(a_secret_is_wiped_when_it_goes) {
  {
    const secret password(text);
    BOOST_TEST(password.reveal() == text);
    BOOST_TEST(password.size() == text.size());
    watch(password.reveal());
  }
  BOOST_TEST(seen_clean == 1);
  BOOST_TEST(seen_dirty == 0);
}

BOOST_AUTO_TEST_CASE(a_secret_of_any_length_leaves_nothing_where_it_was_moved_from) {
  for (const std::size_t size : {1u, 7u, 15u, 16u, 64u, 4000u}) {
    const std::string words(size, 's');
    secret from{std::string_view(words)};
    const auto* const where = from.reveal().data();
    secret to(std::move(from));
    BOOST_TEST(from.empty());
    BOOST_TEST(from.size() == 0u);
    BOOST_TEST(to.reveal() == words);
    // The bytes themselves were not copied: the object that is left has none of them, not even in itself.
    BOOST_TEST((to.reveal().data() == where));
    char inside[sizeof(secret)];
    std::memcpy(inside, static_cast<const void*>(&from), sizeof from);
    BOOST_TEST((std::search_n(inside, inside + sizeof inside, 4, 's') == inside + sizeof inside));
  }
}

BOOST_AUTO_TEST_CASE(what_is_assigned_over_is_wiped) {
  secret old(text), fresh("new");
  watch(old.reveal());
  old = std::move(fresh);
  BOOST_TEST(seen_clean == 1);
  BOOST_TEST(seen_dirty == 0);
  BOOST_TEST(old.reveal() == "new");
  BOOST_TEST(fresh.empty());
  auto& same = old;
  old = std::move(same);
  BOOST_TEST(old.reveal() == "new");
}

BOOST_AUTO_TEST_CASE(a_copy_is_asked_for_by_name_and_is_its_own) {
  static_assert(!std::is_copy_constructible_v<secret> && !std::is_copy_assignable_v<secret>);
  static_assert(std::is_nothrow_move_constructible_v<secret> && std::is_nothrow_move_assignable_v<secret>);
  secret first(text);
  auto second = first.copy();
  first.wipe();
  BOOST_TEST(first.empty());
  BOOST_TEST(second.reveal() == text);
}

BOOST_AUTO_TEST_CASE(wipe_clears_the_bytes_at_once) {
  secret password(text);
  const auto* const where = password.reveal().data();
  password.wipe();
  BOOST_TEST(password.empty());
  watch({where, text.size()});
  {
    const auto gone = std::move(password);
  }
  BOOST_TEST(seen_clean == 1);
  password.wipe();  // of nothing
  BOOST_TEST(password.empty());
}

BOOST_AUTO_TEST_CASE(a_string_that_held_a_secret_is_wiped_in_its_place) {
  for (const std::size_t size : {4u, 15u, 100u}) {
    std::string held(size, 's');
    const auto* const where = held.data();
    wipe(held);
    BOOST_TEST(held.empty());
    held.resize(size, 'x');
    BOOST_TEST((held.data() == where));
    held.clear();
  }
  auto* const token = new std::string(text);
  watch(*token);
  wipe(*token);
  delete token;
  BOOST_TEST(seen_clean == 1);
  BOOST_TEST(seen_dirty == 0);
  std::string none;
  wipe(none);
  BOOST_TEST(none.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::core::tests
