"""Sentiment without a trained model: the words of VADER (Hutto and Gilbert 2014), and emojis.

It knows English words only; in other languages emojis and punctuation are all it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from models.sentiment.emojis import valence, without_known

NEGATIVE, NEUTRAL, POSITIVE = CLASSES = ("negative", "neutral", "positive")
#: Characters that are looked at: VADER takes time by the square of the words.
MOST_CHARACTERS = 2000
#: VADER's own borders of neutral, and the constant that maps its sums into [-1, 1].
_BORDER, _ALPHA = 0.05, 15.0
_NEARLY_ONE = 0.9999


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


class LexiconSentiment:
    """Answers as a trained sentiment model does."""

    def __init__(self) -> None:
        _analyzer()

    @property
    def name(self) -> str:
        """What answers, for ``parts``."""
        return "lexicon"

    def sentiments(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """``label`` and ``score`` in [-1, 1] of each text."""
        return [answer(score(text)) for text in texts]


def vader(text: str) -> dict[str, float]:
    """VADER's ``neg``, ``neu``, ``pos`` and ``compound`` of ``text``."""
    if not text.strip():
        return {"neg": 0.0, "neu": 0.0, "pos": 0.0, "compound": 0.0}
    found: dict[str, float] = _analyzer().polarity_scores(text)
    return found


def score(text: str) -> float:
    """The feeling of ``text`` in [-1, 1]; 0 where nothing is known."""
    head = text[:MOST_CHARACTERS]
    feeling = valence(head)
    plain = without_known(head).strip()
    if any(map(str.isalnum, plain)) or (plain and not feeling):
        compound = vader(plain)["compound"]
        compound = max(-_NEARLY_ONE, min(_NEARLY_ONE, compound))
        # back to VADER's sum, to which the emojis are words like others
        feeling += compound * math.sqrt(_ALPHA / (1.0 - compound * compound))
    return feeling / math.sqrt(feeling * feeling + _ALPHA)


def answer(value: float) -> dict[str, Any]:
    """Label and score, by VADER's borders."""
    label = POSITIVE if value >= _BORDER else NEGATIVE if value <= -_BORDER else NEUTRAL
    return {"label": label, "score": round(value, 4)}
