"""From a photo's bytes to the crop that the network sees: the same in training, measuring and serving."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.images.decode import decode_image
from models.images.faces import Face, FaceFinder, align
from models.images.limits import ImageLimits

FOUND, WHOLE, ENTIRE = "found", "whole", "entire"
#: A photo may be decoded smaller as long as its shorter side keeps this many crops' sides: a face that takes a
#: quarter of it is then still cut out at full detail.
_SIDES = 4
_LEAST = 256


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo's crop and what was seen on the way.

    Attributes:
        crop: (size, size, 3) uint8 RGB.
        face_box: x, y, width, height of the face that was cut out, in pixels of the upright full picture.
        faces: how many faces were found; 0 where none was looked for.
        width, height: of the upright full picture.
    """

    crop: np.ndarray
    face_box: tuple[int, int, int, int] | None
    faces: int
    width: int
    height: int


class Preparer:
    """Makes crops; safe to share between threads.

    Args:
        size: pixels a side of a crop.
        limits: what of an image file is opened.
        faces: ``found``: the largest face is cut out and aligned, and a photo without one is taken whole;
            ``whole``: every photo is, by the square in its middle; ``entire``: all of it is seen, pressed into
            a square.
        detector: bytes of a YuNet file; None: OpenCV's cascade.
    """

    def __init__(
        self, size: int, limits: ImageLimits, faces: str = FOUND, detector: bytes | None = None
    ) -> None:
        self.size, self._limits, self._faces = size, limits, faces
        self._finder = FaceFinder(detector) if faces == FOUND else None
        self._shortest = max(_LEAST, _SIDES * size) if faces == FOUND else size

    def __call__(self, data: bytes, limits: ImageLimits | None = None) -> Prepared:
        """The crop of an image file; ``limits`` in place of its own ones. Raises ImageInvalid."""
        picture = decode_image(data, limits or self._limits, shortest=self._shortest)
        faces = self._finder.find(picture.pixels) if self._finder else []
        face = faces[0] if faces else None
        box = None
        if face is not None:
            edges = (face.x, face.y, face.width, face.height)
            x, y, width, height = (round(edge / picture.scale) for edge in edges)
            box = (x, y, width, height)
        return Prepared(self.cut(picture.pixels, face), box, len(faces), picture.width, picture.height)

    def cut(self, pixels: np.ndarray, face: Face | None = None) -> np.ndarray:
        """(size, size, 3) uint8 of decoded pixels (h, w, 3)."""
        if self._faces != ENTIRE:
            return align(pixels, face, self.size)
        smaller = min(pixels.shape[:2]) >= self.size
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return cv2.resize(pixels, (self.size, self.size), interpolation=how)

    def crop(self, data: bytes) -> np.ndarray:
        """(size, size, 3) uint8 of an image file. Raises ImageInvalid."""
        return self(data).crop
