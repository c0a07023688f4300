"""What the experiments' statistics are worth: false alarms under peeking, the price in width, and real data."""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiments_simulation import World, alarms, simulate
from models.experiments.definition import Definition, VariantTally, parse_definition
from models.experiments.report import Report, report
from models.experiments.sample_ratio import sample_ratio

REPEATS, DECISIONS, LOOK = 300, 5000, 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rows() -> list[dict[str, Any]]:
    """All figures; about half a minute."""
    return _peeking() + _power() + _ratio() + _cookie_cats() + _speed()


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = None if unit == "p" or not ours or other is None else round(other / ours, 2)
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}


def _experiment(kind: str = "fixed", names: tuple[str, ...] = ("a", "b"), **changes: Any) -> Definition:
    body = {
        "id": "x",
        "title": "x",
        "variants": [{"name": name} for name in names],
        "planned_decisions": DECISIONS,
    }
    return parse_definition({**body, "policy": {"kind": kind}, **changes})


def _looked(definition: Definition, rates: tuple[float, ...], **world: Any) -> dict[str, np.ndarray]:
    looks = simulate(
        definition, World(rates, **world), repeats=REPEATS, decisions=DECISIONS, look=LOOK, seed=11
    )
    return alarms(definition, looks)


def _peeking() -> list[dict[str, Any]]:
    cases = {
        "fixed split": (_experiment(), {}),
        "Thompson sampling, 1 % floor": (_experiment("thompson"), {}),
        "Thompson sampling while both rates drift by 80 %": (_experiment("thompson"), {"drift": 0.8}),
    }
    note = f"{REPEATS} A/A runs, a look each {LOOK} of {DECISIONS:,} decisions; other: fixed-horizon p < 0.05"
    found, widths = [], 0.0
    for title, (definition, world) in cases.items():
        seen = _looked(definition, (0.1, 0.1), **world)
        first, other = float(seen["sequential"].mean()), float(seen["fixed"].mean())
        found.append(_row(f"false alarms under peeking, {title}", round(first, 3), round(other, 3), "", note))
        widths = widths or float(
            np.mean((seen["high"] - seen["low"]) / (seen["fixed_high"] - seen["fixed_low"]))
        )
    note = "sequential width over fixed-horizon width at the planned size, fixed split: the price of looking"
    return [*found, _row("width of the interval", round(widths, 2), None, "times", note)]


def _power() -> list[dict[str, Any]]:
    found = []
    for title, definition in {
        "fixed split": _experiment(),
        "Thompson, 10 % floor": _experiment(policy={"kind": "thompson", "exploration": 0.1}),
        "Thompson, 1 % floor": _experiment("thompson"),
    }.items():
        seen = _looked(definition, (0.1, 0.16))
        covered = float(((seen["low"] <= 0.06) & (seen["high"] >= 0.06)).mean())
        note = f"0.10 against 0.16 within {DECISIONS:,} decisions; the interval covers in {covered:.1%}"
        found.append(_row(f"effect found, {title}", round(float(seen["sequential"].mean()), 3), None, "", note))
    return found


def _ratio() -> list[dict[str, Any]]:
    found = []
    for counts in ((50_000, 50_000), (51_000, 49_000)):
        p = sample_ratio(
            _experiment(), [VariantTally(name, n, n, n) for name, n in zip("ab", counts, strict=True)]
        )
        note = f"chi-square; valid at every look: {p.sequential_p_value:.2g}; alarm: {p.alarm}"
        found.append(_row(f"sample ratio {counts[0]:,}/{counts[1]:,}", p.p_value, None, "p", note))
    return found


def _cookie_cats() -> list[dict[str, Any]]:
    data = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = data / "experiments" / "cookie_cats.csv.gz"
    if not path.is_file():
        return [_row("cookie_cats", None, None, "", "the data are not on this machine (ASSAY_DATA)")]
    with gzip.open(path, "rt") as file:
        lines = list(csv.DictReader(file))
    found = []
    for day in (1, 7):
        row = _cats(lines, f"retention_{day}")["effects"][0]
        note = (
            f"p at every look; other: p at a fixed horizon. Effect {row['difference']:.2%}, at every look "
            f"[{row['low']:.2%}, {row['high']:.2%}], fixed [{row['fixed_low']:.2%}, {row['fixed_high']:.2%}]"
        )
        found.append(
            _row(f"cookie_cats, day {day}", round(row["p_value"], 4), round(row["fixed_p_value"], 5), "p", note)
        )
    return found


def _cats(lines: list[dict[str, str]], column: str) -> Report:
    definition = _experiment(names=("gate_30", "gate_40"), planned_decisions=90_000)
    tallies = []
    for name in definition.names:
        kept = [line[column] == "TRUE" for line in lines if line["version"] == name]
        n, total = len(kept), float(sum(kept))
        tallies.append(VariantTally(name, n, n, n, 0, total, total))
    return report(definition, tallies, started_at=NOW - timedelta(days=14), now=NOW)


def _speed() -> list[dict[str, Any]]:
    names = tuple(f"v{i}" for i in range(20))
    definition = _experiment("thompson", names, minimum_effect=0.01)
    tallies = [VariantTally(n, 5000, 500, 5000, 0, 500, 500, 1e5, 2e6, 1e4, 2e5, 2e5) for n in definition.names]
    times = []
    for _ in range(6):
        began = time.perf_counter()
        report(definition, tallies, started_at=NOW - timedelta(days=1), now=NOW)
        times.append(time.perf_counter() - began)
    return [_row("a report on 20 variants", round(statistics.median(times[1:]) * 1e3, 1), None, "ms", "")]


if __name__ == "__main__":
    for each in rows():
        print(each)
