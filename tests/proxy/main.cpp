#define BOOST_TEST_MODULE proxy
#include "support/watchdog.hpp"

#include <boost/test/unit_test.hpp>
