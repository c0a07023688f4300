"""YuNet, a small face detection network that a user brings as an ONNX file (Wu et al., 2023)."""

from __future__ import annotations

import cv2
import numpy as np

from config.errors import InputError
from models.images.align import Face

_SEARCH_SIDE = 320
_LEAST_SCORE, _OVERLAP, _MOST_FACES = 0.7, 0.3, 50


class YuNet:
    """One thread's network: OpenCV's object keeps buffers and must not be shared."""

    def __init__(self, onnx: bytes) -> None:
        """Load the network; InputError where the bytes are not one."""
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(onnx, dtype=np.uint8),
                np.empty(0, dtype=np.uint8),
                (_SEARCH_SIDE, _SEARCH_SIDE),
                _LEAST_SCORE,
                _OVERLAP,
                _MOST_FACES,
            )
        except cv2.error as error:
            raise InputError(
                "The face detector is not a YuNet network that OpenCV can read.",
                hint="Set FACE_DETECTOR to an ONNX file of YuNet, or leave it unset for OpenCV's cascade.",
            ) from error

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Find faces with their eyes in (h, w, 3) uint8 RGB pixels, searched at 320 on the longer side."""
        height, width = pixels.shape[:2]
        ratio = min(1.0, _SEARCH_SIDE / max(height, width))
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if ratio < 1 else pixels
        self._network.setInputSize(size)
        _, rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return [] if rows is None else [_face(row, ratio) for row in rows]


def _face(row: np.ndarray, ratio: float) -> Face:
    """Read one row: box (4), right eye, left eye, nose and mouth corners (10), score (1)."""
    x, y, width, height = (round(float(value) / ratio) for value in row[:4])
    eyes = sorted((float(row[at]) / ratio, float(row[at + 1]) / ratio) for at in (4, 6))
    return Face(x, y, max(1, width), max(1, height), float(row[14]), (eyes[0], eyes[1]))
