"""From texts to decisions, for service and background alike: scores, the words behind them, the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.moderation.decide import Decided, Policy, decide
from models.moderation.labels import LABELS
from models.text.many_spans import many_spans

#: Words of a text that are pointed at, for each label.
MOST_SPANS = 5
#: Scores are kept and told to so many digits, and decided by what is told.
DIGITS = 6
TEXT = "text"


@dataclass(frozen=True)
class TextScores:
    """What the model says of a text.

    Attributes:
        scores: label -> calibrated probability, none of an empty text; None: there is no model.
        spans: label -> (start, end) characters of the words behind a score from which something may follow.
    """

    scores: Mapping[str, float] | None
    spans: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)


def whole_text(title: str | None, text: str | None) -> str:
    """Title and text as one: what is scored and kept, and what spans count in."""
    return "\n".join([part for part in (title, text) if part and not part.isspace()])


def score_texts(predictor: Any, texts: Sequence[str], policy: Policy) -> list[TextScores]:
    """The scores of each of ``texts`` (see :func:`whole_text`), and the words behind those that matter.

    Args:
        predictor: the moderation predictor; None: there is none.
        texts: as they were written.
        policy: thresholds and bands.
    """
    asked = [text for text in texts if text]
    if predictor is None:
        return [TextScores(None if text else {}) for text in texts]
    rows = predictor.score(asked).tolist() if asked else []
    found = [dict(zip(LABELS, row, strict=True)) for row in rows]
    spans = _spans(predictor, asked, found, policy)
    told = iter([TextScores(scores, words) for scores, words in zip(found, spans, strict=True)])
    return [next(told) if text else TextScores({}) for text in texts]


def _spans(
    predictor: Any, texts: Sequence[str], scores: Sequence[Mapping[str, float]], policy: Policy
) -> list[dict[str, list[list[int]]]]:
    """Nobody asks which words weighed where nothing follows from a score."""
    least = [policy.flag_at * policy.thresholds.get(name, 1.0) for name in LABELS]
    heads = [[number for number, name in enumerate(LABELS) if found[name] >= least[number]] for found in scores]
    places = [place for place, wanted in enumerate(heads) if wanted]
    spans: list[dict[str, list[list[int]]]] = [{} for _ in texts]
    if places:
        found = many_spans(
            predictor.linear, [texts[place] for place in places], [heads[place] for place in places], MOST_SPANS
        )
        for place, by_head in zip(places, found, strict=True):
            spans[place] = {LABELS[number]: words for number, words in by_head.items()}
    return spans


def compared(
    text: TextScores,
    policy: Policy,
    *,
    pictures: Mapping[str, float] | None = None,
    frames: Mapping[str, Sequence[float]] | None = None,
    missing: Sequence[str] = (),
) -> dict[str, Any]:
    """What :func:`judge` would decide, as it is kept to compare: ``decision``, ``flags`` and ``scores``."""
    decided, known = judge(text, policy, pictures=pictures, frames=frames, missing=missing)
    return {"decision": decided.decision, "flags": decided.flags, "scores": known}


def judge(
    text: TextScores,
    policy: Policy,
    *,
    pictures: Mapping[str, float] | None = None,
    frames: Mapping[str, Sequence[float]] | None = None,
    missing: Sequence[str] = (),
) -> tuple[Decided, dict[str, float]]:
    """The decision, and the scores that it was made by.

    Args:
        text: of the title and the text.
        policy: thresholds and bands.
        pictures: label -> score of pictures or frames.
        frames: label -> seconds of the frames that caused it.
        missing: modalities beside the text that nothing could look at.
    """
    scores = {**(text.scores or {}), **(pictures or {})}
    known = {label: round(float(score), DIGITS) for label, score in scores.items()}
    unseen = [*((TEXT,) if text.scores is None else ()), *missing]
    return decide(known, policy, spans=text.spans, frames=frames, missing=unseen), known
