"""A day of a family with pictures, whose rows of the last days are without them."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from models.family import get_family
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.judging import judge
from models.streams import RowStream
from tests.imagery_world import OPTIONS, imagery_rows, tiny_imagery_model

RULES = Rules(window_days=7, min_rows=30, sample_rows=1000, alpha=0.01, psi=0.2, seed=7)


def streamed(rows: pa.Table) -> RowStream:
    return RowStream(rows.drop_columns(["image"]), lambda: iter(rows.to_batches()))


def test_answers_on_record_are_compared_without_asking_about_the_pictures_again() -> None:
    learned, held_out = imagery_rows(24, 1), imagery_rows(12, 3, split="test")
    rows = imagery_rows(20, 9)
    versions = pa.chunked_array([["1"] * rows.num_rows])
    for name, values in (("model_version", versions), ("predicted_class", rows["label"])):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(place), values)
    inputs = DayInputs(
        day=dt.date(2026, 11, 20),
        version="1",
        reference_name="imagery/full/2026-10",
        predictor=tiny_imagery_model(),
        reference=learned.drop_columns(["image"]),
        current=rows.drop_columns(["image"]),
        reference_pictures=learned,
        current_pictures=rows,
        held_out=streamed(held_out),
        live=streamed(rows),
    )

    found = judge(get_family("imagery"), OPTIONS, inputs, RULES)

    assert (found.unjudged, found.failures) == (frozenset(), ())
    assert found.live is not None
    assert found.live.rows == rows.num_rows
    assert {"picture", "answer"} <= {one.kind for one in found.compared}
