from __future__ import annotations

import io
from datetime import UTC, date, datetime

import numpy as np
import pytest
from PIL import Image

from demo.faces import PIXELS, draw_face, make_person
from demo.photos import PhotoSize, uploads, write_gold
from demo.styles import STYLES

TODAY = date(2026, 11, 20)
SMALL = PhotoSize(gold_a_class=1, users=10, photos_a_day=3, strange_share=0.3, days=12)


def test_the_same_seed_and_day_make_the_same_photos() -> None:
    assert list(uploads(TODAY, 7, SMALL)) == list(uploads(TODAY, 7, SMALL))
    assert next(uploads(TODAY, 8, SMALL)).data != next(uploads(TODAY, 7, SMALL)).data


def test_uploads_come_in_order_of_time_and_none_lies_in_the_future() -> None:
    times = [one.at for one in uploads(TODAY, 7, SMALL)]
    assert times == sorted(times)
    assert times[-1] < datetime(2026, 11, 20, tzinfo=UTC)


def test_some_uploads_are_not_what_they_should_be() -> None:
    strange = [one.data for one in uploads(TODAY, 7, SMALL) if one.truth is None]
    assert len(strange) >= 5
    assert not all(data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") for data in strange)


def test_the_earlier_model_is_right_more_often_than_not_and_far_from_always() -> None:
    size = PhotoSize(users=30, photos_a_day=40, strange_share=0.0, days=5)
    right = [one.predicted == one.truth for one in uploads(TODAY, 7, size)]
    assert 0.6 < np.mean(right) < 0.85


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_drawn_at_the_size_of_all_photos(style: str) -> None:
    rng = np.random.default_rng(1)
    face = draw_face(style, make_person(rng), rng)
    assert face.shape == (PIXELS, PIXELS, 3)
    assert face.std() > 10


def test_the_gold_set_has_a_folder_a_class(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert write_gold(tmp_path, 7, SMALL) == len(STYLES)
    files = sorted(tmp_path.glob("*/*.jpg"))
    assert [path.parent.name for path in files] == sorted(STYLES)
    assert Image.open(io.BytesIO(files[0].read_bytes())).size == (PIXELS, PIXELS)
