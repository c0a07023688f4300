"""Sharpness falls with blur and not with size; brightness is the mean of grey."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.images.quality import brightness, sharpness
from tests.unit.models.images.portraits import draw_portrait


def portrait(size: int = 512) -> np.ndarray:
    return draw_portrait(np.random.default_rng(4), size, 2)


def test_each_step_of_blur_is_less_sharp() -> None:
    pixels = portrait()
    measured = [sharpness(cv2.GaussianBlur(pixels, (0, 0), blur)) for blur in (1, 2, 4)]

    assert measured == sorted(measured, reverse=True)
    assert measured[0] > 2.5 * measured[-1]


def test_the_size_of_the_same_picture_matters_little() -> None:
    large = cv2.GaussianBlur(portrait(1024), (0, 0), 6)
    small = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)

    assert sharpness(small) == pytest.approx(sharpness(large), rel=0.1)


def test_a_flat_picture_has_no_sharpness() -> None:
    assert sharpness(np.full((40, 90, 3), 77, np.uint8)) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (900, 1, 3), (7, 5, 3)])
def test_odd_shapes_are_measured(shape: tuple[int, int, int]) -> None:
    assert sharpness(np.zeros(shape, np.uint8)) == 0
    assert brightness(np.full(shape, 255, np.uint8)) == 1


def test_brightness_runs_from_black_to_white() -> None:
    values = [brightness(np.full((8, 8, 3), value, np.uint8)) for value in (0, 51, 255)]

    assert values == pytest.approx([0, 0.2, 1])
