#define BOOST_TEST_MODULE http1
#include <boost/test/unit_test.hpp>
