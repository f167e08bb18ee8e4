"""The wall check, tried on small trees: what it stops, with which words, and what it lets be."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(ROOT, "cmake", "wall_check.py")
HOUSE = """\
project(house)
# sallyport_room(attic KNOWS core): a comment declares nothing
sallyport_room(core      USES boost)
sallyport_room(telemetry KNOWS core USES spdlog)
sallyport_room(tls       KNOWS core telemetry USES openssl_ssl openssl_crypto)
sallyport_room(http2     KNOWS core)
sallyport_room(milvus    KNOWS core  # http2 is none of its business
                         USES protobuf)
sallyport_room(users     KNOWS core telemetry USES sqlite3 libsodium libcrypt)
sallyport_room(auth      KNOWS core USES openssl_crypto)
sallyport_room(config    KNOWS core USES yaml_cpp)
sallyport_program(app    KNOWS core telemetry tls USES cli11)
"""
# Written in two halves, so that this file holds no key for the check to find.
KEY = "-----BEGIN EC PRIV" + "ATE KEY-----"
BASE64 = "MHcCAQEEIGx" + "0" * 53


class WallCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write("CMakeLists.txt", HOUSE)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def check(self):
        done = subprocess.run([sys.executable, "-B", CHECK, self.root], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr.splitlines()

    def assert_stopped(self, *faults):
        self.assertEqual(self.check(), (1, list(faults)))

    def assert_passes(self):
        self.assertEqual(self.check(), (0, []))

    # ------------------------------------------------------------ rooms

    def test_a_room_may_include_itself_and_what_it_knows(self):
        self.write("src/tls/session.cpp", '#include <sallyport/tls/session.hpp>\n#include <sallyport/core/asio.hpp>\n#include "bio.hpp"\n')
        self.write("include/sallyport/tls/session.hpp", "#include <sallyport/telemetry/log.hpp>\n#include <boost/asio/ip/tcp.hpp>\n#include <vector>\n")
        self.assert_passes()

    def test_an_include_of_a_room_not_known_is_named_with_line_and_advice(self):
        self.write("src/tls/session.cpp", "#include <vector>\n\n#include <sallyport/http2/session.hpp>\n")
        self.assert_stopped("src/tls/session.cpp:3: tls may not know http2 (it knows core, telemetry): pass a value instead")

    def test_quotes_public_headers_and_odd_spacing_are_seen_too(self):
        self.write("src/tls/session.cpp", '  #  include "sallyport/http2/session.hpp"\n')
        self.write("include/sallyport/core/asio.hpp", "#include <sallyport/tls/session.hpp>\n")
        self.assert_stopped("include/sallyport/core/asio.hpp:1: core may not know tls (it knows no other room): pass a value instead",
                            "src/tls/session.cpp:1: tls may not know http2 (it knows core, telemetry): pass a value instead")

    def test_tests_may_know_what_their_room_knows_and_no_more(self):
        self.write("tests/tls/session.cpp", "#include <sallyport/telemetry/log.hpp>\n#include <boost/test/unit_test.hpp>\n#include <openssl/x509.h>\n"
                                            "#include <sallyport/users/store.hpp>\n")
        self.assert_stopped("tests/tls/session.cpp:4: tls may not know users (it knows core, telemetry): pass a value instead")

    def test_shared_test_support_is_judged_by_the_room_whose_test_includes_it(self):
        self.write("tests/support/mint.hpp", '#include "deep.hpp"\n#include <vector>\n')
        self.write("tests/support/deep.hpp", "\n#include <openssl/x509.h>\n")
        self.write("tests/tls/session.cpp", "#include <support/mint.hpp>\n")
        self.assert_passes()
        self.write("tests/http2/session.cpp", "#include <support/mint.hpp>\n")
        self.assert_stopped("tests/support/deep.hpp:2: http2 may not include <openssl/x509.h> (it does not use openssl_crypto): "
                            "ask tls or auth for what you need (included by the tests of http2)")

    def test_a_room_that_is_not_declared_is_refused_as_folder_and_as_include(self):
        self.write("src/attic/box.cpp", "#include <vector>\n")
        self.write("src/tls/session.cpp", "#include <sallyport/attic/box.hpp>\n")
        self.assert_stopped("src/attic/box.cpp:1: attic is no room: declare it in CMakeLists.txt by sallyport_room(attic KNOWS … USES …)",
                            "src/tls/session.cpp:1: tls may not know attic (it knows core, telemetry): there is no room attic")

    def test_a_list_of_rooms_that_cannot_be_read_stops_the_build(self):
        self.write("CMakeLists.txt", "project(house)\n")
        self.assert_stopped("CMakeLists.txt:1: no sallyport_room(NAME KNOWS … USES …) is found here")

    def test_an_include_in_a_comment_counts_for_nothing(self):
        self.write("src/tls/session.cpp", "/*\n#include <sallyport/http2/session.hpp>\n*/\n// #include <nghttp2/nghttp2.h>\n"
                                          "constexpr int limit = 1'000;  // don't\n")
        self.assert_passes()

    def test_a_quote_between_digits_begins_no_literal(self):
        self.write("src/tls/session.cpp", "constexpr int limit = 1'000;  /* don't\n#include <sallyport/http2/session.hpp>\n*/\n")
        self.assert_passes()

    def test_a_word_in_a_comment_of_the_list_of_rooms_opens_nothing(self):
        self.write("src/milvus/x.cpp", "#include <sallyport/http2/session.hpp>\n")
        self.assert_stopped("src/milvus/x.cpp:1: milvus may not know http2 (it knows core): pass a value instead")

    def test_a_comment_that_stands_in_a_literal_hides_nothing(self):
        self.write("src/tls/session.cpp", 'const char* a = "/*";\n#include <sallyport/http2/session.hpp>\nconst char* b = "*/";\n')
        self.assert_stopped("src/tls/session.cpp:2: tls may not know http2 (it knows core, telemetry): pass a value instead")

    def test_leaving_the_folder_upwards_is_refused(self):
        self.write("src/tls/session.cpp", '#include "../http2/frame.hpp"\n')
        self.assert_stopped('src/tls/session.cpp:1: "../http2/frame.hpp" leaves its room: include <sallyport/ROOM/…>, '
                            "or move what both rooms need into a room that both know")

    # ------------------------------------------------------------ libraries

    def test_every_library_is_for_the_rooms_that_use_it(self):
        for header, word, advice in (
                ("sqlite3.h", "sqlite3", "users"), ("sodium.h", "libsodium", "users"),
                ("sodium/utils.h", "libsodium", "users"), ("crypt.h", "libcrypt", "users"), ("yaml-cpp/yaml.h", "yaml_cpp", "config"),
                ("google/protobuf/message.h", "protobuf", "milvus"), ("milvus.pb.h", "protobuf", "milvus"), ("CLI/CLI.hpp", "cli11", "app"),
                ("openssl/evp.h", "openssl_crypto", "tls or auth"), ("openssl/ssl.h", "openssl_ssl", "tls"), ("openssl/tls1.h", "openssl_ssl", "tls")):
            with self.subTest(header=header):
                self.write("src/core/x.cpp", f"#include <{header}>\n")
                self.assert_stopped(f"src/core/x.cpp:1: core may not include <{header}> (it does not use {word}): ask {advice} for what you need")

    def test_the_rooms_that_use_a_library_may_include_it(self):
        self.write("src/tls/x.cpp", "#include <openssl/ssl.h>\n#include <openssl/x509.h>\n")
        self.write("src/auth/x.cpp", "#include <openssl/hmac.h>\n")
        self.write("src/users/x.cpp", "#include <crypt.h>\n#include <sodium.h>\n#include <sqlite3.h>\n")
        self.write("src/milvus/x.cpp", '#include <google/protobuf/message.h>\n#include "milvus.pb.h"\n')
        self.write("src/config/x.cpp", "#include <yaml-cpp/yaml.h>\n")
        self.write("src/app/main.cpp", "#include <CLI/CLI.hpp>\n")
        self.assert_passes()

    def test_a_library_that_judges_is_for_the_tests_alone(self):
        self.write("tests/http2/x.cpp", "#include <nghttp2/nghttp2.h>\n")
        self.assert_passes()
        self.write("src/http2/x.cpp", "#include <nghttp2/nghttp2.h>\n")
        self.assert_stopped("src/http2/x.cpp:1: http2 may not include <nghttp2/nghttp2.h>: nghttp2 judges us in the tests, and no room uses it")

    def test_libcrypto_alone_does_not_open_ssl(self):
        self.write("src/auth/x.cpp", "#include <openssl/ssl.h>\n")
        self.assert_stopped("src/auth/x.cpp:1: auth may not include <openssl/ssl.h> (it does not use openssl_ssl): ask tls for what you need")

    def test_another_room_cannot_be_given_ssl_or_spdlog(self):
        self.write("CMakeLists.txt", HOUSE + "sallyport_room(net KNOWS core USES openssl_ssl spdlog)\n")
        self.assert_stopped("CMakeLists.txt:13: net may not use openssl_ssl: only tls does", "CMakeLists.txt:13: net may not use spdlog: only telemetry does")

    def test_spdlog_stays_in_the_sources_of_telemetry(self):
        advice = "may be included in src/telemetry/*.cpp alone: write to a telemetry::logger"
        self.write("src/telemetry/log.cpp", "#include <spdlog/logger.h>\n#include <fmt/format.h>\n")
        self.assert_passes()
        self.write("include/sallyport/telemetry/log.hpp", "#include <spdlog/spdlog.h>\n")
        self.write("src/telemetry/line.hpp", "#include <fmt/core.h>\n")
        self.write("tests/telemetry/log.cpp", "#include <spdlog/spdlog.h>\n")
        self.write("src/tls/x.cpp", "#include <spdlog/spdlog.h>\n")
        self.assert_stopped(f"include/sallyport/telemetry/log.hpp:1: <spdlog/spdlog.h> {advice}", f"src/telemetry/line.hpp:1: <fmt/core.h> {advice}",
                            f"src/tls/x.cpp:1: <spdlog/spdlog.h> {advice}", f"tests/telemetry/log.cpp:1: <spdlog/spdlog.h> {advice}")

    def test_asio_ssl_is_used_nowhere(self):
        advice = "may not be used: TLS is tls::session, over a BIO of our own"
        self.write("src/tls/x.cpp", "#include <boost/asio/ssl.hpp>\n#include <boost/asio/ssl/stream.hpp>\n#include <boost/asio/io_context.hpp>\n")
        self.write("tests/support/x.hpp", "#include <boost/asio/ssl/context.hpp>\n")
        self.assert_stopped(f"src/tls/x.cpp:1: <boost/asio/ssl.hpp> {advice}", f"src/tls/x.cpp:2: <boost/asio/ssl/stream.hpp> {advice}",
                            f"tests/support/x.hpp:1: <boost/asio/ssl/context.hpp> {advice}")

    # ------------------------------------------------------------ other walls

    def test_co_spawn_stands_in_task_group_alone(self):
        advice = "co_spawn stands in core::task_group alone: spawn the task in a task_group, which awaits its end"
        self.write("src/core/task_group.cpp", "#include <boost/asio/co_spawn.hpp>\nvoid f() { asio::co_spawn(e, t, d); }\n")
        self.write("src/core/other.cpp", '// co_spawn is not used\nconst char* text = "co_spawn";\nint my_co_spawned;\n')
        self.assert_passes()
        self.write("src/core/other.cpp", "\nvoid f() { co_spawn(e, t, d); }\n")
        self.write("tests/core/task.cpp", "#include <boost/asio/co_spawn.hpp>\n")
        self.assert_stopped(f"src/core/other.cpp:2: {advice}", f"tests/core/task.cpp:1: {advice}")

    def test_libraries_are_linked_in_cmake_alone(self):
        advice = "libraries are linked by sallyport_room(… KNOWS … USES …) alone, in cmake/"
        self.write("cmake/room.cmake", "target_link_libraries(a PRIVATE b)\n")
        self.write("CMakeLists.txt", HOUSE + "# target_link_libraries(x)\ntarget_link_libraries(sallyport_tls PRIVATE sallyport_http2)\n")
        self.write("tests/fuzz/CMakeLists.txt", "  LINK_LIBRARIES (a)\n")
        self.assert_stopped(f"CMakeLists.txt:14: {advice}", f"tests/fuzz/CMakeLists.txt:1: {advice}")

    def test_a_private_key_is_found_whatever_its_file_is_called(self):
        self.write("docs/example.md", f"text\n\n{KEY}\n{BASE64}\n")
        self.write("tests/tls/x.cpp", f'\nconst char* k = "{KEY}\\n"\n  "{BASE64}\\n";\n')
        self.write("certs/server.pem", "anything\n")
        advice = "a private key is not committed: make it at run time"
        self.assert_stopped("certs/server.pem:1: keys and certificates are not committed: make them at run time", f"docs/example.md:3: {advice}",
                            f"tests/tls/x.cpp:2: {advice}")

    def test_a_key_that_is_made_at_run_time_or_only_spoken_of_is_no_fault(self):
        self.write(".gitignore", "build/\nbench/certs/\n")
        self.write("build/certs/server.key", f"{KEY}\n{BASE64}\n")
        self.write("bench/certs/server.pem", f"{KEY}\n{BASE64}\n")
        self.write("docs/example.md", f"A key begins with {KEY} and goes on.\n")
        self.assert_passes()

    def test_a_paper_that_is_not_in_the_repository_is_not_named(self):
        # In two halves, as the key is.
        self.write("src/core/x.cpp", "// docs/passage.md 4, docs/defences.md H03: it passes on(3)\n\n// (pass" "age 4)\nint a;  // no (pass" "age\n// 12).\n")
        self.write("tests/e2e/x.py", '"""As milvus-' 'behaviour 2.3 has it."""\n')
        self.write("docs/x.md", "Attacks are many.\nSee att" "acks H03.\n")
        advice = "names a paper that is not in the repository: say docs/passage.md N, docs/defences.md ROW, or where the rule comes from"
        self.assert_stopped(f"docs/x.md:2: {advice}", f"src/core/x.cpp:3: {advice}", f"src/core/x.cpp:4: {advice}", f"tests/e2e/x.py:1: {advice}")

    def test_the_house_itself_keeps_its_rules(self):
        done = subprocess.run([sys.executable, "-B", CHECK, ROOT], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
