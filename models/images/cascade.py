"""The frontal face cascade that comes with OpenCV (Viola and Jones, 2001; Lienhart and Maydt, 2002)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.images.align import Face

_FILE = "haarcascade_frontalface_alt2.xml"


@dataclass(frozen=True)
class _Pass:
    """One search: the picture reduced to ``side`` squared pixels, faces from ``least`` pixels on."""

    side: int
    least: int
    step: float
    neighbours: int


# A portrait is found in the first pass (3 ms at 224 pixels, one thread); only where that finds nothing is the
# picture searched closely, down to faces of a tenth of its side. Figures: docs/guides/images.md.
_PASSES = (_Pass(96, 20, 1.15, 3), _Pass(192, 20, 1.1, 3))


class Cascade:
    """One thread's cascade: OpenCV's object keeps buffers and must not be shared."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _FILE))

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Find frontal faces in (h, w, 3) uint8 RGB pixels: the large ones, or else the small ones."""
        height, width = pixels.shape[:2]
        for search in _PASSES:
            ratio = min(1.0, search.side / math.sqrt(height * width))
            grey = _grey(pixels, max(1, round(width * ratio)), max(1, round(height * ratio)))
            boxes, neighbours = self._cascade.detectMultiScale2(
                grey, search.step, search.neighbours, minSize=(search.least, search.least)
            )
            if len(boxes):
                counts = np.ravel(neighbours)
                return [_face(box, int(count), ratio) for box, count in zip(boxes, counts, strict=True)]
            if ratio == 1:
                break
        return []


def _face(box: np.ndarray, neighbours: int, ratio: float) -> Face:
    x, y, width, height = (round(float(side) / ratio) for side in box)
    return Face(x, y, width, height, _score(neighbours))


def _grey(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    # Reducing first is quicker than turning every pixel grey.
    if pixels.shape[:2] != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def _score(neighbours: int) -> float:
    """Turn the number of windows that agree into 0 to 1: 3 windows give 0.38, 20 give 0.8."""
    return neighbours / (neighbours + 5)
