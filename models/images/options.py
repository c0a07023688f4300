"""What a family of pictures may be told: its classes, how a picture is opened, and what counts as alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from models.images.limits import ImageLimits

#: Names among the assets: the face detector's file, and the weights that a backbone begins with.
DETECTOR, BACKBONE = "detector", "backbone"


@dataclass(frozen=True)
class PhotoOptions:
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        classes: in the order of the model's outputs.
        limits: what of an image file is opened.
        near_bits: bits of 64 in which the perceptual hashes of near duplicates may differ.
        faces: ``found``: the largest face of a photo is cut out and aligned; ``whole``: the photo is taken
            as it is, for pictures that are cut already and for classes that are no faces.
        assets: bytes of the files that the family's ``assets`` names, by those names.
    """

    classes: tuple[str, ...]
    limits: ImageLimits = field(default_factory=ImageLimits)
    near_bits: int = 4
    faces: str = "found"
    assets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def with_classes(self, classes: tuple[str, ...]) -> Self:
        """The same options for other classes."""
        return replace(self, classes=classes)

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, without the assets."""
        return {
            "classes": list(self.classes),
            "max_bytes": self.limits.max_bytes,
            "max_pixels": self.limits.max_pixels,
            "near_bits": self.near_bits,
            "faces": self.faces,
        }
