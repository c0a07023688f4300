"""The monitor: drift on real data, what it finds of growing changes, and how often it cries on quiet days.

``ASSAY_MONITOR_SEEDS`` sample worlds are watched for a month each (2 by default; more than 300 quiet days take
10). ``ASSAY_EVIDENTLY`` is a Python that has evidently (0.7, with pandas 2): its default preset then looks at
the same tables; without it, that is said.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.monitor_changes import changes
from benchmarks.monitor_real import SETS, permuted, real_rows
from benchmarks.monitor_world import Watched, inputs_of, quiet_days, rules_of, watched_world
from models.family import get_family
from models.monitoring.contract import FamilyDay
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.judging import judge
from tasks.monitor_keeping import STEADY

HERE = Path(__file__).parent
SEEDS = int(os.environ.get("ASSAY_MONITOR_SEEDS", "2"))
PERMUTATIONS = 4
EVIDENTLY = os.environ.get("ASSAY_EVIDENTLY", "")


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    rules = rules_of()
    worlds = [watched_world(seed, {"trees": 150}) for seed in range(1, SEEDS + 1)]
    return [*_real(rules), *_found(worlds[:2], rules), *_quiet(worlds, rules), *_quiet_real(rules)]


def _judged(world_options: Any, inputs: DayInputs, rules: Rules) -> FamilyDay:
    return judge(get_family("viral"), world_options, inputs, rules)


def _real(rules: Rules) -> list[dict[str, Any]]:
    """Trained on 2017, fed 2017-18: each feature's shift, and what is said of it."""
    tables = [real_rows(name) for name in SETS]
    if any(table is None for table in tables):
        return [
            _row("drift on YouTube trending", None, None, "", "the data are not on this machine (ASSAY_DATA)")
        ]
    reference, current = tables
    assert reference is not None
    assert current is not None
    family = get_family("viral")
    day = current["taken_at"][-1].as_py().date()
    inputs = DayInputs(day=day, reference=reference, current=current)
    found = _judged(family.options(_settings()), inputs, rules)
    rows = []
    for one in sorted(found.compared, key=lambda each: -each.psi):
        usual = "none" if one.usual is None else f"{one.usual:.2f}"
        said = "drift" if one.drifted else "no drift"
        rows.append(
            _row(f"2017 to 2017-18: psi of {one.name}", one.psi, None, "",
                 f"{said}; usual {usual}, {one.test} {one.statistic:.3g}, p {one.adjusted_p:.1g},"
                 f" missing {one.nulls[0]:.0%} -> {one.nulls[1]:.0%}")
        )  # fmt: skip
    return [*rows, *[_row(f"said: {one.subject}", None, None, "", one.sentence) for one in found.findings]]


def _settings() -> Any:
    from config.settings import load_settings

    return load_settings()


def _found(worlds: list[Watched], rules: Rules) -> list[dict[str, Any]]:
    """Of weeks with a change the share in which it is found, beside evidently's preset."""
    ours: dict[str, list[bool]] = defaultdict(list)
    more: list[int] = []
    theirs: dict[str, list[bool]] = defaultdict(list)
    seconds, judged, said = 0.0, 0, None
    for world in worlds:
        days = range(world.first + rules.window_days, int(world.known.max()) - 1, rules.window_days)
        tables: dict[str, pa.Table] = {}
        for at in days:
            for change in changes():
                inputs = inputs_of(world, at, rules, change.made, seed=at)
                if change.column is None:
                    inputs = dataclasses.replace(inputs, current=inputs_of(world, at, rules).current)
                began = time.perf_counter()
                subjects = {one.subject for one in _judged(world.options, inputs, rules).findings}
                seconds, judged = seconds + time.perf_counter() - began, judged + 1
                ours[change.name].append(change.subject in subjects)
                more.append(len(subjects - {change.subject, "missing like_rate", "feature like_rate"}))
                if change.column is not None:
                    tables[f"{at}|{change.name}|{change.column}"] = _columns(inputs.current, world)
        said = _evidently(_columns(world.reference, world), tables)
        for key, columns in (said or {"drifted": {}})["drifted"].items():
            _, name, column = key.split("|")
            theirs[name].append(column in columns)
    rows = [
        _row(f"found: {change.name}", _share(ours[change.name]), _share(theirs.get(change.name, [])), "",
             f"share of {len(ours[change.name])} weeks; other: {_other(said)}")
        for change in changes()
    ]  # fmt: skip
    rows.append(_row("other findings in a week with a change", float(np.mean(more)), None, "", "mean number"))
    rows.append(
        _row("a family's day", seconds / judged, None, "s", "all checks of viral, 10,000 training rows")
    )
    return rows


def _other(said: dict[str, Any] | None) -> str:
    return "evidently's DataDriftPreset, of that column" if said else "evidently is not here (ASSAY_EVIDENTLY)"


