"""Collecting days and building months, as flows on real servers."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pyarrow.compute as pc
import pytest
from prefect.client.orchestration import SyncPrefectClient
from sqlalchemy import Engine

from config.errors import FlowError, InputError
from config.settings import Settings
from models.family import FAMILIES
from storage import reviews
from storage.bulk import load_snapshots
from storage.database import transaction
from storage.datasets.repository import DatasetRepository
from storage.erasure import remember, subject_hash
from storage.predictions import insert_predictions
from storage.versions import list_versions
from tests import photo_world
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.viral_world import snapshots

pytestmark = PREFECT_SOCKETS
DAY = dt.date(2026, 10, 5)


def collect(**parameters: Any) -> dict[str, Any]:
    from flows.collect import collect_daily

    return asyncio.run(collect_daily(**parameters))


def build(**parameters: Any) -> dict[str, Any]:
    from flows.datasets import build_datasets_monthly

    return asyncio.run(build_datasets_monthly(**parameters))


def test_a_days_matured_examples_become_candidates_once(
    world: None, datasets: DatasetRepository, engine: Engine, report: Report
) -> None:
    first = collect(date=DAY)
    again = collect(date=DAY)

    manifest = datasets.manifest("viral", "candidates", "2026-10-05")
    horizons = datasets.table(manifest)["taken_at"]
    assert first["examples"] == manifest.rows > 50
    # empty ones of the other families are the others
    assert (first["new_versions"], again["new_versions"]) == (len(FAMILIES), 0)
    assert manifest.revision == 1
    assert {moment.date() for moment in horizons.to_pylist()} == {DAY - dt.timedelta(days=7)}
    assert len(list_versions(engine, "viral", "candidates")) == 1
    text = report("collect-daily")
    assert "viral/candidates/2026-10-05 (unchanged)" in text
    assert "no outcome known" in text
    assert "face/candidates/2026-10-05 (unchanged)" in text


def test_a_range_is_collected_in_one_run_and_days_without_examples_are_empty_versions(
    world: None, datasets: DatasetRepository
) -> None:
    summary = collect(date=dt.date(2026, 9, 20), until=dt.date(2026, 9, 26))

    found = {manifest.period: manifest.rows for manifest in datasets.list("viral", "candidates")}
    assert summary["days"] == len(found) == 7
    assert found["2026-09-20"] == 0
    assert found["2026-09-26"] > 0


def test_late_data_becomes_the_next_revision(engine: Engine, datasets: DatasetRepository) -> None:
    rows = snapshots()
    half = pc.less(pc.utf8_length(rows["title"]), 30)
    load_snapshots(engine, rows.filter(pc.fill_null(half, False)))
    collect(date=DAY)
    load_snapshots(engine, rows)

    collect(date=DAY)

    assert datasets.manifest("viral", "candidates", DAY.isoformat()).revision == 2


def test_what_adds_no_example_makes_no_revision(
    world: None, datasets: DatasetRepository, engine: Engine, report: Report
) -> None:
    collect(date=DAY)
    asked = dt.datetime(2026, 9, 28, 9, tzinfo=dt.UTC)
    insert_predictions(
        engine,
        [
            {
                "id": "018f4f3e-0000-7000-8000-000000000001", "family": "viral", "entity_id": "seen-once",
                "at": asked, "inputs": {"views": 5}, "answer": {"viral_class": "low"}, "model_version": "1",
                "latency_ms": 1.0, "received_at": asked,
            }
        ],
    )  # fmt: skip

    collect(date=DAY)

    assert datasets.manifest("viral", "candidates", DAY.isoformat()).revision == 1
    assert "predictions 1" in report("collect-daily")


def test_the_report_says_what_became_of_a_days_photos(
    flow_settings: Settings, engine: Engine, report: Report
) -> None:
    taken = photo_world.take(flow_settings, engine, photo_world.shots(3, 2))
    collect(date=photo_world.DAY, families=["face"])
    with transaction(engine) as connection:
        remember(connection, subject_hash(flow_settings, "u2"), requested_by="ana", reason=None, at=taken[0].at)
    later = [
        photo_world.later(shot, at=shot.at + dt.timedelta(days=1), **changes)
        for shot, changes in (
            (taken[0], {}), (taken[5], {"photo": "u2/new.jpg"}), (taken[1], {"photo": "u0/copy.jpg"}),
            (taken[2], {"photo": "u0/none.jpg", "data": photo_world.nobody(3)}),
        )
    ]  # fmt: skip
    photo_world.take(flow_settings, engine, later)

    summary = collect(date=photo_world.DAY + dt.timedelta(days=1), families=["face"])

    text = report("collect-daily")
    assert summary["examples"] == 2
    assert "user_styles 4" in text
    assert "of forgotten users 1, collected before 1" in text
    assert "| exact duplicate of another photo | 1 |" in text
    assert "| no face was found | 1 |" in text


def test_a_day_that_has_not_begun_is_refused(datasets: DatasetRepository) -> None:
    with pytest.raises(InputError, match="has not begun"):
        collect(date=dt.date(2999, 1, 1))
    assert datasets.list() == []


def test_a_month_holds_what_was_verified_and_full_holds_all_of_it(
    world: None, datasets: DatasetRepository, engine: Engine, report: Report
) -> None:
    collect(date=dt.date(2026, 9, 27), until=dt.date(2026, 10, 9))
    candidates = datasets.table(datasets.manifest("viral", "candidates", "2026-10-05"))
    rejected, corrected = candidates.slice(0, 1).to_pylist()[0], candidates.slice(1, 1).to_pylist()[0]
    for row, decision, label in ((rejected, "reject", None), (corrected, "correct", "ultra")):
        reviews.decide(
            engine,
            family="viral",
            candidates=[reviews.candidate_key([row["video_id"], row["taken_at"]])],
            decision=decision,
            corrected_label=label,
            decided_by="ana",
            decided_at=dt.datetime(2026, 10, 6, tzinfo=dt.UTC),
        )

    build(month="2026-09")
    built = build(month="2026-10")
    again = build(month="2026-10")

    october = datasets.manifest("viral", "verified", "2026-10")
    rows = {(row["video_id"], row["taken_at"]): row for row in datasets.table(october).to_pylist()}
    full = datasets.manifest("viral", "full", "2026-10")
    september = datasets.manifest("viral", "verified", "2026-09")
    assert (rejected["video_id"], rejected["taken_at"]) not in rows
    settled = rows[corrected["video_id"], corrected["taken_at"]]
    assert (settled["label"], settled["views_at_horizon"] >= 2_000_000) == ("ultra", True)
    assert all(row["flag"] is None for row in rows.values() if row["label"] != "ultra")
    assert full.rows == september.rows + october.rows == built["rows"]["viral/full/2026-10"]
    assert [ref.name for ref in full.built_from] == ["viral/verified/2026-09", "viral/verified/2026-10"]
    assert again["new_versions"] == 0
    assert "dropped: waiting for review" in report("build-datasets-monthly")


def test_no_full_set_is_built_when_its_month_could_not_be_verified(
    world: None, datasets: DatasetRepository, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import building

    def broken(*_arguments: object) -> None:
        raise InputError("The decisions cannot be read.")

    collect(date=DAY)
    monkeypatch.setattr(building.reviews, "latest_decisions", broken)
    with pytest.raises(FlowError, match="2 of 2 parts failed: The decisions cannot be read"):
        build(month="2026-10", families=["viral"])
    assert datasets.list("viral", "full") == []
    assert "decisions cannot be read" in report("build-datasets-monthly")


def test_a_month_that_has_not_begun_is_refused(datasets: DatasetRepository) -> None:
    with pytest.raises(InputError, match="2999-01 has not begun"):
        build(month="2999-01")
    assert datasets.list() == []


def test_a_month_without_anything_says_what_failed_and_publishes_the_rest(
    datasets: DatasetRepository, report: Report
) -> None:
    summary = build(month="2026-03")

    assert datasets.manifest("viral", "verified", "2026-03").rows == 0
    assert summary["rows"]["viral/full/2026-03"] == 0


def test_a_family_that_fails_is_reported_and_the_run_is_failed(
    world: None, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import collection

    def broken(*_arguments: object, **_more: object) -> None:
        raise InputError("The database holds no sources of family 'viral'.")

    monkeypatch.setattr(collection, "read_sources", broken)
    with pytest.raises(FlowError, match="1 of 1 parts failed: The database holds no sources"):
        collect(date=DAY, families=["viral"])
    assert "no sources of family" in report("collect-daily")


def test_a_run_is_named_by_its_period_also_when_none_was_given(
    datasets: DatasetRepository, prefect_client: SyncPrefectClient
) -> None:
    collect()
    build()

    today = dt.datetime.now(dt.UTC).date()
    yesterday = today - dt.timedelta(days=1)
    names = {run.name for run in prefect_client.read_flow_runs()}
    assert f"collect {yesterday}" in names
    assert f"build {today.replace(day=1) - dt.timedelta(days=1):%Y-%m}" in names
    assert [manifest.period for manifest in datasets.list("viral", "candidates")] == [yesterday.isoformat()]
