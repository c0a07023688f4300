"""Flows on two worker processes of a real Dask cluster: the same versions and rows as in threads.

The family of photos is here because a day of it depends on the day before.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import ClusterUnavailable
from config.settings import Settings
from registry.registry import Registry
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from tests import photo_world
from tests.dask_cluster import Cluster, cluster
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.trending_world import NOW, event, known, send
from tests.viral_world import QUICK, roles

pytestmark = PREFECT_SOCKETS
FIRST, LAST = dt.date(2026, 10, 3), dt.date(2026, 10, 8)
FAMILIES = ["viral", "ctr", "face"]


@pytest.fixture
def dask(flow_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster with the platform's environment, which flows use from now on."""
    with cluster(tmp_path / "dask", {}) as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        yield running


def collect(**parameters: Any) -> dict[str, Any]:
    from flows.collect import collect_daily

    return asyncio.run(collect_daily(**parameters))


def build(**parameters: Any) -> dict[str, Any]:
    from flows.datasets import build_datasets_monthly

    return asyncio.run(build_datasets_monthly(**parameters))


def manifests(settings: Settings) -> dict[str, bytes]:
    store = open_store(settings)
    return {found.key: store.get(found.key) for found in store.list("metadata/")}


def index(engine: Engine) -> list[tuple[Any, ...]]:
    query = "select family, candidate, day, dataset, state, rank, cluster from candidates order by 1, 2"
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def forget_index(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("delete from candidates"))


def pictured(settings: Settings, engine: Engine) -> None:
    """Photos of three days, some of which are those of the day before."""
    taken = photo_world.shots(3, 2, day=FIRST)
    again = [
        photo_world.later(shot, at=shot.at + dt.timedelta(days=1), photo=f"{shot.user}/again-{number}.jpg")
        for number, shot in enumerate(taken[:2])
    ]
    photo_world.take(settings, engine, [*taken, *again])


