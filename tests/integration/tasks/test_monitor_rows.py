"""Rows with outcomes of a family of which every row needs an admin: what had been decided by then."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from models.face import FAMILY
from models.streams import RowStream
from storage.reviews import candidate_key, decide
from tasks.monitor_rows import light_rows, rows_of, settled
from tasks.platform import Platform
from tests.face_world import face_rows

DAY = dt.date(2026, 11, 20)
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
WEEK = dt.timedelta(days=7)


def verify(parts: Platform, rows: pa.Table, at: dt.datetime) -> None:
    names = [candidate_key([photo]) for photo in rows["photo"].to_pylist()]
    decide(parts.engine, family="face", candidates=names, decision="accept", decided_by="ada", decided_at=at)


def test_only_what_an_admin_let_pass_in_that_time_counts(platform_parts: Platform) -> None:
    parts, rows = platform_parts, face_rows(6)
    known = {"predicted_class": rows["label"], "width": pa.array([96] * rows.num_rows, pa.int32())}
    for name, values in known.items():
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, values.cast(field.type))
    published = parts.datasets.publish(
        family="face", stage="candidates", period=DAY.isoformat(), schema=FAMILY.schema,
        batches=rows.to_batches(), made_by="tests", label="label", split="split",
    )  # fmt: skip
    verify(parts, rows.slice(0, 5), NOON)
    verify(parts, rows.slice(5, 4), NOON + WEEK)

    days, end = [published.manifest], NOON + dt.timedelta(hours=12)
    found = rows_of(FAMILY, settled(parts, FAMILY, days, end - WEEK, end))
    assert isinstance(found, RowStream)
    assert sorted(found["photo"].to_pylist()) == sorted(rows["photo"].to_pylist()[:5])
    assert found["label"].null_count == 0
    assert [batch.column("image").null_count for batch in found.batches()] == [0]
    later = rows_of(FAMILY, settled(parts, FAMILY, days, end, end + WEEK))
    assert sorted(later["photo"].to_pylist()) == sorted(rows["photo"].to_pylist()[5:9])

    light = light_rows(parts, FAMILY, days, 10, 7)
    assert light.num_rows == 10
    assert "image" not in light.column_names
