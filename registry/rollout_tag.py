"""What services are told of a rollout: a tag on the version in production. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TAG = "assay.rollout"
MODES = ("canary", "shadow")


@dataclass(frozen=True)
class RolloutTag:
    """A version that is tried beside the one in production; ``dataset`` is what it was trained on."""

    id: int
    version: str
    mode: str
    share: float
    started_at: str
    dataset: str = ""


def rollout_of(tags: Mapping[str, str]) -> RolloutTag | None:
    """The rollout beside a version with these tags; None: there is none, or none that can be understood."""
    try:
        told: dict[str, Any] = json.loads(tags.get(TAG) or "null") or {}
        tag = RolloutTag(
            int(told["id"]),
            str(told["version"]),
            str(told["mode"]),
            float(told["share"]),
            str(told["started_at"]),
            str(told.get("dataset", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return tag if tag.mode in MODES and 0 < tag.share <= 1 else None