def test_days_of_families_collected_on_two_workers_give_the_bytes_that_threads_give(
    flow_settings: Settings, world: None, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictured(flow_settings, engine)
    other = flow_settings.model_copy(update={"assay_home": tmp_path / "other"})
    shutil.copytree(flow_settings.home, other.home)
    in_threads = collect(date=FIRST, until=LAST, families=FAMILIES)
    rows = index(engine)
    forget_index(engine)

    monkeypatch.setenv("ASSAY_HOME", str(other.home))
    with cluster(tmp_path / "dask", {}) as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        on_dask = collect(date=FIRST, until=LAST, families=FAMILIES)

    assert in_threads["examples"] > 300
    assert on_dask == in_threads
    assert manifests(other) == manifests(flow_settings)
    assert len(manifests(other)) == 6 * len(FAMILIES)
    assert index(engine) == rows


def test_months_built_on_two_workers_are_those_that_threads_build(
    dask: Cluster, world: None, datasets: DatasetRepository, flow_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    collect(date=FIRST, until=LAST, families=["viral", "ctr"])
    on_dask = build(month="2026-10", families=["viral", "ctr"])
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    in_threads = build(month="2026-10", families=["viral", "ctr"])

    assert on_dask["rows"]["viral/full/2026-10"] > 300
    assert (on_dask["new_versions"], in_threads["new_versions"]) == (4, 0)
    assert in_threads["rows"] == on_dask["rows"]


def test_a_family_that_fails_on_a_worker_is_reported_and_the_others_go_on(
    dask: Cluster, world: None, datasets: DatasetRepository, engine: Engine, report: Report
) -> None:
    from config.errors import FlowError

    with transaction(engine) as connection:
        connection.execute(text("alter table clip_outcomes rename to clip_outcomes_away"))
    with pytest.raises(FlowError, match="6 of 12 parts failed"):
        collect(date=FIRST, until=LAST, families=["viral", "ctr"])

    assert len(datasets.list("viral", "candidates")) == 6
    assert "clip_outcomes" in report("collect-daily")


def test_a_worker_that_is_killed_in_the_middle_costs_no_day(
    dask: Cluster, world: None, datasets: DatasetRepository
) -> None:
    outcome: dict[str, Any] = {}

    def run() -> None:
        outcome.update(collect(date=dt.date(2026, 9, 20), until=LAST, families=["viral", "ctr"]))

    running = threading.Thread(target=contextvars.copy_context().run, args=(run,))  # Prefect's settings too
    running.start()
    while len(datasets.list("viral", "candidates")) < 3 and running.is_alive():
        time.sleep(0.02)
    dask.kill_one()
    assert running.is_alive(), "it was killed in the middle"
    running.join(120)

    assert outcome["failed"] == 0
    assert outcome["days"] == 19
    assert [len(datasets.list(family, "candidates")) for family in ("viral", "ctr")] == [19, 19]
    assert {one.revision for one in datasets.list("viral", "candidates")} == {1}


def test_a_part_that_loses_its_workers_is_reported_and_the_others_count(
    flow_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    from tasks.outcomes import Outcomes, finished, gather
    from tasks.policy import computed
    from tasks.runner import parts_runner

    @computed("fall")
    def fall(number: int) -> int:
        if number == 1:
            import os

            os._exit(9)
        return number

    @flow(name="falling", task_runner=parts_runner())
    def falling() -> Outcomes:
        return gather(finished([fall.submit(number) for number in range(3)]))

    with cluster(tmp_path / "dask", {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}, 2) as running:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", running.address)
        outcomes = falling()

    assert outcomes.results == [0, 2]
    (failure,) = outcomes.failures
    assert "The worker that ran it was lost" in failure


def test_a_scheduler_that_is_away_is_a_clear_error_that_names_it(
    flow_settings: Settings, datasets: DatasetRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.runner.CONNECT_SECONDS", 1)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")

    with pytest.raises(
        ClusterUnavailable, match=r"tcp://127\.0\.0\.1:9 does not answer.*DASK_SCHEDULER_ADDRESS"
    ):
        collect(date=FIRST)
    assert datasets.list() == []


def rebuilt(engine: Engine) -> list[tuple[Any, ...]]:
    """The rows of the lists after all sums were made anew, as of one moment."""
    from prefect import flow

    from tasks.runner import parts_runner
    from tasks.trending import refresh_trends

    @flow(name="rebuild-for-test", task_runner=parts_runner())
    def rebuild() -> dict[str, Any]:
        return refresh_trends(NOW, rebuild=True)

    summary = rebuild()
    assert summary["rebuilt"]
    with transaction(engine) as connection:
        query = (
            "select hours, region, item_kind, item_id, score, velocity, accounts, direction, growth, p_value,"
        )
        query += " q_value from trends order by 1, 2, 3, 4"
        return [*map(tuple, connection.execute(text(query))), summary["judged"], summary["scatter"]]


def test_windows_ranked_on_two_workers_are_those_that_threads_and_one_pass_rank(
    dask: Cluster, engine: Engine, flow_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.trending import refresh

    rows = [row for user in range(30) for row in known(f"u{user}", f"item-{user % 7}", 1 + user % 5 * 9)]
    rows += [event(f"v{user}", "hit", 0.2, region="de") for user in range(8)]
    send(engine, rows)

    on_dask = rebuilt(engine)
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS")
    in_threads = rebuilt(engine)
    one_pass = refresh(engine, flow_settings, NOW, rebuild=True)

    assert len(on_dask) > 20
    assert on_dask == in_threads
    assert in_threads[-2:] == [one_pass["judged"], one_pass["scatter"]]


def test_a_retraining_past_the_row_count_grows_its_trees_on_the_workers(
    dask: Cluster, datasets: DatasetRepository, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    from flows.retrain import retrain
    from models.viral import FAMILY

    datasets.publish(
        family="viral", stage="full", period="2026-10", schema=FAMILY.schema,
        batches=pa.concat_tables(roles()).to_batches(), made_by="tests", label="label", split="split",
    )  # fmt: skip
    monkeypatch.setenv("LIGHTGBM_DASK_ROWS", "100")

    summary = asyncio.run(retrain(family="viral", params=QUICK))

    assert (summary["promoted"], summary["production"]) == (True, "1")
    assert all("[LightGBM]" in log.read_text() for log in dask.logs)
