"""What grows with what, of the flows that :mod:`benchmarks.scale_bench` leaves out: the monitor, retention,
backups, lists ahead, and the collection and training of texts and photos.

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


@dataclass(frozen=True)
class World:
    """Jobs of a family in their order, those of them that are told, and times the demo's rows a day."""

    family: str
    jobs: Sequence[str]
    told: Sequence[str]
    sizes: Sequence[int]


WORLDS = (
    World(
        "viral",
        ("prepare", "monitor", "backup", "backup again", "retention"),
        ("monitor", "backup", "backup again", "retention"),
        (1, 2, 4),
    ),
    World("recommendation", ("prepare", "lists ahead"), ("lists ahead",), (1, 2, 4)),
    World(
        "moderation",
        ("import", "collect the past", "collect", "build", "train"),
        ("import", "collect", "build", "train"),
        (1, 4, 16),
    ),
    World("face", ("upload", "collect"), ("collect",), (1, 4, 16)),
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
            environment = {**database_environment(settings), "ASSAY_HOME": str(settings.home)}
            for job in world.jobs:
                took: Mapping[str, float] = run_job(
                    job, world.family, size, environment, str(folder), module="scale_flow_jobs"
                )
                if job in found:
                    found[job][size] = dict(took)
    return found
