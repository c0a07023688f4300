"""One face is found in a portrait, several in a group, none where there is none; in any number of threads."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from config.errors import InputError
from models.images.align import Face, align
from models.images.faces import FaceFinder, distinct
from tests.unit.models.images.portraits import draw_portrait
from tests.unit.models.images.yunet_like import BLOB, yunet_like


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def portraits(count: int, size: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [draw_portrait(rng, size, style) for style in range(count)]


@pytest.mark.parametrize(("size", "least"), [(64, 0.85), (224, 0.93), (480, 0.93)])
def test_a_portrait_has_one_face_in_every_style(finder: FaceFinder, size: int, least: float) -> None:
    counts = np.array([len(finder.find(pixels)) for pixels in portraits(30, size)])

    assert counts.max() == 1
    assert counts.mean() >= least


def test_the_box_is_where_the_face_was_drawn(finder: FaceFinder) -> None:
    pixels = np.full((600, 900, 3), 120, np.uint8)
    pixels[200:500, 550:850] = draw_portrait(np.random.default_rng(1), 300, 3)

    (face,) = finder.find(pixels)

    assert (face.x + face.width / 2, face.y + face.height / 2) == pytest.approx((700, 350), abs=45)
    assert 120 < face.width < 290
    assert 0 < face.score < 1
    assert face.eyes is None


def test_all_faces_of_a_group_are_found_largest_first(finder: FaceFinder) -> None:
    one, two = portraits(2, 300, seed=1)
    pixels = np.full((320, 560, 3), 120, np.uint8)
    pixels[10:310, :300] = one
    pixels[60:260, 330:530] = cv2.resize(two, (200, 200), interpolation=cv2.INTER_AREA)

    faces = finder.find(pixels)

    assert len(faces) == 2
    assert faces[0].width > faces[1].width
    assert faces[0].x < 300 < faces[1].x


def test_a_small_face_in_a_large_picture_is_found_in_the_closer_search(finder: FaceFinder) -> None:
    pixels = np.full((1000, 1000, 3), 128, np.uint8)
    pixels[400:600, 300:500] = draw_portrait(np.random.default_rng(1), 200, 4)

    (face,) = finder.find(pixels)

    assert (face.x + face.width / 2, face.y + face.height / 2) == pytest.approx((400, 500), abs=35)


def test_no_face_is_seen_in_noise_or_in_flat_colour(finder: FaceFinder) -> None:
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, 256, (224, 224, 3)).astype(np.uint8) for _ in range(5)]
    soft = [cv2.GaussianBlur(pixels, (0, 0), 4) for pixels in noise]

    assert [finder.find(pixels) for pixels in [*noise, *soft, np.full((300, 200, 3), 90, np.uint8)]] == [
        []
    ] * 11


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 5, 3), (32, 32, 3), (1, 3000, 3), (3000, 2, 3)])
def test_a_picture_too_small_for_a_face_has_none(finder: FaceFinder, shape: tuple[int, int, int]) -> None:
    assert finder.find(np.full(shape, 100, np.uint8)) == []


def test_a_found_face_is_cut_out_whole(finder: FaceFinder) -> None:
    pixels = draw_portrait(np.random.default_rng(7), 400, 1)

    crop = align(pixels, finder.find(pixels)[0], 128)

    again = finder.find(crop)
    assert len(again) == 1
    assert again[0].width == pytest.approx(128 / 1.5, rel=0.2)


@pytest.mark.parametrize("detector", ["cascade", "yunet"])
def test_threads_share_one_finder_and_get_the_same_faces(detector: str) -> None:
    shared = FaceFinder(None if detector == "cascade" else yunet_like())
    pictures = portraits(6, 160, seed=3)
    for at, pixels in enumerate(pictures):
        pixels[: 8 * (at % 4), :48] = 255
    expected = [shared.find(pixels) for pixels in pictures]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda at: shared.find(pictures[at % 6]), range(60)))

    assert any(expected)
    assert seen == expected * 10


def test_boxes_upon_each_other_are_one_face_and_the_surer_one_stays() -> None:
    sure, inner, beside = Face(10, 10, 50, 50, 0.9), Face(20, 20, 20, 20, 0.6), Face(70, 10, 60, 60, 0.5)
    outer = Face(5, 5, 62, 62, 0.8)

    assert distinct([inner, outer, beside, sure]) == [beside, sure]


def test_neighbours_that_touch_stay_two_faces() -> None:
    left, right = Face(0, 0, 50, 50, 0.9), Face(40, 0, 50, 50, 0.9)

    assert distinct([right, left]) == [left, right]


def test_the_cascade_needs_no_file_and_travels_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(FaceFinder()))  # noqa: S301 - our own bytes

    assert copy.name == "cascade"
    assert len(copy.find(draw_portrait(np.random.default_rng(7), 224, 1))) == 1


def test_a_yunet_network_of_the_users_gives_box_eyes_and_score() -> None:
    finder = FaceFinder(yunet_like())
    pixels = np.zeros((640, 960, 3), np.uint8)  # searched at a third
    pixels[192 : 192 + 3 * BLOB, 480 : 480 + 3 * BLOB] = 255

    faces = finder.find(pixels)

    assert finder.name == "yunet"
    assert len(faces) == 1
    (face,) = faces
    assert (face.x + face.width / 2, face.y + face.height / 2) == pytest.approx((504, 216), abs=26)
    assert face.score > 0.9
    assert face.eyes is not None
    (left_x, left_y), (right_x, right_y) = face.eyes
    assert left_x < right_x
    assert left_y == pytest.approx(right_y, abs=1)


def test_what_is_no_network_is_an_error_when_the_finder_is_made() -> None:
    for data in (b"", b"no network", b"\x00" * 1000):
        with pytest.raises(InputError, match="FACE_DETECTOR"):
            FaceFinder(data)
