"""Other views of crops: within their bounds, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.images.augment import Augmentation

STILL = {"flip": False, "shift": 0.0, "zoom": 0.0, "turn": 0.0}
CROPS = np.random.default_rng(1).integers(0, 256, (12, 24, 24, 3), dtype=np.uint8)


def moved(**changes: float | bool) -> np.ndarray:
    return Augmentation(**{**STILL, **changes}).moved(CROPS, np.random.default_rng(5))  # type: ignore[arg-type]


def test_nothing_asked_for_changes_nothing() -> None:
    assert (moved() == CROPS).all()


def test_a_flip_mirrors_some_crops_and_leaves_the_others() -> None:
    found = moved(flip=True)

    mirrored = [(one == crop[:, ::-1]).all() for one, crop in zip(found, CROPS, strict=True)]
    same = [(one == crop).all() for one, crop in zip(found, CROPS, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 2 <= sum(mirrored) <= 10


@pytest.mark.parametrize("change", ["shift", "zoom", "turn"])
def test_each_change_moves_pixels_and_repeats_itself(change: str) -> None:
    found = moved(**{change: 0.2})

    assert (found != CROPS).any(axis=(1, 2, 3)).all()
    assert (found == moved(**{change: 0.2})).all()


def test_a_turn_and_a_zoom_keep_the_middle_where_it_is() -> None:
    crops = np.zeros((8, 25, 25, 3), np.uint8)
    crops[:, 11:14, 11:14] = 200

    found = Augmentation(flip=True, shift=0.0, zoom=0.12, turn=0.5).moved(crops, np.random.default_rng(2))

    assert (found[:, 12, 12] > 190).all()


def test_light_stays_within_its_bounds() -> None:
    grey = torch.full((200, 3, 8, 8), 100.0)
    generator = torch.Generator().manual_seed(1)

    found = Augmentation(light=0.3, shade=0.0).lit(grey.clone(), generator)
    shaded = Augmentation(light=0.0, shade=0.5).lit(grey.clone(), generator)

    assert 100 * np.exp(-0.3) <= found.min() < 80
    assert 125 < found.max() <= 100 * np.exp(0.3) + 1e-3
    assert (found.amax(dim=(1, 2, 3)) == found.amin(dim=(1, 2, 3))).all()
    assert (shaded.amax(dim=(1, 2, 3)) > shaded.amin(dim=(1, 2, 3))).all()
    assert Augmentation(light=3.0).lit(grey.clone(), generator).max() <= 255.0
