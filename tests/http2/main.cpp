#define BOOST_TEST_MODULE http2
#include <boost/test/unit_test.hpp>
