"""What the face family may be told: its classes, how a photo is opened, and what counts as a near duplicate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from config.settings import Settings
from models.images.limits import ImageLimits

#: Name of the face detector's file among the assets.
DETECTOR, BACKBONE = "detector", "backbone"


@dataclass(frozen=True)
class FaceOptions:
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        classes: the styles, in the order of the model's outputs.
        limits: what of an image file is opened.
        near_bits: bits of 64 in which the perceptual hashes of near duplicates may differ.
        faces: ``found``: the largest face of a photo is cut out and aligned; ``whole``: the photo is taken
            as it is, for pictures that are cut already and for classes that are no faces.
        assets: bytes of the files that :func:`assets` names, by those names.
    """

    classes: tuple[str, ...]
    limits: ImageLimits = field(default_factory=ImageLimits)
    near_bits: int = 4
    faces: str = "found"
    assets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def with_classes(self, classes: tuple[str, ...]) -> FaceOptions:
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


def options_from_settings(settings: Settings) -> FaceOptions:
    """The family's options out of the platform's settings; the assets are not read yet."""
    return FaceOptions(
        classes=settings.face_classes,
        limits=ImageLimits(settings.image_max_bytes, settings.image_max_pixels),
        near_bits=settings.face_near_duplicate_bits,
    )


def assets(settings: Settings) -> dict[str, str]:
    """Files that the options need: name -> path or object key."""
    wanted = {DETECTOR: settings.face_detector, BACKBONE: settings.face_backbone}
    return {name: place for name, place in wanted.items() if place}
