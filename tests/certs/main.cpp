#define BOOST_TEST_MODULE certs
#include <boost/test/unit_test.hpp>
