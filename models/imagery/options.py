"""What image moderation may be told: its classes, how a picture is opened, and what its scores decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.settings import Settings
from models.images.limits import ImageLimits
from models.images.options import BACKBONE, PhotoOptions
from models.images.prepare import ENTIRE

SAFE, NSFW, VIOLENCE = "safe", "nsfw", "violence"
#: Labels that are acted upon, the worse first.
HARMS = (NSFW, VIOLENCE)


@dataclass(frozen=True)
class ImageryOptions(PhotoOptions):
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        classes: ``safe``, and what is acted upon.
        faces: ``entire``: what stands at the edge of a picture counts too.
        thresholds: label -> the score from which on a picture is rejected, for figures of an evaluation.
        review_at: from this share of a threshold on a person looks.
    """

    classes: tuple[str, ...] = (SAFE, *HARMS)
    faces: str = ENTIRE
    thresholds: Mapping[str, float] = field(default_factory=dict)
    review_at: float = 0.5


def options_from_settings(settings: Settings) -> ImageryOptions:
    """The family's options out of the platform's settings; the assets are not read yet."""
    return ImageryOptions(
        limits=ImageLimits(settings.image_max_bytes, settings.image_max_pixels),
        thresholds={NSFW: settings.ml_nsfw_threshold, VIOLENCE: settings.ml_violence_threshold},
        review_at=settings.moderation_review_at,
    )


def assets(settings: Settings) -> dict[str, str]:
    """Files that the options need: name -> path or object key."""
    return {BACKBONE: settings.imagery_backbone} if settings.imagery_backbone else {}
