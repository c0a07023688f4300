"""Where one scene ends and the next begins, from a few reduced frames."""

from __future__ import annotations

import cv2
import numpy as np

#: from here on two frames are of different scenes
CUT = 0.32
_BINS = (8, 4, 4)
_SHAPE = (16, 9)


def signature(pixels: np.ndarray) -> np.ndarray:
    """What a frame looks like: a colour histogram and a tiny grey picture, (272,) float32.

    ``pixels``: (h, w, 3) uint8 RGB, already reduced.
    """
    tiny = cv2.resize(pixels, (64, 36), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(tiny, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256]).ravel()
    grey = cv2.resize(cv2.cvtColor(tiny, cv2.COLOR_RGB2GRAY), _SHAPE, interpolation=cv2.INTER_AREA)
    return np.concatenate([counts / counts.sum(), grey.ravel() / 255.0]).astype(np.float32)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """How far two signatures lie apart, 0 (the same picture) to 1."""
    bins = int(np.prod(_BINS))
    colours = float(np.abs(one[:bins] - other[:bins]).sum()) / 2
    light = float(np.abs(one[bins:] - other[bins:]).mean())
    return 0.5 * colours + 0.5 * min(1.0, 2 * light)


def scene_numbers(times: np.ndarray, signatures: np.ndarray, longest: float) -> np.ndarray:
    """The scene of each frame, counted from 0, (n,) int64.

    A scene ends at a cut, and after ``longest`` seconds at the latest, so that a film without cuts has several.

    Args:
        times: (n,) seconds, rising.
        signatures: (n, 272), of :func:`signature`.
        longest: seconds.
    """
    numbers = np.zeros(len(times), np.int64)
    began = 0
    for at in range(1, len(times)):
        cut = difference(signatures[at - 1], signatures[at]) >= CUT or times[at] - times[began] >= longest
        began = at if cut else began
        numbers[at] = numbers[at - 1] + cut
    return numbers
