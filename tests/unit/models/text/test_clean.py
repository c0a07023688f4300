"""Reading strangers' tables of texts."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from config.errors import InputError
from models.family import get_family
from models.text.named import with_label_names

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FAMILY = get_family("moderation")


def clean(rows: list[dict[str, Any]], as_of: datetime | None = NOW, **more: Any) -> tuple[list[Any], list[str]]:
    good, bad = FAMILY.clean(pa.Table.from_pylist(rows), more or None, as_of)
    return [(row["text"], row["label"]) for row in good.to_pylist()], [one.reason for one in bad]


@pytest.mark.parametrize("text", ["text", "tweet", "CONTENT", "comment", "message", "Sentence", "v2"])
@pytest.mark.parametrize("label", ["label", "class", "category", "v1"])
def test_texts_and_labels_are_found_under_many_names(text: str, label: str) -> None:
    assert clean([{text: "hi", label: "ham"}]) == ([("hi", "clean")], [])


def test_davidsons_numbers_are_read_by_the_columns_beside_them() -> None:
    rows = [
        {
            "count": "3",
            "hate_speech": "0",
            "offensive_language": "3",
            "neither": "0",
            "class": str(n),
            "tweet": t,
        }
        for n, t in enumerate("abc")
    ]
    assert clean(rows) == ([("a", "hate+toxicity"), ("b", "toxicity"), ("c", "clean")], [])


def test_a_column_a_label_is_read_as_what_holds_together() -> None:
    rows = [
        {"comment_text": "x", "toxic": 1, "identity_hate": 1},
        {"comment_text": "y", "toxic": 0, "identity_hate": 0},
        {"comment_text": "z", "toxic": 1, "identity_hate": 0},
    ]
    assert clean(rows) == ([("x", "hate+toxicity"), ("y", "clean"), ("z", "toxicity")], [])


def test_one_and_zero_are_read_in_a_column_that_is_named_by_a_label() -> None:
    assert clean([{"text": "x", "is_spam": 1}, {"text": "y", "is_spam": 0}])[0] == [
        ("x", "spam"),
        ("y", "clean"),
    ]


def test_a_label_that_is_none_is_rejected_and_the_known_are_named() -> None:
    good, bad = clean(
        [{"text": "x", "label": "weird"}, {"text": "y", "label": "hate"}, {"text": "", "label": "ham"}]
    )
    assert good == [("y", "hate+toxicity")]
    assert bad[0].startswith("'weird' is none of the labels clean, spam")
    assert bad[1] == "there is no text"


def test_files_of_other_classes_are_measured_as_they_are_and_never_imported() -> None:
    rows = [{"text": "x", "label": "0"}, {"text": "y", "label": "1"}]
    assert clean(rows, None)[0] == [("x", "0"), ("y", "1")]
    assert len(clean(rows, NOW)[1]) == 2


def test_what_a_file_calls_labels_can_be_said() -> None:
    family = with_label_names(FAMILY, ["0=clean", "1=hate"])
    good, bad = family.clean(pa.table({"text": ["x", "y"], "label": ["0", "1"]}), None, NOW)
    assert good["label"].to_pylist() == ["clean", "hate+toxicity"]
    assert bad == []
    with pytest.raises(InputError, match="no label of this family"):
        with_label_names(FAMILY, ["1=nice"])
    with pytest.raises(InputError, match="THEIRS=OURS"):
        with_label_names(FAMILY, ["1"])
    with pytest.raises(InputError, match="have no other names"):
        with_label_names(get_family("viral"), ["1=low"])


def test_the_future_is_rejected_and_a_row_without_a_moment_is_of_now() -> None:
    rows = [{"text": "x", "label": "ham", "date": "2027-01-01"}, {"text": "y", "label": "ham", "date": None}]
    good, bad = FAMILY.clean(pa.Table.from_pylist(rows), None, NOW)
    assert bad[0].reason == "at lies in the future"
    assert good["at"].to_pylist() == [NOW]


def test_equal_texts_have_one_id_and_a_file_without_texts_is_refused() -> None:
    good, _ = FAMILY.clean(pa.table({"text": ["x", "x"], "label": ["ham", "ham"]}), None, NOW)
    assert len(set(good["text_id"].to_pylist())) == 1
    with pytest.raises(InputError, match="no column of texts"):
        FAMILY.clean(pa.table({"a": ["x"], "label": ["ham"]}), None, NOW)
    with pytest.raises(InputError, match="no column of labels"):
        FAMILY.clean(pa.table({"text": ["x"], "b": ["ham"]}), None, NOW)


def test_the_reader_of_rows_is_used_as_csv_gives_them() -> None:
    rows = list(csv.DictReader(["CONTENT,CLASS", '"subscribe, now",spam']))
    assert clean(rows) == ([("subscribe, now", "spam")], [])
