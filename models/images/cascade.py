"""The frontal face cascade that comes with OpenCV (Viola and Jones, 2001; Lienhart and Maydt, 2002)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.images.align import Face

_FILE = "haarcascade_frontalface_alt2.xml"
_SEARCH_SIDE = 128
_STEP = 1.1
_NEIGHBOURS = 3
_SMALLEST = 5  # a face is at least this part of the shorter side


class Cascade:
    """One thread's cascade: OpenCV's object keeps buffers and must not be shared."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / _FILE))

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Find frontal faces, from a fifth of the shorter side on, in (h, w, 3) uint8 RGB pixels."""
        height, width = pixels.shape[:2]
        ratio = min(1.0, _SEARCH_SIDE / min(height, width))
        grey = _grey(pixels, max(1, round(width * ratio)), max(1, round(height * ratio)))
        least = max(1, min(grey.shape) // _SMALLEST)
        boxes, neighbours = self._cascade.detectMultiScale2(grey, _STEP, _NEIGHBOURS, minSize=(least, least))
        return [_face(box, int(count), ratio) for box, count in zip(boxes, np.ravel(neighbours), strict=True)]


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
