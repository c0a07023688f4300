"""Labelled texts as examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from models.family import Window
from models.text.examples import TextExamples
from models.text.schema import EXAMPLE_SCHEMA, LABELLED_SCHEMA

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
EXAMPLES = TextExamples(salt="test")


def row(text_id: str, text: str = "hello", label: str = "clean", **more: Any) -> dict[str, Any]:
    return {"text_id": text_id, "text": text, "label": label, "at": AT, "labelled_at": AT, **more}


def collected(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    table = EXAMPLES.collect({"labelled": pa.Table.from_pylist(list(rows), LABELLED_SCHEMA)}, DAY, None)
    assert table.schema == EXAMPLE_SCHEMA
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_the_latest_label_of_the_day_counts() -> None:
    found = collected(
        row("a", label="spam", labelled_at=AT + timedelta(hours=1)),
        row("a", label="clean"),
        row("b", labelled_at=AT + timedelta(days=1)),
    )
    assert [(one["text_id"], one["label"]) for one in found] == [("a", "spam")]


def test_doubtful_labels_are_flagged() -> None:
    found = collected(
        row("a", disputed=True),
        row("b", predicted="spam", confidence=0.95),
        row("c", predicted="spam", confidence=0.6),
        row("d", predicted="clean", confidence=0.99),
    )
    assert [one["flag"] for one in found] == [
        "reviewers disagree", "a confident model was contradicted: spam", None, None,
    ]  # fmt: skip


def test_what_belongs_together_is_on_one_side() -> None:
    found = collected(
        row("a", "one text", group_id="v"), row("b", "another", group_id="v", user_id="u"),
        row("c", "Hello there"), row("d", "h e l l o  THERE"), row("e", "third", user_id="u"),
    )  # fmt: skip
    assert [one["group"] for one in found[:2]] == ["v", "v"]
    assert found[4]["group"] == "u"
    assert found[2]["group"] == found[3]["group"]
    assert found[0]["split"] == found[1]["split"]


def test_a_text_that_stands_on_two_sides_stays_where_it_measures() -> None:
    sides: dict[str, dict[str, Any]] = {}
    for number in range(200):
        one = collected(row(f"t{number}", "Same text!", group_id=f"g{number}"))[0]
        sides.setdefault(one["split"], one)
    table = pa.Table.from_pylist(list(sides.values()), EXAMPLE_SCHEMA)
    train, valid, test = EXAMPLES.training_rows(table, None)
    assert (train.num_rows, valid.num_rows, test.num_rows) == (0, 0, 1)


def test_rows_of_files_keep_the_roles_of_their_files() -> None:
    rows = pa.Table.from_pylist([row(f"t{n}", f"text {n}") for n in range(100)], LABELLED_SCHEMA)
    found = EXAMPLES.examples_from_rows({"train": rows, "test": rows.slice(0, 3)}, None)
    assert {name: set(table["split"].to_pylist()) for name, table in found.items()} == {
        "train": {"train"}, "valid": {"valid"}, "test": {"test"},
    }  # fmt: skip
    assert found["train"].num_rows + found["valid"].num_rows == 100
    assert 5 <= found["valid"].num_rows <= 30
