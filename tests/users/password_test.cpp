#include "hash_form.hpp"

#include "support/user_store.hpp"

#include <sallyport/users/password.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace sallyport::users {

namespace {

using namespace std::string_literals;

struct vector {
  std::string password;
  std::string_view hash;
  match expected;
};

// Made by the reference implementation of Argon2 (through argon2-cffi 25).
const vector argon2id_vectors[] = {
    {"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", match::yes},
    {"Milvus", "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$nin+1QsTxxTnr6S+6Hl9vyFDUQ659G2uvbyBTkI7bQ8", match::yes},
    {"Milvus", "$argon2id$v=19$m=12288,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$KWghzI/p6LYB+74hHR3jU8FeYApqReylsH1yUR3X49Q", match::yes_outdated},
    {"Milvus", "$argon2id$v=19$m=64,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$fLh8y+NjkqqGq0BCV0PAix5b0r33tlwsmjdzZXzUAVs", match::yes_outdated},
    {"Milvus", "$argon2id$v=19$m=32768,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg$+ogKAYGoTwx4YDCnFu2pAlJxeH57wzPOv0rWzGV/M4M", match::yes},
    {"M\0lvus"s, "$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$UGtTsQQoCLdY+jAWudaoMG0OUPnWVdImNdxleTq8Uwk", match::yes_outdated},
    {std::string(256, 'x'),
     "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY$"
     "idd/YnhSyYzB+Q6E+6ASP5jgr7sKkXyB8ouG6DlSQPF/8MbgWlzkx1uAvJb310HKLiR6nDwhI7u/g3pn0yWO1w",
     match::yes},
    {"Milvus", "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc$Uy6/L5cFeqDy8Eh6mrKIjA", match::yes},
};

// The first seven are the known answers that come with Openwall's crypt_blowfish; all were computed again with Python's bcrypt 5.
const vector bcrypt_vectors[] = {
    {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", match::yes_outdated},
    {"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", match::yes_outdated},
    {"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", match::yes_outdated},
    {"", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", match::yes_outdated},
    {"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", match::yes_outdated},
    {"\xff\xa3"s + "345", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e", match::yes_outdated},
    {std::string(72, '\xaa'), "$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6", match::yes_outdated},
    {"\xd1\x91", "$2a$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu", match::yes_outdated},
    {"Milvus", "$2a$04$/OK.fbVrR/bpIqNJ5ianF.KR5.PHAK3GlP3WDkvsl1WRNCvU7DCVK", match::yes_outdated},
    {"Milvus", "$2b$10$/OK.fbVrR/bpIqNJ5ianF..jB.uwnX7UsFp7xlnBcTTtQ0mWLi5A6", match::yes_outdated},
};

// Openwall's safety measure for $2a$ would make another hash of this password than Go, OpenBSD and Python do.
const vector safety_vector = {"\xff\xa3"s + "34\xff\xff\xff\xa3" + "345", "$2a$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi",
                              match::yes_outdated};

constexpr std::string_view milvus_hash =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$nin+1QsTxxTnr6S+6Hl9vyFDUQ659G2uvbyBTkI7bQ8";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string made(text);
  return made.replace(made.find(from), from.size(), to);
}

std::chrono::duration<double> fastest(const std::function<void()>& work) {
  auto best = std::chrono::duration<double>::max();
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min<std::chrono::duration<double>>(best, std::chrono::steady_clock::now() - start);
  }
  return best;
}

BOOST_AUTO_TEST_SUITE(password)

BOOST_AUTO_TEST_CASE(argon2id_of_other_makers_is_verified) {
  for (const auto& v : argon2id_vectors) {
    BOOST_TEST_CONTEXT(v.hash) {
      BOOST_TEST(is_known_hash(v.hash));
      BOOST_TEST(verify_password(v.password, v.hash) == v.expected);
      BOOST_TEST(verify_password(v.password + "x", v.hash) == match::no);
    }
  }
}

BOOST_AUTO_TEST_CASE(bcrypt_of_other_makers_is_verified_and_outdated) {
  for (const auto& v : bcrypt_vectors) {
    BOOST_TEST_CONTEXT(v.hash) {
      BOOST_TEST(is_known_hash(v.hash));
      BOOST_TEST(verify_password(v.password, v.hash) == v.expected);
      BOOST_TEST(verify_password(v.password + "x", v.hash) == match::no);
      BOOST_TEST(verify_password("other", v.hash) == match::no);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_three_prefixes_of_bcrypt_are_one_algorithm) {
  for (const char* prefix : {"$2a$", "$2b$", "$2y$"})
    BOOST_TEST(verify_password(safety_vector.password, replaced(safety_vector.hash, "$2a$", prefix)) == match::yes_outdated);
  BOOST_TEST(verify_password("x", safety_vector.hash) == match::no);
}

BOOST_AUTO_TEST_CASE(bcrypt_never_compares_only_the_first_72_bytes) {
  const auto& v = bcrypt_vectors[6];
  BOOST_TEST(verify_password(v.password.substr(0, 71), v.hash) == match::no);
  BOOST_TEST(verify_password(v.password, v.hash) == match::yes_outdated);
  for (const std::size_t more : {1, 8, 184}) BOOST_TEST(verify_password(v.password + std::string(more, 'c'), v.hash) == match::no);
}

BOOST_AUTO_TEST_CASE(bcrypt_never_stops_at_a_nul) {
  BOOST_TEST(verify_password("U*U\0"s, bcrypt_vectors[0].hash) == match::no);
  BOOST_TEST(verify_password("U*U\0*"s, bcrypt_vectors[0].hash) == match::no);
  BOOST_TEST(verify_password("\0"s, bcrypt_vectors[3].hash) == match::no);
}

BOOST_AUTO_TEST_CASE(a_salt_with_stray_bits_in_its_last_digit_still_verifies) {
  // '.' and '/' differ in bits that no salt has.
  const auto stray = replaced(bcrypt_vectors[0].hash, "CCC.E5", "CCC/E5");
  BOOST_TEST(verify_password("U*U", stray) == match::yes_outdated);
  BOOST_TEST(verify_password("U*V", stray) == match::no);
}

BOOST_AUTO_TEST_CASE(a_new_hash_is_argon2id_of_19_mib_and_salted) {
  const auto first = hash_password("Milvus"), second = hash_password("Milvus");
  BOOST_TEST(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  BOOST_TEST(first != second);
  BOOST_TEST(verify_password("Milvus", first) == match::yes);
  BOOST_TEST(verify_password("milvus", first) == match::no);
  BOOST_TEST(verify_password("", first) == match::no);
}

BOOST_AUTO_TEST_CASE(a_new_hash_reads_every_byte_of_a_long_password_and_of_one_with_a_nul) {
  const std::string longest = std::string(255, 'p') + "q";
  const auto of_longest = hash_password(longest);
  BOOST_TEST(verify_password(longest, of_longest) == match::yes);
  BOOST_TEST(verify_password(std::string(256, 'p'), of_longest) == match::no);
  const auto of_nul = hash_password("a\0b"s);
  BOOST_TEST(verify_password("a\0b"s, of_nul) == match::yes);
  BOOST_TEST(verify_password("a", of_nul) == match::no);
  BOOST_TEST(verify_password("a\0c"s, of_nul) == match::no);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_hash_or_costs_too_much_is_unknown_and_matches_nothing) {
  const std::string bcrypt(bcrypt_vectors[0].hash);
  const std::string hostile[] = {
      "",
      "U*U",
      "$",
      "$argon2id$",
      "$1$salt$hash",
      "$6$salt$hash",
      "*0",
      replaced(milvus_hash, "argon2id", "argon2i"),
      replaced(milvus_hash, "v=19", "v=16"),
      replaced(milvus_hash, "v=19$", ""),
      replaced(milvus_hash, "m=19456", "m=262145"),      // 256 MiB and a KiB
      replaced(milvus_hash, "m=19456", "m=4294967295"),  // 4 TiB
      replaced(milvus_hash, "m=19456", "m=18446744073709551616"),
      replaced(milvus_hash, "m=19456", "m=-1"),
      replaced(milvus_hash, "m=19456", "m=019456"),
      replaced(milvus_hash, "m=19456", "m=7"),
      replaced(milvus_hash, "t=2", "t=54"),  // a pass more than a GiB in all
      replaced(milvus_hash, "t=2", "t=4294967295"),
      replaced(milvus_hash, "t=2", "t=0"),
      replaced(milvus_hash, "p=1", "p=0"),
      replaced(milvus_hash, "p=1", "p=17"),
      replaced(milvus_hash, "p=1", "p=1,x=1"),
      replaced(milvus_hash, "MDEy", "MDE "),
      replaced(milvus_hash, "MDEyMzQ1Njc4OWFiY2RlZg", "MDEy"),  // a salt of 3 bytes
      replaced(milvus_hash, "nin+1QsTxxTnr6S+6Hl9vyFDUQ659G2uvbyBTkI7bQ8", ""),
      std::string(milvus_hash) + "=",
      std::string(milvus_hash) + "$x",
      std::string(milvus_hash) + std::string(10'000, 'A'),
      std::string(milvus_hash) + "\0"s,
      replaced(bcrypt, "$2a$", "$2x$"),
      replaced(bcrypt, "$05$", "$03$"),
      replaced(bcrypt, "$05$", "$17$"),
      replaced(bcrypt, "$05$", "$31$"),
      replaced(bcrypt, "$05$", "$5a$"),
      replaced(bcrypt, "CCC.E5", "CCC E5"),
      bcrypt.substr(0, 59),
      bcrypt + "x",
      bcrypt.substr(0, 59) + "\0"s,
  };
  for (const auto& hash : hostile) {
    BOOST_TEST_CONTEXT(hash) {
      BOOST_TEST(!is_known_hash(hash));
      BOOST_TEST(verify_password("U*U", hash) == match::no);
      BOOST_TEST(verify_password("Milvus", hash) == match::no);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_limits_of_cost_are_themselves_accepted) {
  BOOST_TEST(is_known_hash(replaced(milvus_hash, "m=19456,t=2", "m=262144,t=4")));
  BOOST_TEST(is_known_hash(replaced(milvus_hash, "t=2", "t=53")));
  BOOST_TEST(is_known_hash(replaced(bcrypt_vectors[0].hash, "$05$", "$16$")));
  BOOST_TEST(is_known_hash(replaced(bcrypt_vectors[0].hash, "$05$", "$04$")));
}

BOOST_AUTO_TEST_CASE(a_hash_that_costs_less_than_a_new_one_is_outdated) {
  const auto with = [](std::string_view cost) { return replaced(milvus_hash, "m=19456,t=2", cost); };
  BOOST_TEST(!is_outdated(milvus_hash));
  BOOST_TEST(!is_outdated(with("m=47104,t=1")));
  BOOST_TEST(!is_outdated(with("m=19456,t=3")));
  BOOST_TEST(is_outdated(with("m=19456,t=1")));
  BOOST_TEST(is_outdated(with("m=19455,t=2")));
  BOOST_TEST(is_outdated(with("m=64,t=10000")));
  BOOST_TEST(is_outdated(bcrypt_vectors[0].hash));
}

BOOST_AUTO_TEST_CASE(the_decoy_costs_what_a_new_hash_costs_and_matches_nobody) {
  BOOST_TEST(decoy_hash().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  BOOST_TEST(&decoy_hash() == &decoy_hash());
  for (const char* guess : {"", "Milvus", "password"}) BOOST_TEST(verify_password(guess, decoy_hash()) == match::no);
}

BOOST_AUTO_TEST_CASE(an_answer_of_no_takes_its_time_even_when_it_is_certain_beforehand) {
  const auto decoy = fastest([] { verify_password("x", decoy_hash()); });
  const auto unreadable = fastest([] { verify_password("x", "not a hash"); });
  BOOST_TEST(unreadable.count() > decoy.count() / 3);
  const auto& slow = bcrypt_vectors[9];
  const auto wrong = fastest([&] { verify_password("x", slow.hash); });
  const auto too_long = fastest([&] { verify_password(std::string(100, 'x'), slow.hash); });
  BOOST_TEST(too_long.count() > wrong.count() / 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace sallyport::users
