// Several fake backends behind one balancer.
#pragma once

#include "room.hpp"

#include <boost/test/data/test_case.hpp>

#include <memory>
#include <vector>

namespace sallyport::upstream {

// Nothing happens by itself: no probes, and an endpoint that was ejected is tried again after its pause.
inline settings still() {
  settings made;
  made.health.interval = 0ms;
  return made;
}

inline settings narrow(settings made = still()) {
  made.streams_a_connection = 1;
  made.connections = 1;
  return made;
}

struct several : loop {
  std::vector<std::unique_ptr<fake_backend>> backends;

  explicit several(std::size_t n, settings s = still(), std::vector<fake_backend::options> each = {}) {
    each.resize(n);
    for (auto& options : each) {
      backends.push_back(std::make_unique<fake_backend>(std::move(options)));
      s.endpoints.push_back({"127.0.0.1", backends.back()->port()});
    }
    make(std::move(s));
  }

  fake_backend& operator[](std::size_t which) { return *backends[which]; }
  std::size_t seen(std::size_t which) const { return backends[which]->requests().size(); }
  bool call(const std::string& method = "Echo") {
    told who;
    return open(who, method) && until([&] { return who.over(); }) && who.ended;
  }
  // Opened, and seen by a backend.
  void open_and_wait(told& who, const std::string& method, std::size_t which, bool end = false) {
    const auto before = seen(which);
    BOOST_REQUIRE(open(who, method, end));
    BOOST_REQUIRE(until([&] { return seen(which) == before + 1; }));
  }
};

// A backend that does `now` for every method.
inline fake_backend::options always(std::string now) {
  fake_backend::options made;
  made.acts = [now](std::size_t, const std::string&) { return now; };
  return made;
}

// `first` on its first connection, `then` on every other; for the method Turned.
inline fake_backend::options turns(std::string first, std::string then = "Echo") {
  fake_backend::options made;
  made.acts = [first, then](std::size_t connection, const std::string& method) {
    return method == "Turned" ? (connection == 0 ? first : then) : method;
  };
  return made;
}

}  // namespace sallyport::upstream
