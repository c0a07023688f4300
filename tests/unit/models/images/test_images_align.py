"""The square that is cut around a face has the face where it should be."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.images.align import MARGIN, Face, align


def marked(height: int, width: int, x: float, y: float, radius: int = 3) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    cv2.circle(pixels, (round(x), round(y)), radius, (255, 255, 255), -1)
    return pixels


def found(crop: np.ndarray) -> tuple[float, float]:
    weight = crop[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    return float((columns * weight).sum() / weight.sum()), float((rows * weight).sum() / weight.sum())


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(60, 200),
    y=st.integers(60, 200),
    side=st.integers(40, 120),
    across=st.floats(-0.4, 0.4),
    down=st.floats(-0.4, 0.4),
    size=st.sampled_from([32, 64, 128, 224]),
)
def test_a_point_of_the_face_lands_at_its_place(
    x: int, y: int, side: int, across: float, down: float, size: int
) -> None:
    face = Face(x, y, side, side, 1.0)
    point = (x + side * (0.5 + across), y + side * (0.5 + down))

    at = found(align(marked(400, 400, *point), face, size))

    expected = ((0.5 + across / MARGIN) * size, (0.5 + down / MARGIN) * size)
    one_pixel = max(1.0, size / (side * MARGIN))
    assert at == pytest.approx(expected, abs=1.5 * one_pixel + 0.5)


@settings(max_examples=60, deadline=None)
@given(degrees=st.floats(-40, 40), size=st.sampled_from([64, 128, 224]), side=st.integers(50, 150))
def test_eyes_end_up_level_and_the_middle_stays(degrees: float, size: int, side: int) -> None:
    turn, reach = math.radians(degrees), side * 0.2
    across, down = reach * math.cos(turn), reach * math.sin(turn)
    eyes = ((200 - across, 200 - down), (200 + across, 200 + down))
    face = Face(200 - side // 2, 200 - side // 2, side // 2 * 2, side // 2 * 2, 1.0, eyes)

    places = [found(align(marked(400, 400, *eye, radius=4), face, size)) for eye in eyes]

    scale = size / (side * MARGIN)
    assert abs(places[0][1] - places[1][1]) < 1.5 * scale + 1
    assert places[1][0] - places[0][0] == pytest.approx(2 * reach * scale, abs=2 * scale + 1)
    assert sum(place[0] for place in places) / 2 == pytest.approx(size / 2, abs=1.5 * scale + 1)
    assert sum(place[1] for place in places) / 2 == pytest.approx(size / 2, abs=1.5 * scale + 1)


def test_the_order_of_the_eyes_does_not_matter() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    one, other = (80.0, 90.0), (120.0, 100.0)

    crop, again = (align(pixels, Face(60, 60, 80, 80, 1.0, eyes), 64) for eyes in ((one, other), (other, one)))

    assert np.array_equal(crop, again)


def test_eyes_that_stand_upright_are_not_believed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    wrong = Face(60, 60, 80, 80, 1.0, ((100.0, 80.0), (105.0, 130.0)))

    assert np.array_equal(align(pixels, wrong, 64), align(pixels, Face(60, 60, 80, 80, 1.0), 64))


@pytest.mark.parametrize(
    ("height", "width"), [(32, 32), (300, 200), (200, 300), (1, 1), (1, 50), (50, 1), (4000, 3000)]
)
@pytest.mark.parametrize("size", [32, 128])
def test_without_a_face_the_centred_square_is_taken(height: int, width: int, size: int) -> None:
    pixels = np.full((height, width, 3), 40, np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    pixels[top : top + side, left : left + side] = 200

    crop = align(pixels, None, size)

    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    assert crop[size // 2, size // 2].tolist() == [200, 200, 200]
    assert crop.mean() > 196


def test_a_picture_of_the_right_size_passes_unchanged_as_its_own_array() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)

    crop = align(pixels, None, 32)

    assert np.array_equal(crop, pixels)
    crop[:] = 0
    assert pixels.any()


@pytest.mark.parametrize(
    "face", [Face(-20, -20, 60, 60, 1.0), Face(70, 70, 60, 60, 1.0), Face(0, 0, 100, 100, 1.0)]
)
@pytest.mark.parametrize("eyes", [None, ((20.0, 30.0), (60.0, 45.0))])
def test_a_square_that_leaves_the_picture_repeats_its_border(
    face: Face, eyes: tuple[tuple[float, float], tuple[float, float]] | None
) -> None:
    pixels = np.full((100, 100, 3), (10, 90, 200), np.uint8)

    crop = align(pixels, Face(face.x, face.y, face.width, face.height, 1.0, eyes), 48)

    assert (crop == (10, 90, 200)).all()


@pytest.mark.parametrize(
    "face", [Face(500, 500, 50, 50, 1.0), Face(-400, 10, 40, 40, 1.0), Face(5, 5, 0, 0, 1.0)]
)
def test_a_box_beside_the_picture_gives_a_square_all_the_same(face: Face) -> None:
    crop = align(np.full((100, 100, 3), 77, np.uint8), face, 24)

    assert crop.shape == (24, 24, 3)
    assert (crop == 77).all()
