"""What the entities family may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.settings import Settings


@dataclass(frozen=True)
class EntityOptions:
    """Options of one fit. The types of names are those that occur in the examples."""

    def describe(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {}


def options_from_settings(_settings: Settings) -> EntityOptions:
    """The family's options out of the platform's settings."""
    return EntityOptions()
