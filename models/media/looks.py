"""How good a frame is as a thumbnail: sharp, well lit, colourful, still."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np

_SHARP = 1500.0  # the Laplacian's variance of a crisp frame of 320 pixels
_COLOURFUL = 80.0  # "highly colourful" is 82 in the source's Table 1
_MOVING = 0.06
_BLANK = 6.0
_DARK = 14.0


@dataclass(frozen=True)
class Looks:
    """Parts of the score, each 0 to 1; ``total`` weighs them, and is near 0 for a blank or black frame."""

    sharpness: float
    exposure: float
    contrast: float
    colour: float
    stillness: float
    total: float

    def as_json(self) -> dict[str, float]:
        """The parts, rounded."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def looks(pixels: np.ndarray, motion: float = 0.0) -> Looks:
    """Judge a frame.

    Args:
        pixels: (h, w, 3) uint8 RGB, reduced to about 320 pixels.
        motion: mean change of brightness to the next frame, 0 to 1.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean, spread = float(grey.mean()), float(grey.std())
    sharpness = min(1.0, math.log1p(float(cv2.Laplacian(grey, cv2.CV_32F).var())) / math.log1p(_SHARP))
    clipped = float(((grey <= 4) | (grey >= 251)).mean())
    exposure = max(0.0, 1 - 1.8 * abs(mean / 255 - 0.47)) * (1 - 0.7 * clipped)
    contrast = min(1.0, spread / 60)
    colour = min(1.0, _colourfulness(pixels) / _COLOURFUL)
    stillness = math.exp(-motion / _MOVING)
    total = 0.3 * sharpness + 0.25 * exposure + 0.15 * contrast + 0.15 * colour + 0.15 * stillness
    if spread < _BLANK or mean < _DARK:
        total *= 0.05
    elif stillness < 0.2:  # a fade, a dissolve, or a smear
        total *= 0.6
    return Looks(sharpness, exposure, contrast, colour, stillness, total)


def motion(one: np.ndarray, other: np.ndarray) -> float:
    """Mean change of brightness between two reduced frames of one size, 0 to 1."""
    greys = [cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in (one, other)]
    return float(cv2.absdiff(greys[0], greys[1]).mean()) / 255


def _colourfulness(pixels: np.ndarray) -> float:
    """Hasler and Süsstrunk, Measuring colourfulness in natural images (2003), section 7."""
    red, green, blue = (pixels[..., at].astype(np.float32) for at in range(3))
    first, second = red - green, 0.5 * (red + green) - blue
    return float(
        math.hypot(first.std(), second.std()) + 0.3 * math.hypot(float(first.mean()), float(second.mean()))
    )
