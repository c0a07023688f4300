"""What the monitor reads of a family with pictures: light rows of all, pictures of a few, and verified ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.settings import Settings
from models.family import get_family
from models.streams import RowStream
from tasks import monitor_rows, monitoring
from tasks.forgetting import forget
from tasks.monitor_plan import plan_monitoring
from tasks.monitor_reading import read_day
from tasks.platform import Platform
from tests.imagery_world import OPTIONS, SEED, TINY, imagery_rows, tiny_imagery_model

IMAGERY = get_family("imagery")
DAY = dt.date(2026, 11, 20)
PROMOTED = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
LATER: dict[str, Any] = {"at": dt.datetime(2026, 11, 18, 9, tzinfo=dt.UTC)}


@pytest.fixture
def parts(ml_settings: Settings) -> Iterator[Platform]:
    made = Platform(ml_settings.model_copy(update={"monitor_min_rows": 30}))
    yield made
    made.close()


def publish(parts: Platform, stage: str, period: str, rows: pa.Table) -> None:
    parts.datasets.publish(
        family="imagery", stage=stage, period=period, schema=IMAGERY.schema, batches=rows.to_batches(),
        made_by="tests", label="label", split="split",
    )  # fmt: skip


@pytest.fixture
def world(parts: Platform) -> pa.Table:
    """A version in production, and the pictures of a day since, of new people and of a known one."""
    test = imagery_rows(12, 3, split="test")
    publish(
        parts,
        "full",
        "2026-10",
        pa.concat_tables([imagery_rows(24, 1), imagery_rows(10, 2, split="valid"), test]),
    )
    predictor = tiny_imagery_model()
    version = parts.registry.log_training(
        family="imagery", predictor=predictor, evaluation=IMAGERY.evaluate(predictor, test, OPTIONS, SEED),
        comparison=None, dataset="imagery/full/2026-10", dataset_sha256="0" * 64, params=TINY, rows={}, key="k",
    )  # fmt: skip
    parts.registry.promote("imagery", version.version, actor="t", reason="t", force=True, at=PROMOTED)
    known = imagery_rows(6, 1, **LATER).filter(pc.equal(imagery_rows(6, 1)["user_id"], "user-1-3"))
    rows = pa.concat_tables([imagery_rows(40, 9, **LATER), known])
    place = rows.schema.get_field_index("photo")
    names = pc.binary_join_element_wise(pa.scalar("new"), rows["photo"], "/")
    rows = rows.set_column(place, rows.schema.field(place), names)
    labels = rows.schema.get_field_index("predicted_class")
    rows = rows.set_column(labels, rows.schema.field(labels), rows["label"])
    versions = rows.schema.get_field_index("model_version")
    rows = rows.set_column(versions, rows.schema.field(versions), [[version.version] * rows.num_rows])
    publish(parts, "candidates", DAY.isoformat(), rows)
    return rows


def test_pictures_are_a_bounded_sample_and_those_of_new_people_judge(
    parts: Platform, world: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_rows, "PICTURE_ROWS", 20)
    inputs = read_day(parts, IMAGERY, DAY)

    assert inputs.notes == ()
    assert inputs.reference is not None
    assert inputs.current is not None
    assert (inputs.reference.num_rows, inputs.current.num_rows) == (102, world.num_rows)
    assert "image" not in inputs.current.column_names
    for pictures in (inputs.reference_pictures, inputs.current_pictures):
        assert pictures is not None
        assert 15 <= pictures.num_rows <= 20
        assert pictures["image"].null_count == 0
        assert {"user_id", "at"} <= set(pictures.column_names)
    assert isinstance(inputs.held_out, RowStream)
    assert inputs.held_out.num_rows == 36
    assert isinstance(inputs.live, RowStream)
    assert inputs.live.num_rows == 120  # those of somebody whom the version learned from are none of them
    assert set(inputs.live["user_id"].to_pylist()) == {f"user-9-{number}" for number in range(40)}
    assert sum(batch.num_rows for batch in inputs.live.batches()) == 120

    before = read_day(parts, IMAGERY, DAY - dt.timedelta(days=1))
    assert (before.live, before.counts) == (None, {})  # nothing had come


def test_the_check_of_such_a_family_runs_to_its_end(parts: Platform, world: pa.Table) -> None:
    at = dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time(5, 30), dt.UTC)
    plan = plan_monitoring(["drift", "accuracy"], ["imagery"], DAY, at)

    seen = monitoring.see_family(parts, "imagery", plan, {}, at)

    assert (seen.failure, seen.version, seen.ran) == (None, "1", ("drift", "accuracy"))
    assert seen.judged is not None
    assert seen.judged.live is not None
    assert seen.judged.live.rows == 120
    assert any(one.kind == "picture" for one in seen.judged.compared)


def test_where_somebody_was_forgotten_the_version_without_them_is_read(
    parts: Platform, world: pa.Table
) -> None:
    gone = "user-1-0"
    forget(parts, gone, by="ada", reason=None, at=PROMOTED)

    inputs = read_day(parts, IMAGERY, DAY)
    assert inputs.notes == ()
    assert inputs.reference is not None
    assert inputs.reference.num_rows == 99
    assert gone not in inputs.reference["user_id"].to_pylist()


def test_a_day_of_before_a_column_came_is_read_with_the_others(parts: Platform, world: pa.Table) -> None:
    older = imagery_rows(20, 12, **LATER).drop_columns(["brightness"])
    parts.datasets.publish(
        family="imagery", stage="candidates", period=(DAY - dt.timedelta(days=1)).isoformat(),
        schema=older.schema, batches=older.to_batches(), made_by="tests", label="label", split="split",
    )  # fmt: skip
    inputs = read_day(parts, IMAGERY, DAY)
    assert inputs.notes == ()
    assert inputs.current_pictures is not None
    assert inputs.current_pictures.num_rows == world.num_rows + older.num_rows
