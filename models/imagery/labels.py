"""What a review of a piece of content says of one of its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.imagery.options import HARMS, SAFE

#: A model this sure, and contradicted, is worth a second look: at the picture, or at the review.
SURE = 0.9
REJECTED = "rejected"

BOTH = "the review names both nsfw and violence"
DISAGREE = "reviewers disagree about the picture"
CONTRADICTED = "a confident model was contradicted"
#: Why a picture is not learned from.
UNNAMED = "rejected without a label"
WHICH = "one of several pictures, and not among those that were flagged"


@dataclass(frozen=True)
class Answer:
    """What the model said of a picture: class, its probability, its lead over the second class, and all of them
    as JSON. All None where it was not asked, or of several pictures together.
    """

    predicted_class: str | None = None
    confidence: float | None = None
    margin: float | None = None
    probabilities: str | None = None


def label_of(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The label of a picture, and why it is flagged; or None, and why the picture is not learned from.

    A review is about a piece of content. Where that has one picture, its labels are the picture's; where it has
    several, a clean review makes all of them safe, and a harm is that of the pictures which were flagged for it
    alone. Of two harms the worse one is the label, with a flag.

    Args:
        row: of ``storage.sources.imagery.REVIEWED``.
    """
    labels = set(filter(None, (row["labels"] or "").split("+")))
    harms = [name for name in HARMS if name in labels]
    if not harms:
        return (None, UNNAMED) if row["decision"] == REJECTED and not labels else (SAFE, None)
    if row["pictures"] > 1:
        harms = [name for name in harms if row["image"] in _flagged_for(name, row)]
    if not harms:
        return None, WHICH
    return harms[0], BOTH if len(harms) > 1 else None


def doubt_of(row: Mapping[str, Any], label: str, answer: Answer) -> str | None:
    """Why a person should look at the picture and its label once more."""
    if row["disputed"]:
        return DISAGREE
    if answer.confidence is not None and answer.confidence >= SURE and answer.predicted_class != label:
        return f"{CONTRADICTED}: {answer.predicted_class} ({answer.confidence:.2f})"
    return None


def answer_of(row: Mapping[str, Any]) -> Answer:
    """What the model said of the picture, out of the decision's scores."""
    scores = json.loads(row["scores"]) if row["scores"] else {}
    known = {name: float(scores[name]) for name in HARMS if name in scores}
    if row["model_version"] is None or row["pictures"] != 1 or len(known) < len(HARMS):
        return Answer()
    chances = {SAFE: max(0.0, 1.0 - sum(known.values())), **known}
    first, second, *_ = sorted(chances.values(), reverse=True)
    best = max(chances, key=chances.__getitem__)
    return Answer(best, first, first - second, json.dumps(chances, sort_keys=True))


def _flagged_for(label: str, row: Mapping[str, Any]) -> Sequence[str]:
    """Keys of the pictures that the decision names as the cause of ``label``: in a reason's ``images``; or all,
    where a reason names as many ``frames`` as there are pictures, because no others were kept.
    """
    reasons = [one for one in json.loads(row["reasons"] or "[]") if one.get("label") == label]
    named = [key for one in reasons for key in one.get("images") or ()]
    if named:
        return named
    kept = any(len(one.get("frames") or ()) == row["pictures"] for one in reasons)
    return [row["image"]] if kept else []
