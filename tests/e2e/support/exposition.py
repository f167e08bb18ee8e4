"""Prometheus' text format 0.0.4, read strictly: what is not of the format, or contradicts itself, is an AssertionError with its line."""

import math
import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)\Z|NaN\Z")


class Family:
    def __init__(self, name, help_):
        self.name, self.help, self.type = name, help_, None
        self.samples = {}  # (sample's name, frozenset of label pairs) -> number


def _labels(text: str, line: str):
    """The labels of {…} at the start of `text`, and what comes after it."""
    labels, at = {}, 1
    while text[at] != "}":
        name = _LABEL_NAME.match(text, at)
        assert name and text[name.end():name.end() + 2] == '="', f"no label: {line}"
        value, at = "", name.end() + 2
        while text[at] != '"':
            if text[at] == "\\":
                assert text[at + 1] in '\\"n', f"an escape that there is not: {line}"
                value += "\n" if text[at + 1] == "n" else text[at + 1]
                at += 2
            else:
                value += text[at]
                at += 1
        assert name[0] not in labels, f"a label twice: {line}"
        labels[name[0]] = value
        at += 1
        if text[at] == ",":
            at += 1
    return labels, text[at + 1:]


def _sample(line: str):
    name = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line)
    assert name, f"no sample: {line}"
    rest = line[name.end():]
    labels, rest = _labels(rest, line) if rest.startswith("{") else ({}, rest)
    number = rest[1:]
    assert rest.startswith(" ") and _NUMBER.match(number), f"no number: {line}"
    return name[0], labels, float(number)


def _check_histogram(family: Family):
    series = {}
    for (name, labels), number in family.samples.items():
        plain = frozenset(pair for pair in labels if pair[0] != "le")
        of = series.setdefault(plain, {"buckets": {}})
        kind = name.removeprefix(family.name)
        if kind == "_bucket":
            of["buckets"][float(dict(labels)["le"])] = number
        else:
            assert kind in ("_sum", "_count") and kind not in of, name
            of[kind] = number
    for labels, of in series.items():
        bounds = list(of["buckets"])
        assert bounds == sorted(bounds) and bounds[-1] == math.inf, (family.name, labels, bounds)
        counts = list(of["buckets"].values())
        assert counts == sorted(counts), f"{family.name} {set(labels)}: buckets are not cumulative: {counts}"
        assert counts[-1] == of["_count"], f"{family.name} {set(labels)}: +Inf is {counts[-1]}, count {of['_count']}"
        assert of["_sum"] >= 0 and (of["_sum"] == 0 or of["_count"] > 0), (family.name, labels)


def read(page: str) -> dict:
    """The page's families by name."""
    families, family = {}, None
    assert page.endswith("\n") and "\r" not in page and "\n\n" not in page
    for line in page[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, help_ = line[7:].partition(" ")
            assert _NAME.match(name) and name not in families, f"a family twice: {line}"
            assert re.fullmatch(r"(?:[^\\]|\\[\\n])+", help_), f"no help: {line}"
            family = families[name] = Family(name, help_)
        elif line.startswith("# TYPE "):
            name, _, type_ = line[7:].partition(" ")
            assert family and name == family.name and family.type is None and not family.samples, f"a type out of its place: {line}"
            assert type_ in _TYPES, line
            family.type = type_
        else:
            name, labels, number = _sample(line)
            ends = ("_bucket", "_sum", "_count") if family and family.type == "histogram" else ("",)
            assert family and family.type and name in [family.name + end for end in ends], f"a sample out of its family: {line}"
            assert ("le" in labels) == name.endswith("_bucket"), line
            key = (name, frozenset(labels.items()))
            assert key not in family.samples, f"a sample twice: {line}"
            family.samples[key] = number
    for family in families.values():
        assert family.type and family.samples, f"{family.name} has no type, or no sample"
        if family.type == "counter":
            assert all(number >= 0 for number in family.samples.values()), family.name
        if family.type == "histogram":
            _check_histogram(family)
    return families


def value(families: dict, name: str, **labels) -> float:
    """One sample, or the sum of those that have these labels among others."""
    wanted = set(labels.items())
    found = [number for (_, has), number in families[name].samples.items() if wanted <= has]
    assert found, f"no sample {name} {labels}"
    return sum(found)
