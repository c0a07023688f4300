"""Merging dataset versions: the last row of a key, and only what may pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import DatasetError
from storage.datasets.merge import (
    Decision,
    Selection,
    Source,
    conform,
    decisions_by_key,
    key_text,
    merged,
    plan_merge,
    relabel,
)
from storage.reviews import candidate_key

START = datetime(2026, 10, 1, tzinfo=UTC)
KEY = ("id", "at")
SCHEMA = pa.schema(
    [("id", pa.string()), ("at", pa.timestamp("us", "UTC")), ("label", pa.string()), ("flag", pa.string())]
)
Row = tuple[str, int, str, str | None]


def settle(rows: pa.RecordBatch, decided: Mapping[int, Decision]) -> pa.RecordBatch:
    corrected = {row: one.corrected_label for row, one in decided.items() if one.corrected_label is not None}
    return relabel(rows, corrected, label="label")


def source(rows: Sequence[Row], batch: int = 2) -> Source:
    table = pa.table(
        [
            pa.array([row[0] for row in rows], pa.string()),
            pa.array([START + timedelta(hours=row[1]) for row in rows], SCHEMA.field("at").type),
            pa.array([row[2] for row in rows], pa.string()),
            pa.array([row[3] for row in rows], pa.string()),
        ],
        schema=SCHEMA,
    )

    def read(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = table if columns is None else table.select(list(columns))
        yield from chosen.to_batches(max_chunksize=batch)

    return read


def merge(
    sources: list[Source],
    decisions: dict[str, Decision] | None = None,
    *,
    only_decided: bool = False,
    free: int = 0,
) -> tuple[list[tuple[str, int, str]], dict[str, int]]:
    selection = None
    if decisions is not None:
        by_key = decisions_by_key(decisions, key=KEY, schema=SCHEMA)
        selection = Selection("flag", by_key, only_decided=only_decided)
    plan = plan_merge(sources, key=KEY, selection=selection, free=free)
    rows = [row for batch in merged(plan, sources, schema=SCHEMA, settle=settle) for row in batch.to_pylist()]
    hours = [(row["id"], int((row["at"] - START).total_seconds()) // 3600, row["label"]) for row in rows]
    return hours, dict(plan.report)


def named(row: tuple[str, int]) -> str:
    return candidate_key([row[0], START + timedelta(hours=row[1])])


def test_later_rows_win_over_earlier_ones_of_the_same_key() -> None:
    rows, report = merge(
        [
            source([("a", 0, "low", None), ("b", 0, "low", None), ("a", 0, "high", None)]),
            source([("b", 0, "ultra", None)]),
        ]
    )

    assert rows == [("a", 0, "high"), ("b", 0, "ultra")]
    assert (report["read"], report["kept"], report["superseded"]) == (4, 2, 2)


def test_flagged_rows_wait_and_decisions_count() -> None:
    rows, report = merge(
        [
            source(
                [
                    ("fine", 0, "low", None),
                    ("odd", 0, "low", "views fell"),
                    ("odd but right", 1, "low", "views fell"),
                    ("wrong", 0, "low", "views fell"),
                    ("unseemly", 0, "low", None),
                ]
            )
        ],
        {
            named(("odd but right", 1)): Decision("accept"),
            named(("wrong", 0)): Decision("correct", "ultra"),
            named(("unseemly", 0)): Decision("reject"),
            named(("fine", 7)): Decision("reject"),
            "not a key": Decision("reject"),
            '["fine"]': Decision("reject"),
        },
    )

    assert rows == [("fine", 0, "low"), ("odd but right", 1, "low"), ("wrong", 0, "ultra")]
    assert report == {
        "read": 5,
        "kept": 3,
        "superseded": 0,
        "waiting for review": 1,
        "rejected": 1,
        "accepted": 1,
        "corrected": 1,
    }


def test_where_every_row_needs_a_decision_only_the_confirmed_and_corrected_ones_stay() -> None:
    rows, report = merge(
        [source([("seen", 0, "low", None), ("set aside", 0, "low", "two faces"), ("wrong", 0, "low", None),
                 ("unseen", 0, "low", None), ("refused", 0, "low", None)])],
        {
            named(("seen", 0)): Decision("accept"),
            named(("set aside", 0)): Decision("accept"),
            named(("wrong", 0)): Decision("correct", "ultra"),
            named(("refused", 0)): Decision("reject"),
        },
        only_decided=True,
    )  # fmt: skip

    assert rows == [("seen", 0, "low"), ("set aside", 0, "low"), ("wrong", 0, "ultra")]
    assert report == {
        "read": 5, "kept": 3, "superseded": 0, "undecided": 1, "rejected": 1, "accepted": 2, "corrected": 1,
    }  # fmt: skip


def test_gold_needs_no_decision_and_what_is_no_longer_decided_drops_out() -> None:
    rows, report = merge(
        [
            source([("gold", 0, "high", None)]),
            source([("a", 0, "low", None), ("b", 0, "low", None), ("taken back", 0, "low", None)]),
            source([("b", 0, "high", None)]),
        ],
        {named(("a", 0)): Decision("correct", "ultra"), named(("b", 0)): Decision("accept")},
        only_decided=True,
        free=1,
    )

    assert rows == [("gold", 0, "high"), ("a", 0, "ultra"), ("b", 0, "high")]
    assert (report["undecided"], report["superseded"]) == (1, 1)


def test_only_the_columns_asked_for_are_read_and_the_others_are_empty() -> None:
    plan = plan_merge([source([("a", 0, "low", None)])], key=KEY)

    batches = merged(plan, [source([("a", 0, "low", None)])], schema=SCHEMA, settle=settle, columns=["id"])

    assert [row["id"] for batch in batches for row in batch.to_pylist()] == ["a"]


def test_one_candidate_that_is_no_key_leaves_the_others_as_they_are() -> None:
    decided = {
        '["a","2026-10-01T00:00:00+00:00"]': Decision("accept"),
        '[null,"2026-10-01T00:00:00+00:00"]': Decision("accept"),
        '["b",7]': Decision("accept"),
        '[["c"],"2026-10-01T02:00:00+02:00"]': Decision("accept"),
        '["d","2026-10-01T02:00:00+02:00"]': Decision("reject"),
    }

    assert decisions_by_key(decided, key=KEY, schema=SCHEMA) == {
        "a|2026-10-01T00:00:00.000000Z": Decision("accept"),
        "d|2026-10-01T00:00:00.000000Z": Decision("reject"),
    }


def test_nothing_merged_is_nothing_and_every_figure_is_there() -> None:
    rows, report = merge([], {})

    assert rows == []
    assert set(report.values()) == {0}
    assert "waiting for review" in report


def test_older_versions_get_the_columns_of_today() -> None:
    old = pa.record_batch({"id": ["a"], "extra": [1]})

    assert conform(old, SCHEMA).to_pylist() == [{"id": "a", "at": None, "label": None, "flag": None}]


def test_a_row_without_a_key_is_an_error() -> None:
    with pytest.raises(DatasetError, match="Key column 'id' has 1 empty values"):
        key_text(pa.record_batch({"id": pa.array([None], pa.string())}), ["id"])


def test_a_source_that_changes_between_the_passes_is_noticed() -> None:
    plan = plan_merge([source([("a", 0, "low", None)])], key=KEY)

    with pytest.raises(DatasetError, match="changed while"):
        list(merged(plan, [source([("a", 0, "low", None)] * 3)], schema=SCHEMA, settle=settle))


@given(st.lists(st.tuples(st.text("a|\\", max_size=3), st.text("b|\\", max_size=3)), unique=True))
def test_different_keys_have_different_texts(keys: list[tuple[str, str]]) -> None:
    batch = pa.record_batch([pa.array([k[i] for k in keys], pa.string()) for i in (0, 1)], ["x", "y"])

    assert len(set(key_text(batch, ["x", "y"]).to_pylist())) == len(keys)


rows_of = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(0, 3),
        st.sampled_from(["low", "high"]),
        st.sampled_from([None, "odd"]),
    ),
    max_size=12,
)
verdicts = st.sampled_from([Decision("accept"), Decision("reject"), Decision("correct", "ultra")])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(rows_of, max_size=3),
    st.dictionaries(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), verdicts),
    st.integers(1, 5),
)
def test_a_merge_does_what_a_plain_loop_would(
    versions: list[list[Row]], decided: dict[tuple[str, int], Decision], batch: int
) -> None:
    latest: dict[tuple[str, int], Row] = {}
    for row in (row for version in versions for row in version):
        latest[row[0], row[1]] = row
    expected = set()
    for key, row in latest.items():
        decision = decided.get(key)
        if decision is None and row[3] is None:
            expected.add((*key, row[2]))
        elif decision is not None and decision.decision != "reject":
            expected.add((*key, decision.corrected_label or row[2]))

    rows, report = merge(
        [source(version, batch) for version in versions], {named(k): v for k, v in decided.items()}
    )

    assert len(rows) == len(set(rows))
    assert set(rows) == expected
    gone = report["superseded"] + report["rejected"] + report["waiting for review"]
    assert report["read"] == report["kept"] + gone
