// The same for the tests.
#include "precompiled_rooms.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <thread>
