"""Each family's room for the monitor: a row for each row, whatever is missing in it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from config.settings import load_settings
from models.family import FAMILIES, get_family
from models.monitoring.contract import PREDICTED_SCHEMA
from models.recommendation.schema import QUESTION_SCHEMA

ROWS = 6
AT = datetime(2026, 6, 1, tzinfo=UTC)


def column(field, empty):
    kind = field.type
    if empty and field.nullable:
        return pa.nulls(ROWS, kind)
    if pa.types.is_list(kind):
        return pa.array([[]] * ROWS, kind)
    if pa.types.is_boolean(kind):
        return pa.array([True, False] * (ROWS // 2))
    if pa.types.is_timestamp(kind):
        return pa.array([AT] * ROWS, kind)
    if pa.types.is_string(kind):
        return pa.array(["a https://b.c #d @e 😀 F"] * ROWS)
    if pa.types.is_binary(kind):
        return pa.array([b"no picture"] * ROWS)
    return pa.array(np.arange(1, ROWS + 1)).cast(kind)


def rows_of(schema, empty):
    return pa.table([column(field, empty) for field in schema], schema=schema)


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_function_gives_a_row_for_each_row(name, empty):
    family = get_family(name)
    options, watch = family.options(load_settings()), family.watch
    assert watch is not None
    rows = rows_of(family.schema, empty)
    light = rows.drop_columns(list(family.heavy))
    features = watch.features(light, options)
    assert features.num_rows == ROWS
    for field in features.schema:
        assert (
            pa.types.is_string(field.type)
            or pa.types.is_boolean(field.type)
            or pa.types.is_primitive(field.type)
        )
    questions = rows_of(QUESTION_SCHEMA, empty) if name == "recommendation" else light
    parts = watch.slices(questions, options)
    assert parts.num_rows == ROWS
    assert all(pa.types.is_string(field.type) for field in parts.schema)
    if watch.predicted is not None:
        given = watch.predicted(light, options)
        assert given.num_rows == ROWS
        assert given.schema == PREDICTED_SCHEMA
    if watch.text is not None:
        assert watch.text in light.column_names
    if watch.picture is not None:
        assert watch.picture in family.heavy


@pytest.mark.parametrize("name", ["viral", "ctr", "face"])
def test_what_services_recorded_is_read(name):
    family = get_family(name)
    options = family.options(load_settings())
    answers = {
        "viral": '{"viral_class": "low", "viral_score": 3}',
        "ctr": '{"predicted_ctr": 0.06}',
        "face": '{"class": "goth", "confidence": 0.7}',
    }
    records = pa.table(
        {
            "entity_id": pa.array(["a", None]),
            "at": pa.array([AT, AT]),
            "inputs": ['{"views": 5, "category": "Music", "duration": "x"}', "{}"],
            "answer": [answers[name]] * 2,
            "model_version": ["7", None],
        }
    )
    rows, given = family.watch.asked(records, options)
    assert given.schema == PREDICTED_SCHEMA
    assert given.to_pylist()[0]["version"] == "7"
    assert given.to_pylist()[0]["answer"] == {"viral": "low", "ctr": "high", "face": "goth"}[name]
    if rows is not None:
        assert rows["category"].to_pylist()[0] == "Music"
        assert family.watch.features(rows, options).num_rows == rows.num_rows == given.num_rows


def test_counts_of_ctr_weigh_by_impressions():
    family = get_family("ctr")
    rows = rows_of(family.schema, empty=False)
    weights = family.watch.weights(rows, family.options(load_settings()))
    assert weights.mean() == pytest.approx(1.0)
    assert weights[-1] / weights[0] == pytest.approx(ROWS)


def test_live_rows_are_those_with_an_outcome():
    for name in ("viral", "ctr"):
        family = get_family(name)
        options = family.options(load_settings())
        assert family.watch.live(rows_of(family.schema, empty=True), options).num_rows == 0
