#define BOOST_TEST_MODULE milvus
#include <boost/test/unit_test.hpp>
