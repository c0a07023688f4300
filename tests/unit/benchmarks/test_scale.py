"""What the benchmarks of growth run is there, and how growth is told."""

from __future__ import annotations

import pytest

from benchmarks import scale_bench, scale_jobs
from benchmarks.scale_flow_jobs import FLOW_JOBS
from benchmarks.scale_flows_bench import WORLDS


def test_each_world_runs_jobs_that_there_are_at_three_sizes_and_tells_of_some() -> None:
    for world in WORLDS:
        assert set(world.jobs) <= set(FLOW_JOBS)
        assert set(world.told) <= set(world.jobs)
        assert len(set(world.sizes)) == 3


def test_the_jobs_of_the_older_benchmark_are_there() -> None:
    assert {*scale_bench.JOBS, "collect the past", "trending"} == set(scale_jobs.JOBS)


def test_growth_is_told_as_a_power_of_the_rows() -> None:
    sizes = {1: (100.0, 2.0), 4: (400.0, 4.0), 16: (1600.0, 8.0)}
    by_size = {
        size: {"rows": rows, "cpu": cpu, "seconds": cpu, "peak_mb": 50.0} for size, (rows, cpu) in sizes.items()
    }
    (row,) = scale_bench.growth("viral", {"train": by_size})
    assert (row["ours"], row["other"], row["ratio"]) == (8.0, 2.0, 4.0)
    assert "to the power of 0.50" in row["note"]
    assert "100 rows 2.00 s" in row["note"]


def test_labels_are_collected_of_a_day_that_has_as_many_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    days: list[object] = []
    monkeypatch.setattr(scale_jobs, "_collect", lambda _, day: days.append(day) or 1)
    for family in ("viral", "moderation"):
        days.clear()
        past = scale_jobs.collect_past(family, 1)
        scale_jobs.collect(family, 1)
        assert past == scale_jobs.DAYS - 1
        assert len(set(days)) == scale_jobs.DAYS
        assert max(days[:-1]) <= scale_jobs.YESTERDAY  # type: ignore[type-var]  # dates
