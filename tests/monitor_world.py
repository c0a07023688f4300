"""A small viral world for the monitor: a version that learned its first weeks, and what came since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from config.settings import Settings, load_settings
from models.family import Evaluation, Predictor, Window
from models.viral import FAMILY
from storage.predictions import insert_predictions
from tasks.platform import Platform
from tests.viral_world import AS_OF, FIRST_DAY, QUICK, snapshots

HORIZON = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
#: The last day of the world, and until when the version learned: outcomes of the days after are new to it.
LAST, LEARNED = AS_OF - DAY, dt.date(2026, 10, 17)

Change = Callable[[pa.Table], pa.Table]


@lru_cache(maxsize=1)
def examples() -> pa.Table:
    """All examples of the world, with their outcomes."""
    options = FAMILY.options(load_settings())
    window = Window(_midnight(FIRST_DAY), _midnight(AS_OF))
    return FAMILY.collect({"snapshots": snapshots()}, window, options)


@lru_cache(maxsize=1)
def model() -> tuple[Predictor, Evaluation]:
    """A model of the first weeks, and its figures on their test rows."""
    options = FAMILY.options(load_settings())
    train, valid, test = FAMILY.training_rows(learned(), options)
    predictor = FAMILY.fit(train, valid, options, QUICK, 7)
    return predictor, FAMILY.evaluate(predictor, test, options, 7)


def learned() -> pa.Table:
    """The rows that the version learned from and was measured on."""
    return _matured(FIRST_DAY, LEARNED)


def publish(
    parts: Platform,
    *,
    until: dt.date = LAST,
    change: Change | None = None,
    since: dt.date = LAST,
    shift: int = 0,
) -> None:
    """The world's dataset versions: what the version learned, and a candidates version for each day up to
    ``until``, of which those from ``since`` on are changed. ``shift`` days later than in the world.
    """
    _publish(parts, "full", f"{LEARNED + shift * DAY:%Y-%m}", _later(learned(), shift))
    day = FIRST_DAY
    while day <= until:
        rows = _matured(day, day)
        if change is not None and day >= since:
            rows = change(rows)
        _publish(parts, "candidates", (day + shift * DAY).isoformat(), _later(rows, shift))
        day += DAY


def promote(parts: Platform, *, at: dt.datetime, key: str = "first", shift: int = 0) -> str:
    """Register the version and put it into production ``at`` that moment; its number."""
    predictor, evaluation = model()
    name = f"viral/full/{LEARNED + shift * DAY:%Y-%m}"
    version = parts.registry.log_training(
        family="viral",
        predictor=predictor,
        evaluation=evaluation,
        comparison=None,
        dataset=name,
        dataset_sha256=parts.datasets.find(name).ref.sha256,
        params=QUICK,
        rows={"train": 1, "valid": 1, "test": 1},
        key=key,
    )
    parts.registry.promote(
        "viral", version.version, actor="tests", reason="a test", figures={"metrics": evaluation.metrics},
        force=True, at=at,
    )  # fmt: skip
    return version.version


def answer(parts: Platform, day: dt.date, count: int, version: str | None = "1", ms: float = 5.0) -> None:
    """Recorded predictions of ``day``."""
    at = _midnight(day)
    rows = [
        {
            "id": uuid4(), "family": "viral", "entity_id": f"v{number}",
            "at": at + dt.timedelta(seconds=number), "inputs": {"views": number},
            "answer": {"viral_class": "low", "viral_score": 0.1}, "model_version": version,
            "latency_ms": ms, "received_at": at + dt.timedelta(seconds=number),
        }
        for number in range(count)
    ]  # fmt: skip
    insert_predictions(parts.engine, rows)


def many_followers(rows: pa.Table) -> pa.Table:
    """A drift: creators with thirty times the followers."""
    place = rows.schema.get_field_index("creator_followers")
    more = pc.cast(
        pc.multiply(pc.cast(rows["creator_followers"], pa.float64()), 30.0),
        rows.schema.field(place).type,
        safe=False,
    )
    return rows.set_column(place, rows.schema.field(place), more)


def as_settings(settings: Settings) -> Settings:
    """Settings with which the small world is enough."""
    return settings.model_copy(update={"monitor_min_rows": 40})


def _matured(first: dt.date, last: dt.date) -> pa.Table:
    rows = examples()
    start, end = (
        pa.scalar(moment - HORIZON, rows.schema.field("taken_at").type)
        for moment in (_midnight(first), _midnight(last + DAY))
    )
    return rows.filter(pc.and_(pc.greater_equal(rows["taken_at"], start), pc.less(rows["taken_at"], end)))


def _later(rows: pa.Table, days: int) -> pa.Table:
    columns = [
        pc.add(rows[field.name], pa.scalar(days * DAY, pa.duration("us")))
        if pa.types.is_timestamp(field.type)
        else rows[field.name]
        for field in rows.schema
    ]
    return pa.table(columns, schema=rows.schema)


def _publish(parts: Platform, stage: str, period: str, rows: pa.Table) -> None:
    parts.datasets.publish(
        family="viral", stage=stage, period=period, schema=FAMILY.schema, batches=rows.to_batches(),
        made_by="tests", label="label", split="split",
    )  # fmt: skip


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
