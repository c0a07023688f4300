"""Load and ask: texts that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.acceptance import check_answers
from models.text.schema import INPUT_SCHEMA
from models.topics.options import TopicOptions

_TEXTS = (
    "The team won the final in the last minute.",
    "How do I install Python on a new laptop?",
    "",
    "😍😍",
    "x" * 5000,
)
_SLACK = 1e-6


def probe(_options: TopicOptions) -> pa.Table:
    """A few texts: of sports, of technology, empty, of emojis alone, and long."""
    return pa.Table.from_pylist([{"text": text} for text in _TEXTS], schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], _options: TopicOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, len(_TEXTS), _fault)


def _fault(found: Mapping[str, Any]) -> str | None:
    try:
        chances = [float(value) for value in found["probabilities"].values()]
        named = [each["name"] for each in found["categories"]]
        scores = [float(each["score"]) for each in (*found["categories"], *found["topics"])]
        label = found["label"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in (*chances, *scores)):
        return "a chance or score lies outside 0 and 1"
    if abs(sum(chances) - 1.0) > _SLACK:
        return f"its probabilities sum to {sum(chances)}"
    return None if named[:1] == [label] else f"its first category is not {label}"
