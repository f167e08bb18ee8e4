"""The tables of a benchmark, in Markdown: the rows with their goals, and each scenario in detail."""
import statistics
import sys

from rows import ROWS
from scenarios import SCENARIOS, cost


def by_proxy(records, scenario):
    """{proxy: {round: record}}"""
    found = {}
    for record in records:
        if record["scenario"] == scenario:
            found.setdefault(record["proxy"], {})[record["round"]] = record
    return found


def spread(values):
    """The median, and lowest and highest where there are several."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "rounds": len(values)} if values else None


def ratios(figures, base):
    """Round by round, so that a machine that slows down slows both."""
    return [figures[turn] / base[turn] for turn in figures if base.get(turn)]


# ------------------------------------------------------------ rows

def computed(row, records, subject):
    """One row as numbers: what `result.json` holds, and what the table shows."""
    found = by_proxy(records, row.scenario)
    direct = found.get("direct", {})
    figures = {name: {turn: row.figure(record, direct.get(turn)) for turn, record in rounds.items()} for name, rounds in found.items() if name != "direct"}
    figures = {name: {turn: value for turn, value in rounds.items() if value is not None} for name, rounds in figures.items()}
    mine, base = figures.get(subject, {}), figures.get(row.peer, {})
    others = {name: spread(ratios(rounds, base)) for name, rounds in figures.items() if name not in (subject, row.peer)}
    result = {"scenario": row.scenario, "work": row.work, "peer": row.peer, "unit": row.unit, "goal": row.goal, "stretch": row.stretch, "not_behind": row.not_behind,
              "goal_is_of": "figure" if row.of_figure else "ratio", "peer_figure": spread(list(base.values())), "figure": spread(list(mine.values())),
              "ratio": spread(ratios(mine, base)), "others": {name: ratio for name, ratio in others.items() if ratio},
              "errors": sorted({r["error"] for r in found.get(subject, {}).values() if r.get("error")})}
    result["reached"] = reached(row, result)
    return result


def reached(row, result):
    judged = result["figure"] if row.of_figure else result["ratio"]
    if row.goal is None or judged is None:
        return None
    rival, got = result["others"].get(row.not_behind), round(judged["median"], 2)  # to what is shown: a round's noise is more
    if got > row.goal or (rival and round(rival["median"], 2) < got):
        return "no"
    return "stretch" if row.stretch is not None and got <= row.stretch else "yes"


def number(value, unit=None):
    digits = 2 if unit in (None, "s/GiB") else 1 if value < 1000 else 0
    return f"{value:.{2 if unit == 'us' and value < 10 else digits}f}"


def shown(measured, unit=None):
    if measured is None:
        return ""
    text = number(measured["median"], unit)
    if measured["rounds"] > 1:
        text += f" ({number(measured['lowest'], unit)} to {number(measured['highest'], unit)})"
    return text


def goal_of(result):
    if result["goal"] is None:
        return ""
    goal = f"{result['goal']:g}" + (f" {result['unit']}" if result["goal_is_of"] == "figure" else "")
    goal += f" ({result['stretch']:g})" if result["stretch"] is not None else ""
    return goal + (f", not behind {result['not_behind']}" if result["not_behind"] in result["others"] else "")


def rows(records, subject):
    measured = {record["scenario"] for record in records}
    return [computed(row, records, subject) for row in ROWS if row.scenario in measured]


def rows_table(results, subject, out=sys.stdout):
    others = sorted({name for result in results for name in result["others"]} | {result["peer"] for result in results if result["peer"]})
    head = ["work", "peer = 1", "its figure", subject or "ours", "ratio", "goal (stretch)", "reached"] + others
    lines = [head, ["---"] * len(head)]
    for result in results:
        unit = result["unit"]
        cells = [result["work"], result["peer"] or "-", shown(result["peer_figure"], unit) + (f" {unit}" if result["peer_figure"] else ""),
                 shown(result["figure"], unit) + (f" {unit}" if result["figure"] else ""), shown(result["ratio"]), goal_of(result),
                 result["reached"] or ("" if result["goal"] is None else "not measured")]
        if result["errors"]:
            cells[3] = "failed: " + " ".join(result["errors"][0].split())[-90:]
        lines.append(cells + ["1" if name == result["peer"] else number(result["others"][name]["median"]) if name in result["others"] else "" for name in others])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("| " + " | ".join(cell.ljust(width, "-" if cell == "---" else " ") for cell, width in zip(line, widths)) + " |", file=out)
    rounds = max((result["figure"]["rounds"] for result in results if result["figure"]), default=0)
    print(f"\nMedians of up to {rounds} rounds, with the lowest and the highest. Figures are CPU time of the proxy for each call, GiB or handshake, but for "
          "latency and memory. A ratio is the median of the ratios round by round; the last columns are the other proxies' ratios to the same peer.", file=out)


# ------------------------------------------------------------ details

def median_of(records, key):
    return statistics.median([r.get(key, 0) for r in records])


def rate_of(records):
    return statistics.median([r["units"] / r["seconds"] if r["seconds"] else 0 for r in records])


def details(records, subject, out=sys.stdout):
    for scenario in SCENARIOS:
        found = by_proxy(records, scenario)
        if found:
            detail(scenario, found, subject, out)
    print("\n`direct` is the CPU time of client and backend together, without a proxy.", file=out)


def detail(scenario, found, subject, out):
    unit, what = SCENARIOS[scenario].unit, SCENARIOS[scenario].what
    figures = {name: {turn: cost(r) for turn, r in rounds.items() if cost(r) is not None} for name, rounds in found.items()}
    medians = {name: statistics.median(rounds.values()) for name, rounds in figures.items() if rounds}
    wanted = next((row.peer for row in ROWS if row.scenario == scenario), None)
    base = wanted if wanted in medians else min((n for n in medians if n not in ("direct", subject)), key=medians.get, default=None)
    timed = any("p50_us" in r for rounds in found.values() for r in rounds.values())
    head = ["proxy", unit, "min to max", f"ratio to {base or '-'}", "rate/s"] + (["p50 us", "p99 us"] if timed else [])
    head += ["idle CPU ms/s", "RSS before MiB", "RSS after MiB"] if unit == "KiB/connection" else ["peak RSS MiB"]
    print(f"\n### {scenario}: {what}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head), file=out)
    for name in sorted(found, key=lambda n: medians.get(n, float("inf"))):
        records = list(found[name].values())
        if name not in medians:
            error = next((r["error"] for r in records if r.get("error")), "no result")
            cells = [name, "failed: " + " ".join(error.split())[-90:]] + [""] * (len(head) - 2)
        else:
            cells = [name] + cells_of(records, figures[name], figures.get(base, {}), unit, timed)
        print("| " + " | ".join(cells) + " |", file=out)


def cells_of(records, figures, base, unit, timed):
    digits = 3 if unit == "s/GiB" else 1
    against, values = ratios(figures, base), figures.values()
    cells = [f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f} to {max(values):.{digits}f}",
             f"{statistics.median(against):.2f}" if against else "", f"{rate_of(records):.{2 if unit == 's/GiB' else 0}f}"]
    if timed:
        cells += [f"{median_of(records, 'p50_us'):.1f}", f"{median_of(records, 'p99_us'):.0f}"]
    if unit == "KiB/connection":
        cells += [f"{median_of(records, 'idle_cpu_ms_per_s'):.1f}"]
        cells += [f"{median_of(records, key) / 1024:.1f}" for key in ("rss_before_kib", "rss_after_kib")]
    else:
        cells.append(f"{max(r['peak_kib'] for r in records) / 1024:.1f}")
    failed = sum(r.get("failed", 0) for r in records)
    if failed:
        cells[0] += f" ({failed} failed)"
    return cells
