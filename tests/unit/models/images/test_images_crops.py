"""Crops out of streams: kept while they fit, prepared anew where they do not, the same rows each time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from models.images.crops import Crops, ahead, as_stream, prepared
from models.images.formats import ImageInvalid
from models.streams import RowStream

SIZE = 4
CROP_BYTES = 3 * SIZE * SIZE


def number_of(data: bytes) -> np.ndarray:
    """A "photo" is a number as text; its crop has that number in every pixel."""
    if data == b"broken":
        raise ImageInvalid("broken image")
    return np.full((SIZE, SIZE, 3), int(data), np.uint8)


def stream(count: int, broken: tuple[int, ...] = ()) -> RowStream:
    photos = [b"broken" if number in broken else str(number).encode() for number in range(count)]
    rows = pa.table({"row": list(range(count)), "image": pa.array(photos, pa.binary())})
    light = rows.drop_columns(["image"])
    return RowStream(light, lambda: iter(rows.to_batches(max_chunksize=5)))


def crops(count: int, keep: int, broken: tuple[int, ...] = ()) -> Crops:
    return Crops(stream(count, broken), np.arange(count) * 10, number_of, SIZE, keep * CROP_BYTES)


def seen(batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    """The numbers in the crops, each checked against its label."""
    numbers = []
    for pictures, labels in batches:
        values = pictures[:, 0, 0, 0].astype(int)
        assert (pictures == values[:, None, None, None]).all()
        assert (labels == values * 10).all()
        numbers += values.tolist()
    return numbers


@pytest.mark.parametrize("keep", [0, 7, 23, 100], ids=["nothing", "a few", "all", "more than all"])
def test_a_pass_gives_every_photo_once_in_order_however_many_are_kept(keep: int) -> None:
    made = crops(23, keep)

    assert len(made) == 23
    assert made.kept.nbytes <= keep * CROP_BYTES
    assert seen(made.in_order(4)) == seen(made.in_order(4)) == list(range(23))


@pytest.mark.parametrize("keep", [0, 9, 40])
def test_a_mixed_pass_gives_every_photo_at_most_once_and_the_same_for_the_same_seed(keep: int) -> None:
    made = crops(40, keep)

    first = seen(made.shuffled(4, np.random.default_rng(1)))

    assert sorted(first) == list(range(40))
    assert first == seen(made.shuffled(4, np.random.default_rng(1)))
    assert first != seen(made.shuffled(4, np.random.default_rng(2)))
    assert first != sorted(first)


def test_kept_and_streamed_photos_are_spread_over_the_whole_pass() -> None:
    made = crops(200, 100)

    order = seen(made.shuffled(10, np.random.default_rng(5)))

    half = [number >= 100 for number in order[:100]]
    assert 30 < sum(half) < 70


@pytest.mark.parametrize("keep", [0, 5, 30])
def test_photos_that_cannot_be_opened_are_left_out_and_do_not_stop_a_pass(keep: int) -> None:
    broken = (0, 3, 17, 18)
    made = crops(30, keep, broken)

    expected = [number for number in range(30) if number not in broken]

    assert seen(made.in_order(8)) == expected
    mixed = Counter(seen(made.shuffled(2, np.random.default_rng(1))))
    assert set(mixed) <= set(expected)
    assert max(mixed.values()) == 1
    assert len(mixed) >= len(expected) - 4
    assert (made.unreadable, made.readable) == (4, 26)


def test_another_error_than_a_bad_photo_is_raised_where_the_crops_are_used() -> None:
    def broken(_data: bytes) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(prepared(stream(3), broken))


def test_who_stops_in_the_middle_leaves_no_thread_behind() -> None:
    before = threading.active_count()

    numbers = ahead(iter(range(10_000)), 3)
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    halfway = crops(200, 0).shuffled(4, np.random.default_rng(1))
    next(halfway)
    halfway.close()  # type: ignore[attr-defined]

    assert threading.active_count() == before


def test_a_table_is_taken_as_a_stream_of_itself() -> None:
    rows = pa.table({"label": ["a", "b"], "image": pa.array([b"1", b"2"], pa.binary())})

    found = as_stream(rows)

    assert found.schema.names == ["label"]
    assert [crop[0, 0, 0] for crop in prepared(found, number_of)] == [1, 2]
