"""The benchmark's own sums, and its refusal to measure a proxy that lets a wrong token pass. Nothing is started here."""
import argparse
import os
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))

import bench  # noqa: E402
import measuring  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
from rows import ROWS  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def record(scenario, proxy, turn, cpu, units=1000, **more):
    return {**measuring.NOTHING, "scenario": scenario, "proxy": proxy, "round": turn, "units": units, "proxy_cpu": cpu, **more}


def row_of(scenario, **how):
    return next(row for row in ROWS if row.scenario == scenario and all(getattr(row, name) == value for name, value in how.items()))


class Sums(unittest.TestCase):
    def computed(self, scenario, records, **how):
        return report.computed(row_of(scenario, **how), records, "sallyport")

    def test_a_ratio_is_the_median_of_the_ratios_round_by_round(self):
        # The machine halves its speed after the first round: the medians' own ratio would be 0.6.
        records = [record("rpc-1x100", "nghttpx", turn, cpu) for turn, cpu in enumerate((0.010, 0.020, 0.020))]
        records += [record("rpc-1x100", "sallyport", turn, cpu) for turn, cpu in enumerate((0.003, 0.006, 0.012))]
        result = self.computed("rpc-1x100", records)
        self.assertAlmostEqual(result["ratio"]["median"], 0.3)
        self.assertAlmostEqual(result["ratio"]["lowest"], 0.3)
        self.assertAlmostEqual(result["ratio"]["highest"], 0.6)
        self.assertAlmostEqual(result["figure"]["median"], 6.0)
        self.assertAlmostEqual(result["peer_figure"]["median"], 20.0)
        self.assertEqual(result["reached"], "yes")

    def test_a_goal_is_missed_reached_or_more(self):
        for cpu, said in ((0.00326, "no"), (0.00324, "yes"), (0.0031, "yes"), (0.0021, "stretch")):
            result = self.computed("rpc-1x100", [record("rpc-1x100", "nghttpx", 0, 0.010), record("rpc-1x100", "sallyport", 0, cpu)])
            self.assertEqual(result["reached"], said)

    def test_a_goal_of_memory_is_the_figure_itself(self):
        for kib, said in ((18.5, "no"), (17.0, "yes"), (14.0, "stretch")):
            result = self.computed("idle", [record("idle", "nginx", 0, 0, figure=20.0), record("idle", "sallyport", 0, 0, figure=kib)])
            self.assertEqual(result["reached"], said)

    def test_a_rival_that_does_better_takes_the_goal_away(self):
        records = [record("hs-resumed", "nginx", 0, 0.10), record("hs-resumed", "sallyport", 0, 0.09)]
        self.assertEqual(self.computed("hs-resumed", records)["reached"], "yes")
        self.assertEqual(self.computed("hs-resumed", records + [record("hs-resumed", "envoy", 0, 0.08)])["reached"], "no")

    def test_latency_is_what_is_added_to_the_same_rounds_without_a_proxy(self):
        records = [record("rpc-1x1-same", "direct", turn, 0, p50_us=base, client_cpu=1) for turn, base in enumerate((10, 20))]
        for name, added in (("nghttpx", 30), ("sallyport", 12)):
            records += [record("rpc-1x1-same", name, turn, 1, p50_us=base + added) for turn, base in enumerate((10, 20))]
        result = self.computed("rpc-1x1-same", records, goal=0.50)
        self.assertEqual((result["peer_figure"]["median"], result["figure"]["median"], result["ratio"]["median"]), (30, 12, 0.4))

    def test_what_failed_is_no_figure(self):
        broken = record("rpc-1x100", "sallyport", 0, 0.001, error="refused")
        result = self.computed("rpc-1x100", [record("rpc-1x100", "nghttpx", 0, 0.010), broken])
        self.assertEqual((result["figure"], result["ratio"], result["reached"], result["errors"]), (None, None, None, ["refused"]))

    def test_half_of_whole_numbers_lies_within_one(self):
        self.assertAlmostEqual(measuring.median_of_whole_numbers([4, 5, 5, 6]), 5.0)
        self.assertAlmostEqual(measuring.median_of_whole_numbers([5, 5, 5, 6]), 5 - 0.5 + 2 / 3)


