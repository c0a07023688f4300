"""Parts that stand in for a content worker's."""

from __future__ import annotations

from tests.content_world import models, parts, shared

__all__ = ["models", "parts", "shared"]
