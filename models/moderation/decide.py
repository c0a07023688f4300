"""From scores to a decision: approved, flagged, review_required or rejected, and what caused it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from config.settings import Settings

APPROVED, FLAGGED, REVIEW_REQUIRED, REJECTED = "approved", "flagged", "review_required", "rejected"
#: From the mildest to the hardest; the worst label decides.
SEVERITY = (APPROVED, FLAGGED, REVIEW_REQUIRED, REJECTED)
#: What is said of each label in a reason.
MEANING: Mapping[str, str] = {
    "spam": "spam",
    "hate": "hate speech",
    "toxicity": "insults or offence",
    "nsfw": "content that is not safe for work",
    "violence": "violence",
}
_SAID = {
    FLAGGED: "may be {what}",
    REVIEW_REQUIRED: "may be {what}: a person should decide",
    REJECTED: "is very probably {what}",
}


@dataclass(frozen=True)
class Policy:
    """What follows from a score.

    Attributes:
        thresholds: label -> the score from which on content is rejected, in (0, 1).
        review_at: share of a threshold from which on a person decides.
        flag_at: share of a threshold from which on content is published with a flag.
    """

    thresholds: Mapping[str, float]
    review_at: float
    flag_at: float


@dataclass(frozen=True)
class Reason:
    """One cause of a decision.

    Attributes:
        label: the label, or the modality that nothing could look at (``image``).
        score: calibrated probability of the label; None where nothing looked.
        threshold: the score from which on content is rejected; None where nothing looked.
        spans: (start, end) characters of the text that weighed most.
        frames: seconds into the video of the frames that weighed most.
        text: a short sentence for people.
    """

    label: str
    score: float | None
    threshold: float | None
    spans: tuple[tuple[int, int], ...]
    frames: tuple[float, ...]
    text: str

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, as ``moderation_decisions.reasons`` keeps it."""
        facts = asdict(self)
        return {**facts, "spans": [list(span) for span in self.spans], "frames": list(self.frames)}


@dataclass(frozen=True)
class Decided:
    """A decision, its reasons (the hardest first), how uncertain it is in [0, 1], and the labels behind it."""

    decision: str
    reasons: tuple[Reason, ...]
    uncertainty: float
    flags: tuple[str, ...]


def policy_from_settings(settings: Settings) -> Policy:
    """The thresholds ``ML_*_THRESHOLD`` and the bands ``MODERATION_REVIEW_AT`` and ``MODERATION_FLAG_AT``."""
    return Policy(
        thresholds={
            "spam": settings.ml_spam_threshold,
            "hate": settings.ml_hate_speech_threshold,
            "toxicity": settings.ml_toxicity_threshold,
            "nsfw": settings.ml_nsfw_threshold,
            "violence": settings.ml_violence_threshold,
        },
        review_at=settings.moderation_review_at,
        flag_at=settings.moderation_flag_at,
    )


def decide(
    scores: Mapping[str, float],
    policy: Policy,
    *,
    spans: Mapping[str, Sequence[Sequence[int]]] | None = None,
    frames: Mapping[str, Sequence[float]] | None = None,
    missing: Sequence[str] = (),
) -> Decided:
    """The decision about content with these scores. A label without a threshold decides nothing.

    Args:
        scores: label -> calibrated probability.
        policy: thresholds and bands.
        spans: label -> (start, end) characters of the text that caused the score.
        frames: label -> seconds of the frames that caused it.
        missing: modalities that nothing could look at: the content is at least ``review_required``.

    Returns:
        ``rejected`` from a label's threshold on, ``review_required`` from ``review_at`` of it on, ``flagged``
        from ``flag_at`` of it on, else ``approved``; the worst label wins.
    """
    spans, frames = spans or {}, frames or {}
    causes: list[tuple[int, float, Reason]] = []
    for label, threshold in policy.thresholds.items():
        if label not in scores:
            continue
        score = float(scores[label])
        level = _level(score, threshold, policy)
        if level != APPROVED:
            reason = Reason(
                label,
                score,
                threshold,
                tuple((int(span[0]), int(span[1])) for span in spans.get(label, ())),
                tuple(float(at) for at in frames.get(label, ())),
                f"The content {_SAID[level].format(what=MEANING.get(label, label))}.",
            )
            causes.append((SEVERITY.index(level), score / threshold, reason))
    for what in missing:
        sentence = f"Nothing could look at the {what}: a person should decide."
        causes.append((SEVERITY.index(REVIEW_REQUIRED), 0.0, Reason(what, None, None, (), (), sentence)))
    causes.sort(key=lambda cause: cause[:2], reverse=True)
    reasons = tuple(reason for _, _, reason in causes)
    decision = SEVERITY[causes[0][0]] if causes else APPROVED
    flags = tuple(reason.label for reason in reasons if reason.score is not None)
    return Decided(decision, reasons, _uncertainty(scores, policy, decision, missing), flags)


def _level(score: float, threshold: float, policy: Policy) -> str:
    if score >= threshold:
        return REJECTED
    if score >= policy.review_at * threshold:
        return REVIEW_REQUIRED
    return FLAGGED if score >= policy.flag_at * threshold else APPROVED


def _uncertainty(scores: Mapping[str, float], policy: Policy, decision: str, missing: Sequence[str]) -> float:
    """1 at the border between review and rejection, falling to 0 at scores of 0 and 1; of the label that is
    nearest to the border, or beyond it. 1 where something could not be looked at, unless the rest rejects.
    """
    if missing and decision != REJECTED:
        return 1.0
    known = [(float(scores[label]), at) for label, at in policy.thresholds.items() if label in scores]
    if not known:
        return 1.0 if missing else 0.0
    score, threshold = max(known, key=lambda pair: pair[0] / pair[1])
    near = score / threshold if score < threshold else (1 - score) / (1 - threshold)
    return min(max(near, 0.0), 1.0)
