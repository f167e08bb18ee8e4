// SALLYPORT_EXPECT aborts with file and line when a condition does not hold that no outsider can break: a bug of ours.
// It stays on in every build. What an outsider can cause is an error that returns.
#pragma once

namespace sallyport::core {
[[noreturn]] void expectation_failed(const char* condition, const char* file, int line);
}

#define SALLYPORT_EXPECT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::sallyport::core::expectation_failed(#condition, __FILE__, __LINE__))
