"""What a fitted text says about a rate: a weight for each bucket of words (models/words.py).

A text's buckets all weigh 1 / sqrt(their number), which keeps long texts from shouting.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from models.words import BUCKETS, buckets

#: Longer texts are looked at anew each time: some thousands of them would fill the memory.
LONGEST_REMEMBERED = 400
#: The texts of a clip, in the order of the weights' first axis.
FIELDS = ("title", "hook_text")
#: What the weights say: of a rate as it stands, and of a rate against the others of the same group.
HEADS = ("level", "contrast")


class TextScores:
    """Fitted weights of the buckets. ``weights`` is (fields, BUCKETS, heads) float32."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights
        # the same text is asked about for many places and hours
        self._remembered = lru_cache(maxsize=4096)(self._score)

    @classmethod
    def silent(cls) -> TextScores:
        """Weights that say nothing about any text."""
        return cls(np.zeros((len(FIELDS), BUCKETS, len(HEADS)), dtype=np.float32))

    def score(self, field: int, text: str | None) -> tuple[float, ...]:
        """(heads,) log odds that a text adds; zeros where there is no text."""
        if not text:
            return (0.0,) * len(HEADS)
        return self._remembered(field, text) if len(text) <= LONGEST_REMEMBERED else self._score(field, text)

    def _score(self, field: int, text: str) -> tuple[float, ...]:
        found = buckets(text)
        if not found:
            return (0.0,) * len(HEADS)
        sums = self.weights[field, found].sum(axis=0, dtype=np.float64)
        return tuple((sums / len(found) ** 0.5).tolist())

    def columns(self, field: int, texts: Sequence[str | None]) -> np.ndarray:
        """(n, heads): :meth:`score` of each text; each different one is looked at once."""
        known = {text: self.score(field, text) for text in set(texts)}
        return np.array([known[text] for text in texts], dtype=np.float64).reshape(len(texts), len(HEADS))
