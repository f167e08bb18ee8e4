#include "room.hpp"

#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS true
#endif
#endif
#ifndef POISONS
#define POISONS false
#endif

using namespace sallyport;
using namespace sallyport::tls;
using namespace sallyport::tls::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1024 * 1024;

// A connected pair of each version.
template <class Body>
void for_each_version(material& of, Body body, int buffer = 0) {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    BOOST_TEST_CONTEXT("version " << std::hex << newest) {
      room worker;
      pair ends(worker, of.trust(), {.newest = newest}, buffer);
      ends.connect();
      body(worker, ends, newest);
    }
  }
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(bytes_travel_both_ways_in_the_order_they_were_written, material) {
  for_each_version(*this, [](room& worker, pair& ends, int) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.write("hello ");
    ends.peer.write("world");
    BOOST_REQUIRE(ends.drive([&] { return got.all.size() == 11; }));
    BOOST_TEST(got.all == "hello world");
    BOOST_TEST((ends.server.write(bytes_of("wel")) == progress::done));
    BOOST_TEST((ends.server.write({}) == progress::done));
    BOOST_TEST((ends.server.write(bytes_of("come")) == progress::done));
    BOOST_REQUIRE(ends.drive([&] { return ends.peer.received.size() == 7; }));
    BOOST_TEST(ends.peer.received == "welcome");
  });
}

BOOST_FIXTURE_TEST_CASE(records_that_come_byte_by_byte_are_received, material) {
  for_each_version(*this, [](room& worker, pair& ends, int) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.at_once = 1;
    ends.peer.write("one");
    ends.peer.write("two");
    BOOST_REQUIRE(ends.drive([&] { return got.all.size() == 6; }));
    BOOST_TEST(got.all == "onetwo");
  });
}

