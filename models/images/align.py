"""The square around a face that a classifier sees: one size, the face in the middle, the eyes level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

# A detector's box runs from brow to chin; hair and outline tell a style too.
MARGIN = 1.5
_STEEPEST = math.radians(45)


@dataclass(frozen=True)
class Face:
    """A face's box in pixels of the picture that was searched, how sure the detector is (0 to 1), and the eyes.

    ``eyes`` are the centres (x, y) of the eye on the picture's left and of that on its right.
    """

    x: int
    y: int
    width: int
    height: int
    score: float
    eyes: tuple[tuple[float, float], tuple[float, float]] | None = None


def align(pixels: np.ndarray, face: Face | None, size: int) -> np.ndarray:
    """Cut the square around a face, or the centred square of the whole picture, to (size, size, 3) uint8.

    The square is half as large again as the box, around its middle; where the eyes are known, it is turned so
    that they are level. What lies outside the picture repeats its border.

    ``pixels``: (h, w, 3) uint8 of any size.
    """
    height, width = pixels.shape[:2]
    if face is None:
        return _cut(pixels, width / 2, height / 2, min(width, height), size)
    x, y = face.x + face.width / 2, face.y + face.height / 2
    side = max(face.width, face.height) * MARGIN
    angle = _tilt(face)
    if angle == 0:
        return _cut(pixels, x, y, side, size)
    return _turned(pixels, (x, y), side, angle, size)


def _tilt(face: Face) -> float:
    """Give the angle of the line through the eyes in radians, clockwise; 0 where unknown or not believed."""
    if face.eyes is None:
        return 0.0
    (left_x, left_y), (right_x, right_y) = sorted(face.eyes)
    angle = math.atan2(right_y - left_y, right_x - left_x)
    return angle if abs(angle) <= _STEEPEST else 0.0


def _cut(pixels: np.ndarray, x: float, y: float, side: float, size: int) -> np.ndarray:
    """Cut the square with the middle (x, y), and resize it."""
    height, width = pixels.shape[:2]
    x, y = min(max(x, 0.5), width - 0.5), min(max(y, 0.5), height - 0.5)
    whole = max(1, round(side))
    left, top = round(x - whole / 2), round(y - whole / 2)
    right, bottom = left + whole, top + whole
    inside = pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    over = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if any(over):
        inside = cv2.copyMakeBorder(inside, *over, cv2.BORDER_REPLICATE)
    return _resized(inside, size)


def _resized(square: np.ndarray, size: int) -> np.ndarray:
    if square.shape[0] == size:
        return square.copy()
    smaller = square.shape[0] > size
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _turned(
    pixels: np.ndarray, middle: tuple[float, float], side: float, angle: float, size: int
) -> np.ndarray:
    """Cut an upright square that holds the turned one, resize it, then turn: thin lines do not break up."""
    reach = abs(math.cos(angle)) + abs(math.sin(angle))
    outer = max(size, math.ceil(size * reach))
    holder = _cut(pixels, *middle, side * outer / size, outer)
    turn = cv2.getRotationMatrix2D(((outer - 1) / 2, (outer - 1) / 2), math.degrees(angle), 1.0)
    turn[:, 2] -= (outer - size) / 2
    return cv2.warpAffine(holder, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
