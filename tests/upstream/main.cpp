#define BOOST_TEST_MODULE upstream
#include "support/watchdog.hpp"

#include <boost/test/unit_test.hpp>
