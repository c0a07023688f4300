"""The nightly training on clicks: it waits for data, and learns from the running month."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from demo.ctr_world import CtrSize, make_ctr_world
from models.family import get_family
from registry.registry import Registry
from storage.datasets.repository import DatasetRepository
from tasks.datasets import refresh_dataset
from tasks.importing import import_file
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report

pytestmark = PREFECT_SOCKETS
END = dt.date(2026, 10, 29)
SIZE = CtrSize(creators=25, advertisers=8, clips_a_day=24, days=26)


def retrain(dataset: str | None = None) -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return asyncio.run(flow("ctr", dataset))  # type: ignore[return-value]


def collect(first: dt.date, last: dt.date) -> None:
    from flows.collect import collect_daily

    asyncio.run(collect_daily(date=first, until=last, families=["ctr"]))


def load(engine: Engine, folder: Path, table: pa.Table) -> None:
    path = folder / "counts.parquet"
    pq.write_table(table, path)
    now = dt.datetime.now(dt.UTC)
    import_file(engine, get_family("ctr"), path, None, as_of=now, rejects=folder / "rejected.csv")


def night(day: dt.date) -> dt.datetime:
    """When the training of the night before ``day`` is scheduled."""
    return dt.datetime.combine(day, dt.time(4), dt.UTC)


def test_with_nothing_counted_yet_the_run_waits_and_says_so(
    datasets: DatasetRepository, registry: Registry, report: Report
) -> None:
    summary = retrain()

    assert summary["skipped"]
    assert not summary["promoted"]
    assert registry.versions("ctr") == []
    assert "the heuristic answers" in report("retrain-ctr")


def test_a_night_learns_from_the_days_since_the_last_one(
    datasets: DatasetRepository, registry: Registry, engine: Engine, tmp_path: Path
) -> None:
    world = make_ctr_world(END, 3, SIZE)
    earlier = END - dt.timedelta(days=4)
    known = pc.less(world["started_at"], pa.scalar(night(earlier), world["started_at"].type))
    load(engine, tmp_path, world.filter(known))
    collect(END - dt.timedelta(days=SIZE.days), earlier)
    first = refresh_dataset.fn("ctr", None, night(earlier))
    assert refresh_dataset.fn("ctr", None, night(earlier)) == first, "nothing new is no new version"
    before = datasets.find(str(first))  # now: without a revision a name means the latest one

    load(engine, tmp_path, world)
    collect(earlier, END)
    second = refresh_dataset.fn("ctr", None, night(END))

    after = datasets.find(str(second))
    assert before.period == after.period == "2026-10"
    assert after.rows > before.rows > 0
    summary = retrain(second)
    assert summary["dataset"] == second
    assert summary["promoted"], summary["reason"]
    assert registry.production("ctr") is not None


@pytest.mark.parametrize("family", ["viral", "face"])
def test_a_family_that_learns_monthly_builds_nothing_by_itself(
    family: str, datasets: DatasetRepository
) -> None:
    assert refresh_dataset.fn(family, None, night(END)) is None
    assert datasets.latest(family, "verified") is None
