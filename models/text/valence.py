"""How harsh and how kind the known words of a text are, for a whole batch at once.

The words and their valence in [-4, 4] are VADER's (Hutto and Gilbert 2014), as the package vaderSentiment ships
them; English only. They are found by the hashes of the words of normalised texts, so that a disguised word
counts too. A word behind a negation counts the other way, and less, by VADER's own factor.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from models.text.ngrams import tokens
from models.text.normalise import Folded, fold

#: VADER's factor of a negated word, and the constant that maps sums into [-1, 1].
_NEGATED, _ALPHA = -0.74, 15.0
_NEGATIONS = (
    "not",
    "no",
    "never",
    "none",
    "without",
    "cannot",
    "aint",
    "dont",
    "isnt",
    "wasnt",
    "cant",
    "wont",
)


def feelings(folded: Folded) -> np.ndarray:
    """(n, 3) of n texts: log(1 + the sum of harsh words), the same of kind words, and both in [-1, 1]."""
    count = len(folded.starts) - 1
    starts, _, hashes, _ = tokens(folded)
    known, values, negations = _lexicon()
    if not len(starts):
        return np.zeros((count, 3))
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found = np.where(known[at] == hashes, values[at], 0.0)
    rows = np.searchsorted(folded.starts, starts, side="right") - 1
    negated = np.zeros(len(found), bool)
    negated[1:] = np.isin(hashes[:-1], negations) & (rows[1:] == rows[:-1])
    found = np.where(negated, found * _NEGATED, found)
    harsh = np.bincount(rows, np.maximum(-found, 0.0), count)
    kind = np.bincount(rows, np.maximum(found, 0.0), count)
    total = kind - harsh
    return np.stack([np.log1p(harsh), np.log1p(kind), total / np.sqrt(total * total + _ALPHA)], axis=1)


@lru_cache(maxsize=1)
def _lexicon() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(words,) hashes, rising, their valences, and the hashes of negations."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    lexicon = SentimentIntensityAnalyzer().lexicon
    words = sorted(word for word in lexicon if word.isalpha())
    hashes, places = np.unique(_hashes(words), return_index=True)
    values = np.array([lexicon[words[place]] for place in places.tolist()])
    return hashes, values, _hashes(_NEGATIONS)


def _hashes(words: list[str] | tuple[str, ...]) -> np.ndarray:
    """(n,) uint64 hash of the first word of each, as texts have them."""
    folded = fold(words)
    starts, _, hashes, _ = tokens(folded)
    rows = np.searchsorted(folded.starts, starts, side="right") - 1
    found = np.zeros(len(words), np.uint64)
    found[rows[::-1]] = hashes[::-1]
    return found
