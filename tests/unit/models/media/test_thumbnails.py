"""Scores, scenes, crops and the choice of frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.images.align import Face
from models.media.choosing import Chooser
from models.media.crops import SHAPES, attention, crop, shrink
from models.media.looks import looks, motion
from models.media.scenes import CUT, difference, scene_numbers, signature


def scene(seed: int, colour: tuple[int, int, int] = (90, 120, 150)) -> np.ndarray:
    """A lively picture of 320 by 180 pixels."""
    rng = np.random.default_rng(seed)
    pixels = np.full((180, 320, 3), colour, np.uint8)
    for _ in range(40):
        x, y, side = rng.integers(0, 300), rng.integers(0, 160), rng.integers(8, 60)
        shade = [int(part) for part in np.clip(np.array(colour) + rng.integers(-80, 80, 3), 0, 255)]
        cv2.rectangle(pixels, (int(x), int(y)), (int(x + side), int(y + side)), shade, -1)
    return pixels


def nobody(_: np.ndarray) -> list[Face]:
    return []


def test_a_blurred_a_dark_and_a_moving_frame_score_less() -> None:
    good = looks(scene(1)).total
    assert looks(cv2.GaussianBlur(scene(1), (0, 0), 6)).total < good
    assert looks((scene(1) * 0.2).astype(np.uint8)).total < good
    assert looks(scene(1), motion=0.2).total < 0.7 * good


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_frame_scores_next_to_nothing(level: int) -> None:
    assert looks(np.full((180, 320, 3), level, np.uint8)).total < 0.05


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_every_part_lies_between_0_and_1(seed: int, moved: float) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (36, 64, 3), dtype=np.uint8)
    assert all(0 <= value <= 1 for value in looks(pixels, moved).as_json().values())


def test_another_scene_differs_and_the_same_one_shifted_does_not() -> None:
    one = signature(scene(1))
    assert difference(one, one) == 0
    assert difference(one, signature(np.roll(scene(1), 3, axis=1))) < CUT
    assert difference(one, signature(scene(2, (200, 60, 40)))) >= CUT
    assert motion(scene(1), scene(1)) == 0


def test_scenes_end_at_cuts_and_after_the_longest_time() -> None:
    one, two = signature(scene(1)), signature(scene(2, (200, 60, 40)))
    times = np.arange(6.0)
    assert scene_numbers(times, np.stack([one, one, two, two, one, one]), 99).tolist() == [0, 0, 1, 1, 2, 2]
    assert scene_numbers(times, np.stack([one] * 6), 3).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_best_frames_are_of_different_scenes() -> None:
    chooser: Chooser[str] = Chooser(longest=99)
    for at in range(12):
        colour = [(90, 120, 150), (200, 60, 40), (40, 180, 60), (0, 0, 0)][at // 3]
        pixels = scene(at // 3, colour) if at < 9 else np.zeros((180, 320, 3), np.uint8)
        chooser.add(
            float(at), pixels if at % 3 == 1 else cv2.GaussianBlur(pixels, (0, 0), 5), 0.0, f"frame {at}"
        )
    best = chooser.best(3, nobody)
    assert sorted(one.whole for one in best) == ["frame 1", "frame 4", "frame 7"]
    assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)


def test_frames_that_look_the_same_give_one() -> None:
    chooser: Chooser[int] = Chooser(longest=2)
    for at in range(20):
        chooser.add(float(at), scene(1), 0.0, at)
    assert len(chooser.best(3, nobody)) == 1


def test_a_black_video_gives_one_and_no_frame_gives_none() -> None:
    chooser: Chooser[int] = Chooser(longest=2)
    assert chooser.best(3, nobody) == []
    for at in range(4):
        chooser.add(float(at), np.zeros((180, 320, 3), np.uint8), 0.0, at)
    assert len(chooser.best(3, nobody)) == 1


def test_a_frame_with_a_face_comes_first() -> None:
    chooser: Chooser[int] = Chooser(longest=99)
    chooser.add(0.0, scene(1), 0.0, 0)
    chooser.add(1.0, scene(2, (200, 60, 40)), 0.0, 1)
    worse = chooser.best(2, nobody)[-1].whole
    shown = scene(1) if worse == 0 else scene(2, (200, 60, 40))
    face = Face(100, 40, 60, 60, 0.9)
    assert chooser.best(2, lambda pixels: [face] if np.array_equal(pixels, shown) else [])[0].whole == worse


@given(st.integers(1, 2000), st.integers(1, 2000), st.sampled_from(sorted(SHAPES)), st.integers(0, 2**32 - 1))
def test_a_crop_lies_inside_and_has_the_shape(height: int, width: int, name: str, seed: int) -> None:
    seen = np.random.default_rng(seed).random((64, 64))
    box = crop(height, width, SHAPES[name], seen)
    assert 0 <= box.left <= box.left + box.width <= width
    assert 0 <= box.top <= box.top + box.height <= height
    assert box.width == width or box.height == height
    ratio = SHAPES[name][0] / SHAPES[name][1]
    assert abs(box.width - box.height * ratio) <= max(1, ratio)


@pytest.mark.parametrize("left", [10, 130, 250])
def test_a_crop_keeps_the_face(left: int) -> None:
    pixels = scene(3)
    face = Face(left, 60, 50, 50, 0.9)
    box = crop(180, 320, SHAPES["9x16"], attention(pixels, [face]))
    assert box.left <= left
    assert left + 50 <= box.left + box.width


def test_a_crop_keeps_the_only_thing_there_is() -> None:
    pixels = np.full((180, 320, 3), 120, np.uint8)
    cv2.circle(pixels, (270, 90), 20, (250, 240, 30), -1)
    box = crop(180, 320, SHAPES["1x1"], attention(pixels))
    assert box.left + box.width >= 290


def test_a_blank_frame_is_cropped_in_the_middle() -> None:
    box = crop(180, 320, SHAPES["1x1"], attention(np.full((180, 320, 3), 7, np.uint8)))
    assert box.left == 70


def test_pictures_are_never_enlarged() -> None:
    assert shrink(scene(1), 1280).shape == (180, 320, 3)
    assert shrink(scene(1), 160).shape == (90, 160, 3)
