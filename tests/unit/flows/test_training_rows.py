"""Which rows a training uses, and whether they are enough; what reports say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from config.errors import DatasetError, TrainingError
from models.family import get_family
from models.viral import FAMILY
from tasks.report_text import table
from tasks.reports import flat
from tasks.training_rows import RoleRows, check_rows, check_schema, newest, shortage

START = datetime(2026, 10, 1, tzinfo=UTC)


def rows(*hours: int) -> pa.Table:
    times = pa.array([START + timedelta(hours=hour) for hour in hours], pa.timestamp("us", "UTC"))
    return pa.table({"taken_at": times, "hour": list(hours)})


def kept(limit: int | None) -> tuple[list[int], list[int]]:
    train, valid = newest(rows(5, 1, 3), rows(4, 2), time="taken_at", limit=limit)
    return train["hour"].to_pylist(), valid["hour"].to_pylist()


def test_a_limit_takes_the_most_recent_rows_of_both_roles_together() -> None:
    assert kept(3) == ([5, 3], [4])
    assert kept(5) == kept(99) == kept(None) == ([5, 1, 3], [4, 2])


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="limit of 0"):
        kept(0)


def test_a_dataset_of_another_shape_is_refused_by_its_columns() -> None:
    without_label = FAMILY.schema.remove(FAMILY.schema.get_field_index("label"))

    check_schema(FAMILY.schema, FAMILY, "viral/full/2026-10")
    with pytest.raises(DatasetError, match="family 'viral': label"):
        check_schema(without_label, FAMILY, "viral/full/2026-10")


def test_a_dataset_of_before_a_column_came_is_read_as_one_that_knows_nothing_of_it() -> None:
    ctr = get_family("ctr")
    for name in ctr.later:
        check_schema(ctr.schema.remove(ctr.schema.get_field_index(name)), ctr, "ctr/full/2026-10")
        place = ctr.schema.get_field_index(name)
        other = ctr.schema.set(place, pa.field(name, pa.int64()))
        with pytest.raises(DatasetError, match=f"family 'ctr': {name}"):
            check_schema(other, ctr, "ctr/full/2026-10")
    assert ctr.later == ("device",)


def by_role(train: int, valid: int, test: int, label: str | None = None) -> RoleRows:
    def some(count: int) -> pa.Table:
        labels = [label or ("low", "high")[row % 2] for row in range(count)]
        return pa.table({"label": pa.array(labels, pa.string())})

    return RoleRows(some(train), some(valid), some(test), "viral/full/2026-10", "0" * 64)


def test_too_few_rows_are_a_fault_unless_something_else_can_answer() -> None:
    nothing = by_role(0, 0, 0)

    with pytest.raises(TrainingError, match="no rows to train and valid and test on"):
        check_rows(nothing, FAMILY)
    assert shortage(nothing, FAMILY, 10) is None

    can_wait = replace(FAMILY, fallback=True, target=False)
    check_rows(nothing, can_wait)
    assert "0 rows to learn from, of at least 10" in (shortage(nothing, can_wait, 10) or "")
    assert "none to test on" in (shortage(by_role(20, 5, 0), can_wait, 10) or "")
    assert shortage(by_role(9, 5, 5), can_wait, 10) is not None
    assert shortage(by_role(10, 5, 5), can_wait, 10) is None


def test_one_class_is_enough_where_the_class_is_not_what_is_learned() -> None:
    rows = by_role(20, 5, 5, "low")

    with pytest.raises(TrainingError, match="one class only: low"):
        check_rows(rows, FAMILY)
    check_rows(rows, replace(FAMILY, target=False))


def test_figures_are_flattened_under_dotted_names() -> None:
    assert flat({"rows": {"train": 3}, "versions": ["a", "b"], "new": 1}) == {
        "rows.train": 3,
        "versions": "a, b",
        "new": 1,
    }


def test_a_cell_cannot_break_its_table() -> None:
    assert table(["a"], [["x|y\nz"], [12345]]).splitlines()[2:] == ["| x\\|y z |", "| 12,345 |"]