BOOST_FIXTURE_TEST_CASE(five_mib_pass_both_ways_at_once_although_the_reader_is_slow, material) {
  for_each_version(
      *this,
      [](room& worker, pair& ends, int) {
        const auto down = pattern(5 * mib, 7), up = pattern(5 * mib, 9);
        collector& got = worker.gather();
        maybe &received = worker.fresh(), &sent = worker.fresh();
        worker.tasks.spawn(receive_all(ends.server, got, received));
        worker.tasks.spawn(send_all(ends.server, down, 300'000, sent));
        ends.peer.at_once = 20'000;
        std::size_t offered = 0;
        BOOST_REQUIRE(ends.where.drive([&] { return sent && got.all.size() == up.size() && ends.peer.received.size() == down.size(); },
                                       [&] {
                                         ends.peer.step();
                                         if (ends.peer.outgoing.size() > 60'000 || offered == up.size()) return;
                                         const auto some = std::string_view(up).substr(offered, 50'000);
                                         ends.peer.write(some);
                                         offered += some.size();
                                       }));
        BOOST_TEST((*sent == progress::done));
        BOOST_TEST((got.all == up));
        BOOST_TEST((ends.peer.received == down));
      },
      16 * 1024);
}

BOOST_FIXTURE_TEST_CASE(one_write_of_five_mib_is_taken_whole_and_kept, material) {
  for_each_version(
      *this,
      [](room& worker, pair& ends, int) {
        const auto down = pattern(5 * mib, 3);
        ends.peer.fetching = false;
        BOOST_TEST((ends.server.write(bytes_of(down)) == progress::blocked));
        BOOST_TEST(ends.server.unsent() > 4 * mib);
        maybe& drained = worker.fresh();
        worker.spawn(ends.server.drained(), drained);
        ends.peer.fetching = true;
        BOOST_REQUIRE(ends.drive([&] { return ends.peer.received.size() == down.size(); }));
        BOOST_TEST((ends.peer.received == down));
        BOOST_REQUIRE(ends.drive([&] { return drained.has_value(); }));
        BOOST_TEST((*drained == progress::done));
        BOOST_TEST(ends.server.unsent() == 0U);
      },
      16 * 1024);
}

BOOST_FIXTURE_TEST_CASE(records_that_arrive_together_are_handed_over_together, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  ends.peer.at_once = 0;
  for (int i = 0; i < 50; ++i) ends.peer.write("record");
  ends.peer.at_once = 1 << 20;
  ends.peer.flush();
  collector& got = worker.gather();
  maybe& received = worker.fresh();
  worker.spawn(ends.server.receive(got), received);
  BOOST_REQUIRE(ends.drive([&] { return received.has_value(); }));
  BOOST_TEST(got.all.size() == 300U);
  BOOST_TEST(got.calls == 1);
}

BOOST_FIXTURE_TEST_CASE(an_end_without_close_notify_is_a_truncation, material) {
  for_each_version(*this, [](room& worker, pair& ends, int) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.write("half of an ans");
    BOOST_REQUIRE(ends.drive([&] { return !got.all.empty(); }));
    ends.peer.half_close();
    BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
    BOOST_TEST(last->error() == errc::truncated);
    BOOST_TEST(ends.server.write(bytes_of("x")).error() == errc::truncated);
  });
}

BOOST_FIXTURE_TEST_CASE(an_end_in_the_middle_of_a_record_is_a_truncation, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  ends.peer.at_once = 0;
  ends.peer.write("never whole");
  ends.peer.outgoing.resize(ends.peer.outgoing.size() - 1);
  ends.peer.at_once = 1 << 20;
  ends.peer.flush();
  ends.peer.half_close();
  BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
  BOOST_TEST(last->error() == errc::truncated);
  BOOST_TEST(got.all == "");
}

BOOST_FIXTURE_TEST_CASE(after_close_notify_the_stream_has_ended_and_can_still_be_written, material) {
  for_each_version(*this, [](room& worker, pair& ends, int newest) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.at_once = 0;
    ends.peer.write("last words");
    SSL_shutdown(ends.peer.ssl());
    ends.peer.at_once = 1 << 20;
    ends.peer.flush();
    ends.peer.half_close();
    BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
    BOOST_TEST((*last == progress::ended));
    BOOST_TEST(got.all == "last words");
    BOOST_TEST((ends.server.write(bytes_of("goodbye")) == progress::done));
    if (newest == TLS1_3_VERSION) {
      BOOST_REQUIRE(ends.drive([&] { return ends.peer.received == "goodbye"; }));
    }
    maybe& again = worker.fresh();
    worker.spawn(ends.server.receive(got), again);
    BOOST_REQUIRE(ends.drive([&] { return again.has_value(); }));
    BOOST_TEST((*again == progress::ended));
  });
}

BOOST_FIXTURE_TEST_CASE(close_says_goodbye_and_the_client_can_still_be_heard, material) {
  for_each_version(*this, [](room& worker, pair& ends, int newest) {
    BOOST_TEST((ends.server.write(bytes_of("the answer")) == progress::done));
    maybe& closed = worker.fresh();
    worker.spawn(ends.server.close(), closed);
    BOOST_REQUIRE(ends.drive([&] { return closed && ends.peer.eof; }));
    BOOST_TEST((*closed == progress::done));
    BOOST_TEST(ends.peer.received == "the answer");
    BOOST_TEST(ends.peer.closed_in_order);
    BOOST_TEST(ends.server.write(bytes_of("x")).error() == asio::error::shut_down);
    if (newest != TLS1_3_VERSION) return;
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    // An answer to this KeyUpdate has nowhere to go, and must not be an error.
    SSL_key_update(ends.peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    ends.peer.write("still here");
    SSL_shutdown(ends.peer.ssl());
    ends.peer.flush();
    BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
    BOOST_TEST((*last == progress::ended));
    BOOST_TEST(got.all == "still here");
  });
}

BOOST_FIXTURE_TEST_CASE(close_flushes_what_is_kept_before_it_says_goodbye, material) {
  room worker;
  pair ends(worker, trust(), {}, 16 * 1024);
  ends.connect();
  const auto down = pattern(mib);
  ends.peer.fetching = false;
  BOOST_TEST((ends.server.write(bytes_of(down)) == progress::blocked));
  maybe &closed = worker.fresh(), &drained = worker.fresh();
  worker.spawn(ends.server.drained(), drained);
  worker.spawn(ends.server.close(), closed);
  worker.drive([] { return true; });
  BOOST_TEST(!closed.has_value());
  ends.peer.fetching = true;
  BOOST_REQUIRE(ends.drive([&] { return closed && drained && ends.peer.eof; }));
  BOOST_TEST((*drained == progress::done));
  BOOST_TEST((ends.peer.received == down));
  BOOST_TEST(ends.peer.closed_in_order);
}

BOOST_FIXTURE_TEST_CASE(abort_ends_every_wait, material) {
  room worker;
  pair ends(worker, trust(), {}, 16 * 1024);
  ends.connect();
  ends.peer.fetching = false;
  BOOST_TEST((ends.server.write(bytes_of(pattern(mib))) == progress::blocked));
  collector& got = worker.gather();
  maybe &received = worker.fresh(), &drained = worker.fresh(), &closed = worker.fresh();
  worker.spawn(ends.server.receive(got), received);
  worker.spawn(ends.server.drained(), drained);
  worker.spawn(ends.server.close(), closed);
  worker.drive([] { return true; });
  BOOST_TEST((!received && !drained && !closed));
  ends.server.abort();
  ends.server.abort();
  BOOST_REQUIRE(worker.drive([&] { return received && drained && closed; }));
  BOOST_TEST(received->error() == asio::error::operation_aborted);
  BOOST_TEST(drained->error() == asio::error::operation_aborted);
  BOOST_TEST(closed->error() == asio::error::operation_aborted);
  BOOST_TEST(ends.server.write(bytes_of("x")).error() == asio::error::operation_aborted);
  BOOST_TEST(ends.server.unsent() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_receiver_may_abort_the_stream_it_is_called_by, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  got.also = [&](core::bytes) { ends.server.abort(); };
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  ends.peer.write("poison");
  BOOST_REQUIRE(worker.drive([&] { return last.has_value(); }));
  BOOST_TEST(last->error() == asio::error::operation_aborted);
  BOOST_TEST(got.calls == 1);
}

BOOST_FIXTURE_TEST_CASE(cancelling_the_task_ends_a_receive, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  maybe& timed = worker.fresh();
  worker.spawn(core::with_deadline(ends.server.receive(got), 10ms), timed);
  BOOST_REQUIRE(worker.drive([&] { return timed.has_value(); }));
  BOOST_TEST(timed->error() == asio::error::timed_out);
  // The stream lives on.
  maybe& last = worker.fresh();
  worker.spawn(ends.server.receive(got), last);
  ends.peer.write("late");
  BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
  BOOST_TEST(got.all == "late");
}

// RFC 8446 4.6.3: the answer comes before the next data, which is when OpenSSL 3.0 sends it.
BOOST_FIXTURE_TEST_CASE(a_key_update_is_answered_before_the_next_data, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  for (const auto* round : {"one", "two"}) {
    got.all.clear();
    ends.peer.received.clear();
    const int before = ends.peer.key_updates;
    SSL_key_update(ends.peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    ends.peer.write(round);
    BOOST_REQUIRE(ends.drive([&] { return got.all == round; }));
    BOOST_TEST((ends.server.write(bytes_of("under new keys")) == progress::done));
    BOOST_REQUIRE(ends.drive([&] { return ends.peer.received == "under new keys"; }));
    BOOST_TEST(ends.peer.key_updates == before + 1);
  }
}

BOOST_FIXTURE_TEST_CASE(what_openssl_answers_while_reading_keeps_its_place_among_bytes_that_wait, material) {
  room worker;
  pair ends(worker, trust(), {.newest = TLS1_2_VERSION}, 16 * 1024);
  ends.connect();
  const auto down = pattern(2 * mib, 1);
  ends.peer.fetching = false;
  BOOST_TEST((ends.server.write(bytes_of(down)) == progress::blocked));
  collector& got = worker.gather();
  maybe &last = worker.fresh(), &drained = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  worker.spawn(ends.server.drained(), drained);
  // Until the kernel's buffers are full, which the first write alone does not achieve.
  std::size_t before = 0;
  int unchanged = 0;
  BOOST_REQUIRE(worker.drive([&] {
    unchanged = std::exchange(before, ends.server.unsent()) == ends.server.unsent() ? unchanged + 1 : 0;
    return unchanged == 50;
  }));
  // A renegotiation is answered with an alert; a client that got it before the last byte of `down` would find a record that does not
  // decrypt.
  SSL_renegotiate(ends.peer.ssl());
  SSL_do_handshake(ends.peer.ssl());
  ends.peer.flush();
  BOOST_REQUIRE(worker.drive([&] { return ends.server.unsent() > before; }));
  ends.peer.fetching = true;
  BOOST_REQUIRE(ends.drive([&] { return drained && ends.peer.alert >= 0; }));
  BOOST_TEST((*drained == progress::done));
  BOOST_TEST((ends.peer.received == down));
  BOOST_TEST(ends.peer.alert == SSL_AD_NO_RENEGOTIATION);
}

BOOST_FIXTURE_TEST_CASE(a_flood_of_key_updates_ends_the_connection, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  for (int i = 0; i < 16; ++i) {
    SSL_key_update(ends.peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    ends.peer.write("k");
    ends.peer.step();
  }
  BOOST_REQUIRE(ends.drive([&] { return got.all.size() == 16; }));
  BOOST_TEST(!last.has_value());
  SSL_key_update(ends.peer.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
  ends.peer.write("k");
  BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
  BOOST_TEST(last->error() == errc::broken);
  BOOST_TEST(ends.server.failure().reason == "too many KeyUpdate or renegotiation messages");
}

BOOST_FIXTURE_TEST_CASE(renegotiation_is_refused, material) {
  room worker;
  pair ends(worker, trust(), {.newest = TLS1_2_VERSION});
  ends.connect();
  collector& got = worker.gather();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  SSL_renegotiate(ends.peer.ssl());
  SSL_do_handshake(ends.peer.ssl());
  BOOST_REQUIRE(ends.drive([&] { return ends.peer.alert >= 0 || last; }));
  BOOST_TEST(ends.peer.alert == SSL_AD_NO_RENEGOTIATION);
  BOOST_TEST(ends.peer.alert_warnings == 1);
}

BOOST_FIXTURE_TEST_CASE(a_record_that_does_not_decrypt_breaks_the_stream, material) {
  for_each_version(*this, [](room& worker, pair& ends, int) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.write("good");
    BOOST_REQUIRE(ends.drive([&] { return got.all == "good"; }));
    ends.peer.at_once = 0;
    ends.peer.write("good too");
    const auto whole = ends.peer.outgoing.size();
    ends.peer.write("bad");
    ends.peer.outgoing[whole + 8] = static_cast<char>(ends.peer.outgoing[whole + 8] ^ 1);
    ends.peer.at_once = 1 << 20;
    ends.peer.flush();
    BOOST_REQUIRE(ends.drive([&] { return last && ends.peer.alert >= 0; }));
    BOOST_TEST(last->error() == errc::broken);
    BOOST_TEST(got.all == "goodgood too");
    BOOST_TEST(ends.peer.alert == SSL_AD_BAD_RECORD_MAC);
    BOOST_TEST(ends.server.failure().reason != "");
    BOOST_TEST(ends.server.write(bytes_of("x")).error() == errc::broken);
  });
}

BOOST_FIXTURE_TEST_CASE(plaintext_in_the_middle_of_a_session_breaks_it, material) {
  for_each_version(*this, [](room& worker, pair& ends, int) {
    collector& got = worker.gather();
    maybe& last = worker.fresh();
    worker.tasks.spawn(receive_all(ends.server, got, last));
    ends.peer.raw("GET / HTTP/1.1\r\n\r\n");
    BOOST_REQUIRE(ends.drive([&] { return last.has_value(); }));
    BOOST_TEST(last->error() == errc::broken);
    BOOST_TEST(got.all == "");
  });
}

BOOST_FIXTURE_TEST_CASE(a_reset_is_the_systems_error, material) {
  room worker;
  pair ends(worker, trust());
  ends.connect();
  collector& got = worker.gather();
  maybe& last = worker.fresh();
  worker.tasks.spawn(receive_all(ends.server, got, last));
  const linger now{1, 0};
  ::setsockopt(ends.peer.descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ends.peer.hang_up();
  BOOST_REQUIRE(worker.drive([&] { return last.has_value(); }));
  BOOST_TEST(last->error() == asio::error::connection_reset);
}

BOOST_FIXTURE_TEST_CASE(sessions_that_share_a_workbench_never_see_each_others_bytes, material) {
  const auto context = trust();
  room worker;
  pair one(worker, context), two(worker, context);
  one.connect();
  two.connect();
  // Each hands what it receives to the other in the very call, as a relay would; so a loan, records and unread ciphertext of the one lie in
  // the workbench while the other works.
  collector &from_one = worker.gather(), &from_two = worker.gather();
  from_one.also = [&](core::bytes some) { BOOST_TEST(two.server.write(some).has_value()); };
  from_two.also = [&](core::bytes some) { BOOST_TEST(one.server.write(some).has_value()); };
  maybe &last_one = worker.fresh(), &last_two = worker.fresh();
  worker.tasks.spawn(receive_all(one.server, from_one, last_one));
  worker.tasks.spawn(receive_all(two.server, from_two, last_two));
  const auto a = pattern(mib, 11), b = pattern(mib, 12);
  one.peer.at_once = 7'001;
  two.peer.at_once = 30'011;
  one.peer.write(a);
  two.peer.write(b);
  BOOST_REQUIRE(worker.drive([&] { return one.peer.received.size() == b.size() && two.peer.received.size() == a.size(); },
                             [&] {
                               one.peer.step();
                               two.peer.step();
                               for (auto* each : {&one.server, &two.server}) {
                                 if (each->unsent() != 0) (void)each->write({});
                               }
                             }));
  BOOST_TEST((from_one.all == a));
  BOOST_TEST((from_two.all == b));
  BOOST_TEST((one.peer.received == b));
  BOOST_TEST((two.peer.received == a));
}

BOOST_FIXTURE_TEST_CASE(a_view_that_was_kept_beyond_the_call_dies_in_the_tests_or_is_overwritten, material) {
  room worker;
  const auto context = trust();
  pair one(worker, context), two(worker, context);
  one.connect();
  two.connect();
  core::bytes kept;
  collector &first = worker.gather(), &second = worker.gather();
  first.also = [&](core::bytes some) { kept = some; };
  maybe &received = worker.fresh(), &other = worker.fresh();
  worker.spawn(one.server.receive(first), received);
  one.peer.write("secret of one");
  BOOST_REQUIRE(worker.drive([&] { return received.has_value(); }));
  worker.spawn(two.server.receive(second), other);
  two.peer.write("secret of two");
  BOOST_REQUIRE(worker.drive([&] { return other.has_value(); }));
  if constexpr (POISONS) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(3);
      ::_exit(kept[0] == std::byte{'s'} ? 41 : 42);
    }
    int status = 0;
    BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
    const bool lived = WIFEXITED(status) && WEXITSTATUS(status) > 2;
    BOOST_TEST(!lived);
  } else {
    // Why it must not be kept: it shows the other client's bytes by now.
    BOOST_TEST(text_of(kept) == "secret of two");
  }
}
