"""What the face family may be told: its classes, how a photo is opened, and what counts as a near duplicate."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import Settings
from models.images.limits import ImageLimits
from models.images.options import BACKBONE, DETECTOR, PhotoOptions


@dataclass(frozen=True)
class FaceOptions(PhotoOptions):
    """Options of one fit, and of everything that must agree with it; the classes are styles."""


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
