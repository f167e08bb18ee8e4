"""The tables of a benchmark, in Markdown."""
import statistics
import sys

from scenarios import SCENARIOS, cost


def median_of(records, key):
    return statistics.median([r.get(key, 0) for r in records])


def rate_of(records):
    return statistics.median([r["units"] / r["seconds"] if r["seconds"] else 0 for r in records])


def tables(records, peers, reference=None, out=sys.stdout):
    for scenario in SCENARIOS:
        rows = {}
        for record in records:
            if record["scenario"] == scenario:
                rows.setdefault(record["proxy"], []).append(record)
        if rows:
            table(scenario, rows, peers, reference, out)
    print("\nFigures are medians over the rounds; a ratio is the median of the ratios round by round. `direct` is the CPU time of client and backend "
          "without a proxy.", file=out)


def table(scenario, rows, peers, reference, out):
    unit, what = SCENARIOS[scenario][2:]
    costs = {name: [c for c in map(cost, records) if c is not None] for name, records in rows.items()}
    medians = {name: statistics.median(c) for name, c in costs.items() if c}
    compared = [name for name in medians if name != "direct" and not peers.get(name, {}).get("subject")]
    base = reference if reference in medians else min(compared, key=medians.get, default=None)
    timed = any("p50_us" in r for records in rows.values() for r in records)
    head = ["proxy", unit, "min to max", f"ratio to {base}", "rate/s"] + (["p50 us", "p99 us"] if timed else [])
    head += ["idle CPU ms/s", "RSS at start MiB", "RSS after MiB"] if scenario == "idle" else ["peak RSS MiB"]
    print(f"\n### {scenario}: {what}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head), file=out)
    for name in sorted(rows, key=lambda n: medians.get(n, float("inf"))):
        if name in medians:
            cells = [name] + cells_of(rows[name], costs[name], rows.get(base, []), unit, timed)
        else:
            error = next((r["error"] for r in rows[name] if r.get("error")), "no result")
            cells = [name, "failed: " + " ".join(error.split())[-90:]] + [""] * (len(head) - 2)
        print("| " + " | ".join(cells) + " |", file=out)


def cells_of(records, costs, base_records, unit, timed):
    base = {r["round"]: cost(r) for r in base_records}
    ratios = [cost(r) / base[r["round"]] for r in records if cost(r) is not None and base.get(r["round"])]
    digits = 3 if unit == "s/GiB" else 1
    cells = [f"{statistics.median(costs):.{digits}f}", f"{min(costs):.{digits}f} to {max(costs):.{digits}f}",
             f"{statistics.median(ratios):.2f}" if ratios else "", f"{rate_of(records):.{2 if unit == 's/GiB' else 0}f}"]
    if timed:
        cells += [f"{median_of(records, 'p50_us'):.0f}", f"{median_of(records, 'p99_us'):.0f}"]
    if unit.startswith("KiB"):
        cells += [f"{median_of(records, 'idle_cpu_ms_per_s'):.1f}"]
        cells += [f"{median_of(records, key) / 1024:.1f}" for key in ("rss_before_kib", "rss_after_kib")]
    else:
        cells.append(f"{max(r['peak_kib'] for r in records) / 1024:.1f}")
    failed = sum(r.get("failed", 0) for r in records)
    if failed:
        cells[0] += f" ({failed} failed)"
    return cells
