"""What grows with what, of the flows that :mod:`benchmarks.scale_bench` leaves out: the monitor, retention,
backups, erasure, lists ahead, the collection and training of texts and pictures, and work on content.

As there, ``ours`` is the largest size, ``other`` the smallest, and the note has the exponent. Sizes are
smaller: each of them is prepared by the jobs that come before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.database import bench_database, database_environment
from benchmarks.scale_bench import Measured, growth, run_job
from benchmarks.scale_jobs import TEXTS

#: There is no registry, and none that happens to run here is asked.
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class World:
    """Jobs of a family in their order, those of them that are told, and times the demo's rows a day."""

    family: str
    jobs: Sequence[str]
    told: Sequence[str]
    sizes: Sequence[int]


_KEPT = (
    "monitor", "backup", "backup again", "restore", "verify", "retention", "retention of candidates", "forget",
)  # fmt: skip
_LABELLED = ("import", "collect", "build", "train")

WORLDS = (
    World("viral", ("prepare", *_KEPT), _KEPT, (1, 2, 4)),
    World("recommendation", ("prepare", "lists ahead"), ("lists ahead",), (1, 2, 4)),
    *(
        World(family, ("import", "collect the past", "collect", "build", "train"), _LABELLED, (1, 4, 16))
        for family in TEXTS
    ),
    World("face", ("upload", "collect"), ("collect",), (1, 4, 16)),
    *(
        World(family, ("add a gold set", "build", "train"), ("add a gold set", "build", "train"), (1, 4, 16))
        for family in ("face", "imagery")
    ),
    World(
        "ctr", ("fill outcomes", "20 questions about the past"), ("20 questions about the past",), (1, 10, 100)
    ),
    World("content", ("fit", "publish", "work on contents"), ("work on contents",), (1, 4, 16)),
    World("films", ("make a film", "thumbnails"), ("thumbnails",), (10, 40, 160)),
    World("speech", ("make speech", "captions"), ("captions",), (1, 4, 16)),
)


def run() -> list[dict[str, Any]]:
    """All figures; about ten minutes."""
    before = os.getloadavg()[0]
    rows = [row for world in WORLDS for row in growth(world.family, _measured(world))]
    return [_load(before, os.getloadavg()[0]), *rows]


def _load(before: float, after: float) -> dict[str, Any]:
    """Where others worked meanwhile, time by the clock tells little."""
    note = f"load average when it began; {after:.1f} when it ended; {os.cpu_count()} processors"
    return {"figure": "how busy the machine was", "ours": before, "other": None, "ratio": None, "unit": "",
            "note": note}  # fmt: skip


def _measured(world: World) -> Measured:
    found: Measured = {job: {} for job in world.told}
    for size in world.sizes:
        with bench_database() as (_, settings, folder):
            environment = {
                **database_environment(settings),
                "ASSAY_HOME": str(settings.home),
                "MLFLOW_TRACKING_URI": NOBODY,
            }
            for job in world.jobs:
                took: Mapping[str, float] = run_job(
                    job, world.family, size, environment, str(folder), module="scale_flow_jobs"
                )
                if job in found:
                    found[job][size] = dict(took)
    return found
