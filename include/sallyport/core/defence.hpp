// `core::defended("H03")` stands in the condition of a defence, as `core::defended("H03") && ++count > limit`, and is the constant true.
//
// In the one build that has SALLYPORT_DEFENCE_SWITCHES (the asan preset) it is false when the environment says SALLYPORT_WITHOUT=H03: that
// the tests of a defence fail without it is tested there (docs/defences.md). No other build has a switch, or the name of one, in it.
#pragma once

#ifdef SALLYPORT_DEFENCE_SWITCHES
#include <cstdlib>
#include <string_view>
#endif

namespace sallyport::core {

#ifdef SALLYPORT_DEFENCE_SWITCHES
// Any thread: the environment is read once.
inline bool defended(std::string_view which) {
  static const char* const without = std::getenv("SALLYPORT_WITHOUT");
  return !without || which != without;
}
#else
constexpr bool defended(const char*) { return true; }
#endif

}  // namespace sallyport::core
