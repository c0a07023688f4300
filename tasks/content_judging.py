"""From published content to decisions of moderation: scores by the versions in production, and the policy.

Without a version of the text model, or of the image model where there are pictures, a person decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.moderation.decide import Policy
from models.moderation.judging import TextScores, judge, whole_text
from storage.contents import StoredContent

#: What the same versions say of the same revision is one decision, however often they look.
SPACE = uuid.UUID("5f0b9c0e-3f53-4b6f-9a59-6f6c2f7f0a11")


@dataclass(frozen=True)
class Seen:
    """What came of the pictures or frames of a piece of content.

    Attributes:
        scores: label -> score; None where nothing could look.
        keys: under which a reviewer finds the pictures.
        frames: label -> seconds that caused the score, of a video.
        missing: modalities that nothing could look at.
        images: label -> keys of the pictures that caused the score.
        version: of the image model.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    keys: Sequence[str] = ()
    frames: Mapping[str, Sequence[float]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    images: Mapping[str, Sequence[str]] = field(default_factory=dict)
    version: str | None = None


def decision_row(
    content: StoredContent,
    text: TextScores,
    version: str | None,
    policy: Policy,
    at: datetime,
    *,
    language: str | None,
    seen: Seen,
) -> dict[str, Any]:
    """The decision about this revision of ``content``, as ``storage.moderation.insert_decisions`` takes it.

    Args:
        content: as it was claimed.
        text: the scores of its words.
        version: of the model that gave them; None: there is none.
        policy: thresholds and bands.
        at: now, UTC.
        language: of the text, where known.
        seen: what came of its pictures or frames.
    """
    words = whole_text(content.title, content.text)
    version = version if words else None
    decided, known = judge(text, policy, pictures=seen.scores, frames=seen.frames, missing=seen.missing)
    reasons = [reason.as_json() for reason in decided.reasons]
    for reason in reasons:
        if keys := seen.images.get(reason["label"]):
            reason["images"] = list(keys)
    return {
        "id": uuid.uuid5(
            SPACE, f"{content.id}\n{content.revision}\n{version}\n{seen.version}\n{decided.decision}"
        ),
        "content_id": content.id,
        "content_kind": content.kind,
        "creator_id": content.creator_id,
        "at": at,
        "text": words or None,
        "language": language,
        "images": list(seen.keys),
        "decision": decided.decision,
        "scores": known,
        "reasons": reasons,
        "uncertainty": decided.uncertainty,
        "version": version,
        "image_version": seen.version,
        "received_at": at,
        "revision": content.revision,
    }
