"""Which photos train and which measure: no person and no picture is on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.face.schema import EXAMPLE_SCHEMA
from models.face.split import training_rows
from models.images.crops import as_stream
from tests.face_world import CLASSES, OPTIONS


def rows(*given: tuple[str, str, str | None, int | None]) -> pa.Table:
    """(photo, split, sha256, phash) of each."""
    empty: dict[str, Any] = {column.name: None for column in EXAMPLE_SCHEMA}
    return pa.Table.from_pylist(
        [
            empty | {"photo": photo, "user_id": photo, "at": 0, "label": CLASSES[0]}
            | {"split": split, "sha256": sha256, "phash": phash}
            for photo, split, sha256, phash in given
        ],
        schema=EXAMPLE_SCHEMA,
    )  # fmt: skip


def photos(examples: pa.Table) -> list[list[str]]:
    return [part["photo"].to_pylist() for part in training_rows(as_stream(examples), OPTIONS)]


def test_a_picture_that_measures_does_not_teach_under_another_name() -> None:
    examples = rows(
        ("gold/a", "train", "a", 0),
        ("gold/b", "valid", "b", 2**40 - 1),
        ("gold/c", "train", "c", -(2**20)),
        ("anna/a", "test", "a", 0),
        ("bob/b", "test", "b", 2**40 - 1),
        ("carl/c", "valid", "c", -(2**20)),
        ("dora/d", "train", "d", 2**50 - 2**30),
    )

    assert photos(examples) == [["dora/d"], ["carl/c"], ["anna/a", "bob/b"]]


@pytest.mark.parametrize(("bits", "teaches"), [(OPTIONS.near_bits, False), (OPTIONS.near_bits + 1, True)])
def test_one_that_looks_alike_does_not_teach_either(bits: int, teaches: bool) -> None:
    near = int(np.int64((1 << bits) - 1))
    examples = rows(("x", "train", "x", near), ("y", "test", "y", 0), ("z", "train", "z", 2**60 - 1))

    assert photos(examples) == [["x", "z"] if teaches else ["z"], [], ["y"]]


def test_photos_of_which_no_hash_is_known_stay() -> None:
    examples = rows(("x", "train", None, None), ("y", "valid", None, None), ("z", "test", None, None))

    assert photos(examples) == [["x"], ["y"], ["z"]]
    assert [part.num_rows for part in training_rows(examples, OPTIONS)] == [1, 1, 1]


def test_classes_that_are_no_more_are_left_out() -> None:
    options = OPTIONS.with_classes(CLASSES[1:])

    assert [part.num_rows for part in training_rows(rows(("x", "train", "x", 1)), options)] == [0, 0, 0]
