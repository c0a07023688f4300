"""Interactions from a file to collected days, months and a model, as flows on real servers."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Engine

from models.family import get_family
from models.recommendation.examples import INHUMAN
from models.recommendation.options import KINDS
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.question import Interaction, Question
from models.recommendation.reading import moment_us
from registry.registry import Registry
from storage import candidates, reviews
from storage.candidates import Filter
from storage.datasets.repository import DatasetRepository
from storage.reviews import candidate_key
from tasks.datasets import refresh_dataset
from tasks.importing import import_file
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.recommendation_world import CATEGORIES, DAYS, ITEMS, START, crawler, interactions, things, write

pytestmark = PREFECT_SOCKETS
FIRST, LAST = START.date(), START.date() + dt.timedelta(days=DAYS - 1)
MONTH = f"{START:%Y-%m}"
ODD_DAY = 12


def collect(first: dt.date = FIRST, last: dt.date = LAST) -> dict[str, Any]:
    from flows.collect import collect_daily

    return asyncio.run(collect_daily(date=first, until=last, families=["recommendation"]))


def build() -> dict[str, Any]:
    from flows.datasets import build_datasets_monthly

    return asyncio.run(build_datasets_monthly(month=MONTH, families=["recommendation"]))


def retrain(**parameters: Any) -> dict[str, Any]:
    from flows.retrain import retrain as flow

    return asyncio.run(flow("recommendation", f"recommendation/full/{MONTH}", **parameters))


def load(engine: Engine, folder: Path, rows: list[dict[str, Any]]) -> None:
    path = write(folder / "interactions.csv", rows)
    done = import_file(engine, get_family("recommendation"), path, None, as_of=dt.datetime.now(dt.UTC))
    assert (done.loaded, done.rejected) == (len(rows), 0)


def test_a_month_of_interactions_becomes_a_model_that_beats_popularity_and_the_same_again_does_not_replace_it(
    engine: Engine, datasets: DatasetRepository, registry: Registry, report: Report, tmp_path: Path
) -> None:
    rows = interactions()
    load(engine, tmp_path, rows)
    summary = collect()
    assert summary["failed"] == 0
    assert collect(LAST, LAST)["new_versions"] == 0, "the same day again is the same bytes"
    build()

    full = datasets.find(f"recommendation/full/{MONTH}")
    assert {"view", "like", "follow", "item"} <= set(full.classes) <= {"item", *KINDS}
    assert full.classes["view"] == sum(row["kind"] == "view" for row in rows)
    followed = len({row["item_id"] for row in rows if row["kind"] == "follow"})
    seen = len({row["item_id"] for row in rows}) - followed
    assert full.classes["item"] == seen + followed, "of an item that several days tell of the last one stays"
    assert seen <= ITEMS
    tags = {row["item_id"]: row["tags"] for row in datasets.table(full).to_pylist() if row["kind"] == "item"}
    told = {one.id: one.told["tags"].split("|") for one in things()}
    assert all(tags[one] == told[one] for one in tags if one in told)

    first = retrain()
    again = retrain()

    assert first["promoted"], first["reason"]
    assert (again["promoted"], again["production"], again["champion"]) == (False, "1", "1")
    assert "not better than the champion" in again["reason"]
    text = report("retrain-recommendation")
    assert "baseline 'popularity'" in text
    model = registry.load("recommendation", "1").predictor
    assert isinstance(model, RecommendationPredictor)
    assert model.info["interactions"] < len(rows), "the newest ones measure"
    assert all(share_of_taste(model, name) > 0.5 for name in CATEGORIES)


def test_what_a_machine_did_waits_for_an_admin_and_nothing_is_learned_of_it(
    engine: Engine, datasets: DatasetRepository, report: Report, tmp_path: Path
) -> None:
    odd = crawler(ODD_DAY, INHUMAN + 1)
    load(engine, tmp_path, interactions() + odd)
    day = FIRST + dt.timedelta(days=ODD_DAY)
    collect(day, day)
    assert f"| more than N interactions of one user in a day | {len(odd):,} |" in report("collect-daily")
    waiting = candidates.counts(engine, Filter("recommendation")).by_state
    assert waiting.get("waiting") == len(odd)

    build()
    found = datasets.table(datasets.find(f"recommendation/verified/{MONTH}"))
    assert found.num_rows > 0
    assert "crawler" not in set(found["user_id"].to_pylist())

    collected = datasets.table(datasets.find(f"recommendation/candidates/{day}"))
    one = collected.filter(pc.equal(collected["user_id"], "crawler"))["event_id"][0].as_py()
    reviews.decide(
        engine, family="recommendation", candidates=[candidate_key([one])], decision="accept", decided_by="ada",
        decided_at=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    build()
    again = datasets.table(datasets.find(f"recommendation/verified/{MONTH}"))
    assert again["event_id"].to_pylist().count(one) == 1
    assert again.num_rows == found.num_rows + 1


def test_a_night_learns_of_the_days_since_the_last_one(
    engine: Engine, datasets: DatasetRepository, tmp_path: Path
) -> None:
    rows, middle = interactions(), (START + dt.timedelta(days=20)).isoformat()
    earlier = [row for row in rows if row["at"] < middle]
    load(engine, tmp_path, earlier)
    collect(FIRST, FIRST + dt.timedelta(days=19))
    night = START + dt.timedelta(days=20, hours=2)
    first = refresh_dataset.fn("recommendation", None, night)
    assert refresh_dataset.fn("recommendation", None, night) == first, "nothing new is no new version"
    before = datasets.find(str(first))

    load(engine, tmp_path, rows[len(earlier) :])
    collect(FIRST + dt.timedelta(days=20), LAST)
    after = datasets.find(str(refresh_dataset.fn("recommendation", None, night + dt.timedelta(days=10))))

    assert (before.period, after.period) == (MONTH, MONTH)
    assert after.rows > before.rows > 0


def share_of_taste(model: RecommendationPredictor, category: str) -> float:
    """Of a list for somebody who liked three things of ``category``: the share of items of it."""
    own = {one.id for one in things() if one.told["category"] == category}
    at_us = moment_us(START + dt.timedelta(days=DAYS))
    history = [Interaction(one, "like", at_us - 3_600_000_000) for one in sorted(own)[:3]]
    found = model.recommend(Question("somebody", at_us, history, count=10))
    chosen = [one["id"] for one in found if one["source"] != "exploration"]
    return sum(one in own for one in chosen) / len(chosen)
