"""The part of a frame that a thumbnail of another shape keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.images.align import Face

#: name -> width and height
SHAPES: dict[str, tuple[int, int]] = {"16x9": (16, 9), "1x1": (1, 1), "9x16": (9, 16)}
_SIDE = 64
_FACES = 4.0  # all faces together weigh this many times what the whole rest does


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; ``left`` and ``top`` belong to it."""

    left: int
    top: int
    width: int
    height: int

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """The rectangle's pixels, a view."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


def attention(pixels: np.ndarray, faces: Sequence[Face] = ()) -> np.ndarray:
    """Where one looks, (64, 64) float64 that sums to 1.

    Spectral residual (Hou and Zhang, 2007, section 2.3), and faces above all else.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        faces: in pixels of this frame.
    """
    grey = cv2.cvtColor(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    spectrum = np.fft.fft2(grey.astype(np.float64))
    log = np.log(np.abs(spectrum) + 1e-9)
    residual = log - cv2.blur(log, (3, 3))
    seen = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    seen = cv2.GaussianBlur(seen, (0, 0), 2.5)
    if float(grey.std()) < 1:
        seen = np.ones_like(seen)
    seen /= seen.sum()
    if faces:
        seen += _FACES * _of_faces(pixels.shape[0], pixels.shape[1], faces)
    return np.asarray(seen / seen.sum())


def crop(height: int, width: int, shape: tuple[int, int], seen: np.ndarray) -> Box:
    """The largest box of that shape inside a frame, moved to where most of ``seen`` lies in it.

    Args:
        height: of the frame.
        width: of the frame.
        shape: width and height of the shape, such as (16, 9).
        seen: (64, 64), of :func:`attention`.
    """
    wide = min(width, max(1, round(height * shape[0] / shape[1])))
    high = min(height, max(1, round(width * shape[1] / shape[0])))
    return Box(_place(seen.sum(axis=0), width, wide), _place(seen.sum(axis=1), height, high), wide, high)


def shrink(pixels: np.ndarray, longest: int) -> np.ndarray:
    """Reduce so that the longer side has at most that many pixels; never enlarge."""
    height, width = pixels.shape[:2]
    ratio = longest / max(height, width)
    if ratio >= 1:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _place(along: np.ndarray, whole: int, part: int) -> int:
    """Where a window of ``part`` of ``whole`` pixels begins; of equals the one nearest to the middle."""
    if part >= whole:
        return 0
    sums = np.concatenate([[0.0], np.cumsum(along)])
    edges = np.linspace(0, whole, len(sums))
    starts = np.arange(whole - part + 1)
    inside = np.interp(starts + part, edges, sums) - np.interp(starts, edges, sums)
    off_centre = np.abs(starts - (whole - part) / 2) / whole
    return int(np.argmax(inside - 0.1 * off_centre))


def _of_faces(height: int, width: int, faces: Sequence[Face]) -> np.ndarray:
    marked = np.zeros((_SIDE, _SIDE))
    for face in faces:
        left, top = face.x * _SIDE / width, face.y * _SIDE / height
        right, bottom = left + face.width * _SIDE / width, top + face.height * _SIDE / height
        area = marked[max(0, int(top)) : max(1, round(bottom)), max(0, int(left)) : max(1, round(right))]
        area += face.score * np.sqrt(face.width * face.height) / max(1, area.size)
    total = marked.sum()
    return marked / total if total else marked
