"""Faces in a picture, by OpenCV's cascade or by a YuNet network."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np

from models.images.align import Face, align
from models.images.cascade import Cascade
from models.images.yunet import YuNet

__all__ = ["Face", "FaceFinder", "align"]

_SAME = 0.5


class _Detector(Protocol):
    def detect(self, pixels: np.ndarray) -> list[Face]: ...


class FaceFinder:
    """Finds faces; one finder serves any number of threads, each of which gets a detector of its own.

    ``detector`` are the bytes of a YuNet ONNX file; None takes the frontal face cascade that comes with OpenCV.
    OpenCV's own threads are a setting of the whole process and left alone: call ``cv2.setNumThreads(1)`` at the
    start of a process that answers many requests at once.
    """

    def __init__(self, detector: bytes | None = None) -> None:
        self._bytes = detector
        self._local = threading.local()
        self.name = "cascade" if detector is None else "yunet"
        if detector is not None:
            self._local.detector = YuNet(detector)  # a damaged file is an error now, not at the first photo

    def find(self, pixels: np.ndarray) -> list[Face]:
        """Find the faces in (h, w, 3) uint8 RGB pixels, largest first, each once."""
        return distinct(self._detector().detect(pixels))

    def _detector(self) -> _Detector:
        detector: _Detector | None = getattr(self._local, "detector", None)
        if detector is None:
            detector = Cascade() if self._bytes is None else YuNet(self._bytes)
            self._local.detector = detector
        return detector

    def __getstate__(self) -> dict[str, bytes | None]:
        return {"detector": self._bytes}

    def __setstate__(self, state: dict[str, bytes | None]) -> None:
        self.__init__(state["detector"])  # type: ignore[misc]


def distinct(faces: list[Face]) -> list[Face]:
    """Keep the surer one of two boxes that lie upon each other; the rest largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (-face.score, -face.width * face.height, face.x, face.y)):
        if all(_shared(face, other) < _SAME for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: (-face.width * face.height, face.x, face.y))


def _shared(one: Face, other: Face) -> float:
    """Give the part of the smaller box that lies in the other, 0 to 1."""
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(wide, 0) * max(high, 0) / smaller if smaller else 0.0
