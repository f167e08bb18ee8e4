// What most files of the rooms begin with: parsed once in the builds that ask for it (SALLYPORT_PRECOMPILED). The release build does
// without, so that a file which forgets an include of its own does not compile there.
#include <sallyport/core/asio.hpp>
#include <sallyport/core/result.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
