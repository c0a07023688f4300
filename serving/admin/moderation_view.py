"""How decisions of moderation are shown: the text with its causes marked, and scores beside thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from serving.admin.moderation_form import LABELS

#: A bar is so long at a score of 1.
LENGTH = 100.0
#: Of a longer text so much is shown around what was marked.
MOST_TEXT, AROUND = 1200, 300


@dataclass(frozen=True)
class Piece:
    """A part of a text: the labels that it caused, none for the rest."""

    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A label's score, and where its threshold is; lengths are of a bar of 100.

    ``reached``: the score is at the threshold or above it.
    """

    label: str
    title: str
    score: float
    threshold: float | None

    @property
    def length(self) -> float:
        """Of the bar."""
        return LENGTH * min(1.0, max(0.0, self.score))

    @property
    def mark(self) -> float | None:
        """Where the threshold stands on it."""
        return None if self.threshold is None else LENGTH * self.threshold

    @property
    def reached(self) -> bool:
        """Whether the label holds by the model."""
        return self.threshold is not None and self.score >= self.threshold


def pieces(text: str, reasons: Iterable[Mapping[str, Any]], *, most: int | None = MOST_TEXT) -> list[Piece]:
    """``text`` cut where something that caused a decision begins or ends.

    Args:
        text: the original text.
        reasons: of the decision; ``spans`` are pairs of character places, end exclusive. One that lies outside
            of the text is left out.
        most: of a longer text, what is far from every mark is left out, with an ellipsis; None: all is shown.
    """
    marks = [
        (max(0, int(start)), min(len(text), int(end)), str(reason["label"]))
        for reason in reasons
        for start, end in reason.get("spans") or ()
        if int(start) < min(len(text), int(end))
    ]
    cuts = sorted({0, len(text), *(place for mark in marks for place in mark[:2])})
    found = []
    for start, end in pairwise(cuts):
        held = {label for a, b, label in marks if a <= start and end <= b}
        found.append(Piece(text[start:end], tuple(name for name in LABELS if name in held)))
    return found if most is None or len(text) <= most else _shortened(found, most)


def _shortened(found: Sequence[Piece], most: int) -> list[Piece]:
    """Marked pieces whole, and of the others only what is beside them; at most about ``most`` characters."""
    kept: list[Piece] = []
    length = 0
    for number, piece in enumerate(found):
        if length >= most:
            kept.append(Piece(" …"))
            break
        text = piece.text
        if not piece.labels and len(text) > 2 * AROUND:
            before = text[:AROUND] if number > 0 else text[: 2 * AROUND] if len(found) == 1 else ""
            after = text[-AROUND:] if number < len(found) - 1 else ""
            text = f"{before} … {after}".strip(" ") if before or after else " …"
        kept.append(Piece(text[:most], piece.labels))
        length += len(text)
    return kept


def scores(found: Mapping[str, Any], thresholds: Mapping[str, float]) -> list[Score]:
    """The scores in the order of the labels, and after those what is no label of ours."""
    order = [name for name in LABELS if name in found] + sorted(set(found) - set(LABELS))
    return [
        Score(name, LABELS.get(name, name), float(found[name]), thresholds.get(name))
        for name in order
        if isinstance(found[name], int | float)
    ]


def suggested(found: Mapping[str, Any], thresholds: Mapping[str, float]) -> list[str]:
    """The labels that the models say hold; where none does, the likeliest one is no suggestion."""
    return [one.label for one in scores(found, thresholds) if one.reached]


def asides(reasons: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the reasons say beside a label's score: modalities that nothing could look at, moments of frames."""
    told = []
    for reason in reasons:
        said = str(reason.get("text") or "").strip()
        frames = [float(one) for one in reason.get("frames") or ()]
        if frames:
            at = ", ".join(f"{int(one // 60)}:{one % 60:04.1f}" for one in frames[:8])
            said = f"{said} At {at}{' and later' if len(frames) > 8 else ''}.".strip()
        if said:
            told.append(said)
    return list(dict.fromkeys(told))
