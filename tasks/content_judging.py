"""From published content to decisions of moderation: scores by the versions in production, and the policy.

Without a version of the text model, or of the image model where there are pictures, a person decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.moderation.decide import Policy, decide
from models.moderation.labels import LABELS
from storage.contents import StoredContent
from tasks.content_models import InUse

#: Words of a text that are pointed at, for each label.
MOST_SPANS = 5
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


def text_scores(model: InUse | None, texts: Sequence[str]) -> list[dict[str, float] | None]:
    """Scores of each text by label: none of an empty one, None where there is no model."""
    asked = [text for text in texts if text.strip()]
    if model is None:
        return [None if text.strip() else {} for text in texts]
    found = iter(model.predictor.score(asked).tolist() if asked else ())
    return [dict(zip(LABELS, next(found), strict=True)) if text.strip() else {} for text in texts]


def decision_row(
    content: StoredContent,
    scores: Mapping[str, float] | None,
    model: InUse | None,
    policy: Policy,
    at: datetime,
    *,
    language: str | None,
    seen: Seen,
) -> dict[str, Any]:
    """The decision about this revision of ``content``, as ``storage.moderation.insert_decisions`` takes it.

    Args:
        content: as it was claimed.
        scores: of its text; None: there is no text model.
        model: that gave them.
        policy: thresholds and bands.
        at: now, UTC.
        language: of the text, where known.
        seen: what came of its pictures or frames.
    """
    text = content.words
    version = model.version if model is not None and text.strip() else None
    missing = [*(("text",) if scores is None else ()), *seen.missing]
    known = {label: round(float(score), 6) for label, score in {**(scores or {}), **seen.scores}.items()}
    spans = {
        label: model.predictor.spans(text, label, MOST_SPANS)
        for label, score in (scores or {}).items()
        if model is not None and score >= policy.flag_at * policy.thresholds.get(label, 1.0)
    }
    decided = decide(known, policy, spans=spans, frames=seen.frames, missing=missing)
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
        "text": text or None,
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
