"""Load and ask: realistic texts that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.acceptance import check_answers
from models.moderation.labels import CLASSES, LABELS
from models.moderation.options import ModerationOptions
from models.text.schema import INPUT_SCHEMA

TEXTS: tuple[str | None, ...] = (
    "What a lovely day, see you all at the lake!",
    "WIN a FREE phone now!!! Click http://example.com/win and enter your card number",
    "you are such an 1d1ot, s h u t up",
    "Ich freue mich auf das Konzert morgen 🎉",
    "今日はいい天気ですね",
    "😀😀😀",
    "",
    None,
    "a very long text " * 500,
)


def probe(_options: ModerationOptions) -> pa.Table:
    """Texts of several kinds, in ``INPUT_SCHEMA``."""
    return pa.Table.from_pylist([{"text": text, "language": None} for text in TEXTS], schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], _options: ModerationOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, len(TEXTS), _fault)


def _fault(found: Mapping[str, Any]) -> str | None:
    try:
        label, scores = found["label"], {name: float(found["scores"][name]) for name in LABELS}
    except (KeyError, TypeError, ValueError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if label not in CLASSES:
        return f"the label {label!r} is none"
    if not all(math.isfinite(score) and 0.0 <= score <= 1.0 for score in scores.values()):
        return f"its scores {scores} are no probabilities"
    return "hate is more probable than toxicity" if scores["hate"] > scores["toxicity"] else None
