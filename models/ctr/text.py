"""Words of a text as numbered buckets (the hashing trick), and what a fitted text says about a rate.

Weinberger et al. 2009, "Feature hashing for large scale multitask learning": a word or a pair of neighbouring
words is the bucket that its CRC-32 names, so that no vocabulary is kept and a word never seen before has a
place too. A text's buckets all weigh 1 / sqrt(their number), which keeps long texts from shouting.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

BUCKETS = 1 << 16
#: Words past this many are not looked at.
MOST_WORDS = 80
#: Longer texts are looked at anew each time: some thousands of them would fill the memory.
LONGEST_REMEMBERED = 400
#: The texts of a clip, in the order of the weights' first axis.
FIELDS = ("title", "hook_text")
#: What the weights say: of a rate as it stands, and of a rate against the others of the same group.
HEADS = ("level", "contrast")
#: A run of letters and digits; a sign of a script without spaces stands alone, and so does punctuation.
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]"
)
_ALONE = b"\x00"


def buckets(text: str | None) -> list[int]:
    """The buckets of a text's words and pairs of words, each once, rising; empty where there is no text."""
    if not text:
        return []
    words = [word.encode("utf-8", "surrogatepass") for word in _TOKEN.findall(text.lower())[:MOST_WORDS]]
    crc = zlib.crc32
    found = {crc(word) & (BUCKETS - 1) for word in words}
    found.update(crc(second, crc(_ALONE, crc(first))) & (BUCKETS - 1) for first, second in pairwise(words))
    return sorted(found)


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
