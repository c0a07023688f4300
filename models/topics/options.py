"""What the topics family may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.settings import Settings


@dataclass(frozen=True)
class TopicOptions:
    """Options of one fit. Categories are the labels that the examples have."""

    def describe(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {}


def options_from_settings(_settings: Settings) -> TopicOptions:
    """The family's options out of the platform's settings."""
    return TopicOptions()
