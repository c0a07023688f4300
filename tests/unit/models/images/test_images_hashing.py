"""The same picture hashes near to itself however it is encoded; other pictures hash far away."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.images import hashing
from models.images.decode import decode_image
from models.images.hashing import NONE_KNOWN, nearest, perceptual_hash, sha256
from models.images.limits import ImageLimits
from tests.unit.models.images.files import file_of
from tests.unit.models.images.portraits import draw_portrait

SIGNED = st.integers(-(2**63), 2**63 - 1)


def bits_between(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def portrait(seed: int, size: int = 160) -> np.ndarray:
    return draw_portrait(np.random.default_rng(seed), size, seed % 15)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), quality=st.integers(50, 95), size=st.integers(96, 400))
def test_the_same_picture_in_another_quality_and_size_is_near(seed: int, quality: int, size: int) -> None:
    pixels = portrait(seed)
    other = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    again = decode_image(file_of(other, "JPEG", quality=quality), ImageLimits()).pixels

    assert bits_between(perceptual_hash(pixels), perceptual_hash(again)) <= 8


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), more=st.integers(-25, 25))
def test_brighter_or_darker_is_near(seed: int, more: int) -> None:
    pixels = portrait(seed)
    other = (pixels.astype(int) + more).clip(0, 255).astype(np.uint8)

    assert bits_between(perceptual_hash(pixels), perceptual_hash(other)) <= 8


def test_different_pictures_are_far() -> None:
    rng = np.random.default_rng(5)
    scenes = [
        cv2.resize(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
        for _ in range(60)
    ]
    hashes = [perceptual_hash(pixels) for pixels in scenes]
    apart = [bits_between(one, other) for at, one in enumerate(hashes) for other in hashes[:at]]

    assert min(apart) >= 12
    assert np.mean(apart) == pytest.approx(32, abs=2)


def test_two_portraits_of_two_people_are_not_duplicates() -> None:
    hashes = [perceptual_hash(portrait(seed)) for seed in range(40)]
    apart = [bits_between(one, other) for at, one in enumerate(hashes) for other in hashes[:at]]

    assert np.quantile(apart, 0.02) > 6
    assert np.median(apart) > 20


def test_a_hash_fits_a_signed_column_and_takes_grey_as_well() -> None:
    hashes = [perceptual_hash(portrait(seed)) for seed in range(20)]

    assert np.array(hashes, dtype=np.int64).tolist() == hashes
    assert min(hashes) < 0 < max(hashes)
    grey = cv2.cvtColor(portrait(1), cv2.COLOR_RGB2GRAY)
    assert perceptual_hash(grey) == perceptual_hash(portrait(1))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (3, 2, 3)])
def test_odd_sizes_have_a_hash(shape: tuple[int, int, int]) -> None:
    assert perceptual_hash(np.full(shape, 90, np.uint8)) == perceptual_hash(np.full(shape, 90, np.uint8))


@settings(max_examples=60, deadline=None)
@given(
    hashes=arrays.arrays(np.int64, st.integers(0, 12), elements=SIGNED),
    known=arrays.arrays(np.int64, st.integers(0, 12), elements=SIGNED),
)
def test_nearest_is_what_looking_at_every_pair_gives(hashes: np.ndarray, known: np.ndarray) -> None:
    distances, indices = nearest(hashes, known)

    for hash_, distance, index in zip(hashes.tolist(), distances.tolist(), indices.tolist(), strict=True):
        apart = [bits_between(hash_, other) for other in known.tolist()]
        assert (distance, index) == ((min(apart), apart.index(min(apart))) if apart else (NONE_KNOWN, -1))


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    hashes, known = (rng.integers(-(2**63), 2**63 - 1, count) for count in (57, 203))
    whole = nearest(hashes, known)
    monkeypatch.setattr(hashing, "_BLOCK_CELLS", 100)
    monkeypatch.setattr(hashing, "_BLOCK_WIDTH", 20)

    for parts, once in zip(nearest(hashes, known), whole, strict=True):
        assert np.array_equal(parts, once)


def test_a_known_hash_is_found_among_many() -> None:
    known = np.random.default_rng(3).integers(-(2**63), 2**63 - 1, 200_000)

    distances, indices = nearest(known[[199_999, 4, 70_000]] ^ np.array([0, 1, 0b101]), known)

    assert distances.tolist() == [0, 1, 2]
    assert indices.tolist() == [199_999, 4, 70_000]


def test_sha256_is_that_of_the_bytes() -> None:
    assert sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()