def _columns(rows: pa.Table | None, world: Watched) -> pa.Table:
    watch = get_family("viral").watch
    assert rows is not None
    assert watch is not None
    return watch.features(rows, world.options).append_column("title", rows["title"])


def _evidently(reference: pa.Table, tables: dict[str, pa.Table]) -> dict[str, Any] | None:
    """What its preset says of each table; None: it is not here."""
    if not EVIDENTLY:
        return None
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(reference, f"{folder}/reference.parquet")
        for number, table in enumerate(tables.values()):
            pq.write_table(table, f"{folder}/current_{number:04d}.parquet")
        program = [EVIDENTLY, str(HERE / "monitor_evidently.py"), folder]
        environment = {**os.environ, "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["drifted"] = dict(zip(tables, found["drifted"].values(), strict=True))
    return found


def _quiet(worlds: list[Watched], rules: Rules) -> list[dict[str, Any]]:
    """Days of worlds in which nothing changes."""
    stretches: list[list[set[str]]] = []
    theirs, weeks = [], 0
    said = None
    for world in worlds:
        tables = {}
        stretches.append([])
        for at, inputs in enumerate(quiet_days(world, rules)):
            stretches[-1].append(_subjects(_judged(world.options, inputs, rules)))
            if at % rules.window_days == 0:
                weeks += 1
                tables[f"{at}"] = _columns(inputs.current, world)
        said = _evidently(_columns(world.reference, world), tables)
        theirs += [len(columns) for columns in (said or {"drifted": {}})["drifted"].values()]
    rows = _alarms(f"sample world, {len(worlds)} seeds", stretches, weeks)
    if said:
        rows.append(
            _row("quiet weeks with a column that drifts", None, _share([n > 0 for n in theirs]), "",
                 f"other: evidently's preset, {len(theirs)} weeks, {np.mean(theirs):.1f} columns a week;"
                 f" its import took {said['import']:.1f} s")
        )  # fmt: skip
    return rows


def _quiet_real(rules: Rules) -> list[dict[str, Any]]:
    """Real rows whose days are permuted, so that no week differs from another but by chance."""
    rows = real_rows(SETS[1])
    if rows is None:
        return []
    family = get_family("viral")
    options, weeks = family.options(_settings()), 0
    stretches: list[list[set[str]]] = []
    for seed in range(PERMUTATIONS * max(SEEDS // 2, 1)):
        stretches.append([])
        for at, inputs in enumerate(permuted(rows, rules, seed)):
            stretches[-1].append(_subjects(_judged(options, inputs, rules)))
            weeks += at % rules.window_days == 0
    return _alarms("YouTube 2017-18, days permuted, drift only", stretches, weeks)


def _subjects(judged: FamilyDay) -> set[str]:
    return {f"{one.check}/{one.subject}" for one in judged.findings}


def _alarms(what: str, stretches: list[list[set[str]]], weeks: int) -> list[dict[str, Any]]:
    """Alerts that somebody would have had per 100 days, and days with a finding per 100.

    Intervals: of alerts Garwood's, as if they came one by one; of days that of Clopper and Pearson, also as if
    each week were one trial: the windows of neighbouring days share most of their rows.
    """
    from scipy.stats import chi2
    from statsmodels.stats.proportion import proportion_confint

    days = sum(map(len, stretches))
    told = sum(_opened(each) for each in stretches)
    most = chi2.ppf(0.975, 2 * told + 2) / 2
    bad = sum(bool(found) for each in stretches for found in each)
    _, high = proportion_confint(bad, days, method="beta")
    _, by_week = proportion_confint(round(bad * weeks / days), weeks, method="beta")
    independent = f"95 % up to {100 * high:.2f} if days were independent,"
    return [
        _row(f"false alarms per 100 quiet days: {what}", 100 * told / days, None, "",
             f"findings that began, each alerted once: {told} in {days} days; up to {100 * most / days:.2f}"),
        _row(f"quiet days with a finding per 100: {what}", 100 * bad / days, None, "",
             f"{bad} of {days} days; {independent} {100 * by_week:.1f} if only {weeks} whole weeks are"),
    ]  # fmt: skip


def _opened(days: list[set[str]]) -> int:
    """Findings that begin in days that follow one another, as the monitor keeps them."""
    seen: dict[str, int] = {}
    began = 0
    for day, found in enumerate(days):
        began += sum(day - seen.get(one, -STEADY.days - 1) > STEADY.days for one in found)
        seen |= dict.fromkeys(found, day)
    return began


def _share(found: list[bool]) -> float | None:
    return float(np.mean(found)) if found else None


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    return {"figure": figure, "ours": ours, "other": other, "ratio": None, "unit": unit, "note": note}