class Order(unittest.TestCase):
    peers = {"nginx": {"conf": {"h2": "a", "tcp": "b"}}, "nghttpx": {"conf": {"h2": "c"}}, "sallyport": {"conf": {"h2": "d", "tcp": "e"}, "subject": True}}

    def names(self, scenario, rounds):
        return [(turn, name) for _, turn, name in bench.planned([scenario], list(self.peers), self.peers, rounds)]

    def test_proxies_take_turns_and_go_backwards_every_other_round(self):
        self.assertEqual(self.names("rpc-1x100", 2), [(0, "nginx"), (0, "nghttpx"), (0, "sallyport"), (1, "sallyport"), (1, "nghttpx"), (1, "nginx")])

    def test_only_those_that_speak_the_protocol_take_part(self):
        self.assertEqual(self.names("tcp-up-1", 1), [(0, "nginx"), (0, "sallyport")])
        self.assertEqual(self.names("token", 1), [(0, "sallyport")])

    def test_latency_is_measured_without_a_proxy_too(self):
        self.assertEqual(self.names("rpc-1x1-same", 1)[-1], (0, "direct"))


class stub:
    """A proxy or a backend that was never started."""
    port, guarded = 1, False

    def pids(self):
        return []

    def pin(self, cpu):
        pass

    def stop(self):
        pass


class door_2:
    """h2load in front of a proxy: which of the three credentials it lets pass."""

    def __init__(self, *passed):
        self.passed = passed

    def __call__(self, url, c, m, n, request, body, authorization=measuring.AUTHORIZATION, **_):
        ok = n if authorization in self.passed else 0
        return {**measuring.NOTHING, "units": ok, "failed": n - ok, "seconds": 1, **({} if ok else {"error": "refused"})}


class Door2(unittest.TestCase):
    def setUp(self):
        self.bench = measuring.Bench(argparse.Namespace(base_port=21000, no_pin=True, scale=1.0, door2=True, idle_settle=0, proxy_cpu=1, load_cpu=0))
        self.addCleanup(measuring.shutil.rmtree, self.bench.folder)
        self.bench.backend = lambda *_: stub()
        self.bench.proxy = lambda *_, **__: stub()

    def measured(self, scenario, door, **peer):
        self.bench.h2load = door
        return bench.measured(self.bench, scenario, 0, "it", peer)

    def test_no_scenario_with_tokens_measures_a_proxy_that_lets_a_wrong_or_missing_one_pass(self):
        right = measuring.AUTHORIZATION
        tried = 0
        for name, scenario in SCENARIOS.items():
            if scenario.method not in ("rpc", "memory"):
                continue
            tried += 1
            for door, words in ((door_2(right, measuring.WRONG_AUTHORIZATION), "lets a wrong credential pass"),
                                (door_2(right, None), "lets a call without a credential pass")):
                with self.subTest(name):
                    self.assertIn(words, self.measured(name, door, subject=True)["error"])
        self.assertGreater(tried, 9)

    def test_one_that_refuses_both_is_measured(self):
        self.assertNotIn("error", self.measured("rpc-1x100", door_2(measuring.AUTHORIZATION), subject=True))

    def test_one_that_refuses_the_right_credential_is_not(self):
        self.assertEqual(self.measured("rpc-1x100", door_2(), subject=True)["error"], "refused")

    def test_peers_are_not_asked_for_what_they_do_not_do(self):
        self.assertNotIn("error", self.measured("rpc-1x100", door_2(measuring.AUTHORIZATION, measuring.WRONG_AUTHORIZATION, None)))

    def test_a_check_that_finds_nothing_stops_the_run(self):
        self.bench.h2load = door_2(measuring.AUTHORIZATION, measuring.WRONG_AUTHORIZATION)
        self.bench.check_the_check()
        self.bench.h2load = door_2(measuring.AUTHORIZATION)
        self.assertRaisesRegex(RuntimeError, "check of door 2", self.bench.check_the_check)


class Plots(unittest.TestCase):
    def test_axes_points_and_names_are_there(self):
        made = plot.svg("Title", "things", "units", [("one", [(1, 2, 1, 3), (1000, 40, 39, 45)]), ("two", [(1, 1, 1, 1), (1000, 9.5, 9, 10)])])
        tree = xml.etree.ElementTree.fromstring(made)
        texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
        for wanted in ("Title", "things (logarithmic)", "1", "1,000", "40", "9.5", "one", "two", "0"):
            self.assertIn(wanted, texts)
        self.assertEqual(sum(1 for _ in tree.iter("{http://www.w3.org/2000/svg}circle")), 4)
        heights = [float(element.get("cy")) for element in tree.iter("{http://www.w3.org/2000/svg}circle")]
        self.assertLess(heights[1], heights[3])  # 40 stands above 9.5


if __name__ == "__main__":
    unittest.main()
