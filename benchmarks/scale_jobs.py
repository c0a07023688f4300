"""One job of one family at one size, in its own process: ``python -m benchmarks.scale_jobs JOB FAMILY SIZE``.

The platform's parts are those that the environment names. Prints one JSON object: ``seconds`` by the clock,
``cpu`` (seconds of processors that the job took, without the start), ``rows`` (that the job worked on) and
``peak_mb`` (resident memory at its highest, that of Python and the libraries included).
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.family import FAMILIES, get_family

AS_OF, DAYS = dt.date(2026, 11, 1), 40
MONTH = "2026-10"
MIDNIGHT = dt.datetime.combine(AS_OF, dt.time(), dt.UTC)
#: The day that is collected alone: the last one, and of labels the last one that has as many as the others.
TEXTS = ("moderation", "sentiment", "topics", "entities")
LAST = dict.fromkeys(TEXTS, AS_OF - dt.timedelta(days=3))
YESTERDAY = AS_OF - dt.timedelta(days=1)
#: At size 1 the worlds are those of the demo, of fewer days.
SEED = 7


def worlds(family: str, size: int) -> list[pa.Table]:
    """The files that a team would import, ``size`` times the demo's rows a day."""
    if family == "viral":
        from demo.world import WorldSize, make_world

        return [make_world(AS_OF, SEED, WorldSize(creators=300 * size, videos_a_day=36 * size, days=DAYS))]
    if family in TEXTS:
        from demo import content_story
        from demo.content_world import ContentSize, last_month, table

        rng, (first, days) = np.random.default_rng([SEED, 30]), last_month(AS_OF)
        make, count = content_story.TEXTS[family]
        return [table(make(rng, getattr(ContentSize(), count) * size), first, days, family, rng)]
    if family == "ctr":
        from demo.ctr_world import CtrSize, make_ctr_world

        grown = CtrSize(creators=80 * size, advertisers=30 * size, clips_a_day=16 * size, days=DAYS)
        return [make_ctr_world(AS_OF, SEED, grown)]
    from demo.recommendation_world import RecommendationSize, make_feed_world

    grown_feed = RecommendationSize(
        users=250 * size, authors=40 * size, videos=300 * size, posts=60 * size, new=30 * size,
        watched=14_000 * size,
    )  # fmt: skip
    world = make_feed_world(MIDNIGHT, SEED, grown_feed)
    return [world.catalogue, world.interactions]


def load(family: str, size: int) -> int:
    """Import the world as a team imports its files; rows that were read."""
    from config.settings import load_settings
    from storage.database import make_engine
    from tasks.importing import import_file

    settings = load_settings()
    engine, rows = make_engine(settings), 0
    for number, table in enumerate(worlds(family, size)):
        path = settings.home / f"{family}-{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        rejects = path.with_suffix(".rejected.csv")
        rows += import_file(
            engine, get_family(family), path, None, as_of=dt.datetime.now(dt.UTC), rejects=rejects
        ).rows
    engine.dispose()
    return rows


def collect_past(family: str, _size: int) -> int:
    """Collect all days but the last."""
    days = (AS_OF - dt.timedelta(days=back) for back in range(DAYS, 0, -1))
    return sum(_collect(family, day) for day in days if day != LAST.get(family, YESTERDAY))


def collect(family: str, _size: int) -> int:
    """Collect one day, as each night does."""
    return _collect(family, LAST.get(family, YESTERDAY))


def _collect(family: str, day: dt.date) -> int:
    from tasks.collection import publish_candidates

    return int(publish_candidates.fn(family, day)["examples"])


def build(family: str, _size: int) -> int:
    """Build the month's verified and full versions."""
    from tasks.datasets import publish_full, publish_verified

    publish_verified.fn(family, MONTH)
    return int(publish_full.fn(family, MONTH)["rows"])


def train(family: str, _size: int) -> int:
    """Read the version, fit and measure a challenger."""
    from tasks.training import Champion, evaluate_both, fit_challenger, load_rows, resolve_dataset

    rows = load_rows.fn(resolve_dataset.fn(family, None), None)
    evaluate_both.fn(family, fit_challenger.fn(family, rows, None), Champion(None, None), rows)
    return sum(rows.counts.values())


def read(family: str, _size: int) -> int:
    """Read every row of the full version."""
    from tasks.platform import platform

    with platform() as parts:
        return sum(batch.num_rows for batch in parts.datasets.batches(parts.datasets.find(f"{family}/full")))


def trending(_family: str, _size: int) -> int:
    """All sums anew over a month of events, and the lists of them."""
    from benchmarks.trending_data import END
    from config.settings import load_settings
    from storage.database import make_engine
    from tasks.trending import refresh

    settings = load_settings()
    engine = make_engine(settings)
    counted = refresh(engine, settings, END, rebuild=True)
    engine.dispose()
    return int(counted["counted"]["events"])


JOBS: dict[str, Callable[[str, int], int]] = {
    "import": load, "collect the past": collect_past, "collect": collect, "build": build, "train": train,
    "read": read, "trending": trending,
}  # fmt: skip


def peak_mb() -> float:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def main(
    job: str, family: str, size: int, jobs: Mapping[str, Callable[[str, int], int]] = JOBS
) -> dict[str, Any]:
    """Run ``job``, one of ``jobs``; see the module."""
    for module in ("importing", "collection", "datasets", "training", "trending"):
        importlib.import_module(f"tasks.{module}")
    get_family(family if family in FAMILIES else "viral")
    began, used = time.perf_counter(), time.process_time()
    rows = jobs[job](family, size)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "rows": rows,
        "peak_mb": peak_mb(),
    }


if __name__ == "__main__":
    name, about, times = sys.argv[1:]
    print(json.dumps(main(name, about, int(times))))
