"""Load and ask: texts that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.acceptance import check_answers
from models.sentiment.lexicon import CLASSES
from models.sentiment.options import SentimentOptions
from models.text.schema import INPUT_SCHEMA

_TEXTS = (
    "I love this song so much!",
    "This is the worst video ever.",
    "Part two is out on Tuesday.",
    "",
    "😍😍",
    "x" * 5000,
)
_SLACK = 1e-6


def probe(_options: SentimentOptions) -> pa.Table:
    """A few texts: glad, angry, plain, empty, of emojis alone, and long."""
    return pa.Table.from_pylist([{"text": text} for text in _TEXTS], schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], _options: SentimentOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, len(_TEXTS), _fault)


def _fault(found: Mapping[str, Any]) -> str | None:
    try:
        score = float(found["score"])
        chances = [float(value) for value in found["probabilities"].values()]
        label = found["label"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if label not in CLASSES:
        return f"its label is {label}"
    if not (math.isfinite(score) and -1.0 <= score <= 1.0):
        return f"its score is {score}"
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in chances):
        return f"its probabilities {chances} are none"
    return None if abs(sum(chances) - 1.0) <= _SLACK else f"its probabilities sum to {sum(chances)}"
