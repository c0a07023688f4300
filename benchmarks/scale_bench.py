"""What grows with what: each job at three sizes, its time and memory, and the exponent of its growth.

``ours`` is the largest size, ``other`` the smallest, ``ratio`` how much more the largest took. The note has the
exponent: 1 is as the rows, below 1 is less, 2 is their square.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
from sqlalchemy import text

from benchmarks.database import bench_database, database_environment
from config.settings import TELEMETRY_OFF
from storage.database import transaction
from storage.objects import open_store

SIZES = (1, 4, 16)
FAMILIES = ("viral", "ctr", "recommendation")
JOBS = ("import", "collect", "build", "train", "read")
EVENTS = (250_000, 1_000_000, 4_000_000)
LONGEST = 1200
#: Tables that hold what is imported of a family.
TABLES = {
    "viral": ("videos", "engagement_snapshots", "creators"),
    "ctr": ("clips", "clip_outcomes"),
    "recommendation": ("items", "events"),
}
Measured = dict[str, dict[int, dict[str, float]]]


def run() -> list[dict[str, Any]]:
    """All figures; about a quarter of an hour."""
    rows = []
    for family in FAMILIES:
        rows += list(growth(family, _measured(family)))
    return [*rows, *growth("events", {"trending": _trending()})]


def _measured(family: str) -> Measured:
    found: Measured = {job: {} for job in (*JOBS, "database", "parquet")}
    for size in SIZES:
        with bench_database() as (engine, settings, folder):
            environment = {**database_environment(settings), "ASSAY_HOME": str(settings.home)}
            for job in ("import", "collect the past", "collect", "build", "train", "read"):
                one = run_job(job, family, size, environment, str(folder))
                if job in found:
                    found[job][size] = one
            rows = found["import"][size]["rows"]
            with transaction(engine) as connection:
                used = sum(int(connection.scalar(text(f"select {_TOTAL[table]}"))) for table in TABLES[family])
            stored = sum(info.size for info in open_store(settings).list(f"datasets/{family}/"))
            found["database"][size] = {"rows": rows, "bytes": used}
            found["parquet"][size] = {"rows": rows, "bytes": stored}
    return found


_TOTAL = {
    **{table: f"pg_total_relation_size('{table}')" for tables in TABLES.values() for table in tables},
    # a partitioned table is its partitions
    "events": "coalesce(sum(pg_total_relation_size(relid)), 0) from pg_partition_tree('events')",
}


def _trending() -> dict[int, dict[str, float]]:
    from benchmarks.trending_data import Month, load, prepare

    found = {}
    for events in EVENTS:
        with bench_database() as (engine, settings, folder):
            prepare(engine)
            month = Month(events)
            load(engine, month, 0, events)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("analyze"))
            environment = {**database_environment(settings), "ASSAY_HOME": str(settings.home)}
            found[events] = run_job("trending", "events", events, environment, str(folder))
    return found


def run_job(
    job: str, family: str, size: int, environment: dict[str, str], folder: str, module: str = "scale_jobs"
) -> dict[str, float]:
    """What a job took, in a process of its own; the server of the database is in ``folder``."""
    command = [sys.executable, "-m", f"benchmarks.{module}", job, family, str(size)]
    before = _postgres_cpu(folder)
    done = subprocess.run(
        command, env={**os.environ, **TELEMETRY_OFF, **environment, "TMPDIR": folder}, check=False,
        capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{job} of {family} at size {size} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "cpu": found["cpu"] + _postgres_cpu(folder) - before}


def _postgres_cpu(folder: str) -> float:
    """Processor seconds that the server in ``folder`` has taken, those of ended connections included."""
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and any(part.startswith(folder) for part in process.cmdline()):
                family = [process, *process.children(recursive=True)]
                ended = process.cpu_times()
                return (
                    sum(sum(one.cpu_times()[:2]) for one in family)
                    + ended.children_user
                    + ended.children_system
                )
        except psutil.NoSuchProcess:
            continue
    return 0.0


def growth(family: str, measured: Measured) -> Iterator[dict[str, Any]]:
    """A row for each job: the largest size beside the smallest, and how it grows."""
    for job, by_size in measured.items():
        sizes = sorted(by_size)
        least, most = by_size[sizes[0]], by_size[sizes[-1]]
        if "bytes" in least:
            yield _row(
                f"{family}, {job}: bytes a row that was imported",
                most["bytes"] / most["rows"], least["bytes"] / least["rows"], "B",
                "; ".join(f"{_short(one['rows'])} rows {one['bytes'] / 1e6:.1f} MB" for one in _each(by_size)),
            )  # fmt: skip
            continue
        yield _row(
            f"{family}, {job}: processor time, PostgreSQL's included",
            most["cpu"], least["cpu"], "s",
            f"grows with the rows to the power of {_exponent(_each(by_size), 'cpu'):.2f}: "
            + "; ".join(
                f"{_short(one['rows'])} rows {one['cpu']:.2f} s ({one['seconds']:.1f} s by the clock),"
                f" {one['peak_mb']:.0f} MB"
                for one in _each(by_size)
            ),
        )  # fmt: skip


def _each(by_size: dict[int, dict[str, float]]) -> list[dict[str, float]]:
    return [by_size[size] for size in sorted(by_size)]


def _exponent(points: list[dict[str, float]], what: str) -> float:
    """The slope from the smallest to the largest size, both in logarithms."""
    first, last = points[0], points[-1]
    return math.log(last[what] / first[what]) / math.log(last["rows"] / first["rows"])


def _short(number: float) -> str:
    return (
        f"{number / 1e6:.1f} M"
        if number >= 1e6
        else f"{number / 1e3:.1f} k"
        if number >= 1e3
        else f"{number:.0f}"
    )


def _row(figure: str, ours: float, other: float, unit: str, note: str) -> dict[str, Any]:
    return {"figure": figure, "ours": ours, "other": other, "ratio": ours / other, "unit": unit, "note": note}
