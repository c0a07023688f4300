"""Dataset versions of before a column came are trained on and compared with as ones that do not tell it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from config.errors import DatasetError
from models.ctr import FAMILY
from models.family import Family
from models.monitoring.inputs import Rules
from tasks.monitor_reference import read_reference
from tasks.options import options_of
from tasks.platform import Platform
from tasks.training import load_rows
from tests.ctr_learning_world import make_examples, with_column


def of_before(parts: Platform, family: Family, rows: pa.Table) -> str:
    """A full version of ``rows`` without the later columns."""
    old = rows.drop_columns(list(family.later))
    found = parts.datasets.publish(
        family=family.name, stage="full", period="2026-03", schema=old.schema, batches=old.to_batches(),
        made_by="tests", label="label", split="split",
    )  # fmt: skip
    return found.manifest.name


def test_a_version_without_later_columns_is_read_with_nothing_in_them(platform_parts: Platform) -> None:
    parts = platform_parts
    examples, _ = make_examples()
    name = of_before(parts, FAMILY, with_column(examples, "label", ["low"] * examples.num_rows))
    watch, options = FAMILY.watch, options_of(FAMILY, parts.settings)
    assert watch is not None

    reference = read_reference(parts, FAMILY, name, Rules.of(parts.settings))
    for table in (reference.rows, reference.held_out):
        assert table.num_rows > 50
        for seen in (watch.features(table, options), watch.slices(table, options)):
            assert seen["device"].null_count == seen.num_rows == table.num_rows

    rows = load_rows.fn(parts.datasets.find(name), None)
    assert rows.train.schema.equals(FAMILY.schema)
    assert rows.train["device"].null_count == rows.train.num_rows > 100


def test_a_version_without_another_column_is_not_taken_for_one_that_tells_nothing(
    platform_parts: Platform,
) -> None:
    parts = platform_parts
    name = of_before(parts, FAMILY, make_examples()[0].drop_columns(["audience"]))

    with pytest.raises(DatasetError, match=r"family 'ctr': audience\."):
        read_reference(parts, FAMILY, name, Rules.of(parts.settings))
    with pytest.raises(DatasetError, match=r"family 'ctr': audience\."):
        load_rows.fn(parts.datasets.find(name), None)
