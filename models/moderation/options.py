"""What the moderation family may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.settings import Settings
from models.moderation.labels import LABELS

#: Name among the assets of the encoder's file.
ENCODER = "encoder"


@dataclass(frozen=True)
class ModerationOptions:
    """Options of one fit.

    Attributes:
        classes: the labels.
        assets: bytes of the files that the family's ``assets`` names, by those names.
    """

    classes: tuple[str, ...] = LABELS
    assets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, without the assets."""
        return {"classes": list(self.classes)}


def assets(settings: Settings) -> dict[str, str]:
    """The encoder's path or object key, where one is set."""
    return {ENCODER: settings.moderation_encoder} if settings.moderation_encoder else {}


def options_from_settings(_settings: Settings) -> ModerationOptions:
    """The family's options out of the platform's settings."""
    return ModerationOptions()
