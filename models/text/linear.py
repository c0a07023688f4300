"""A linear model over hashed n-grams: a table of weights, looked up and added for a whole batch at once.

Each group of features (words, characters, streams) of a text is scaled to length one, as by TF-IDF. The
scaling is folded into the answer, so that no matrix is made: the weights of a text's features are added, and
the sum is divided by the root of the added squares of their rarity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.text.encoder import TextEncoder
from models.text.facts import FACTS, fact_matrix
from models.text.ngrams import BUCKETS, Grams, grams
from models.text.normalise import Folded

#: Texts are worked on so many at a time, or so many characters: what is held then stays in the caches.
CHUNK_TEXTS, CHUNK_CHARACTERS = 256, 40_000
#: Weight of the groups words, characters and streams.
GROUP_WEIGHTS = (1.0, 1.0, 0.5)
#: Facts further than this from the middle count as this far.
FARTHEST = 3.0
_SMALLEST = 1e-12


@dataclass(frozen=True)
class LinearText:
    """The fitted tables.

    Attributes:
        table: (BUCKETS, heads + 1) float32: of each bucket its weight in each head, times its rarity, and last
            the square of its rarity.
        facts: (FACTS, heads) weights of the facts of a text.
        center, spread: (FACTS,) each: what is taken from a fact, and what it is divided by.
        bias: (heads,).
        encoder: gives the vectors of texts where one is plugged in.
        dense: (size, heads) weights of its numbers.
    """

    table: np.ndarray
    facts: np.ndarray
    center: np.ndarray
    spread: np.ndarray
    bias: np.ndarray
    encoder: TextEncoder | None = None
    dense: np.ndarray | None = None

    @property
    def heads(self) -> int:
        """How many scores each text gets."""
        return len(self.bias)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, heads) scores; a text's does not depend on which others are asked about."""
        found = np.zeros((len(texts), self.heads))
        for start, end in chunks(texts):
            found[start:end] = self._chunk(texts[start:end])
        return found

    def _chunk(self, texts: Sequence[str]) -> np.ndarray:
        folded, groups = grams(texts)
        found = np.tile(self.bias, (len(texts), 1))
        for weight, group in zip(GROUP_WEIGHTS, groups, strict=True):
            sums = self._sums(group)
            found += sums[:, :-1] * (weight / np.sqrt(np.maximum(sums[:, -1:], _SMALLEST)))
        facts = np.clip((fact_matrix(texts, folded) - self.center) / self.spread, -FARTHEST, FARTHEST)
        for at in range(len(FACTS)):  # a product of matrices may depend on how many rows there are
            found += facts[:, at : at + 1] * self.facts[at]
        if self.encoder is not None and self.dense is not None:
            vectors = self.encoder.embed(texts)
            for at, weights in enumerate(self.dense):
                found += vectors[:, at : at + 1] * weights
        return found

    def _sums(self, group: Grams) -> np.ndarray:
        """(n, heads + 1) sums over each text's features, added one after another."""
        count = len(group.bounds) - 1
        rows = np.repeat(np.arange(count), np.diff(group.bounds))
        values = self.table.take(group.buckets, axis=0)
        columns = [np.bincount(rows, values[:, at], count) for at in range(values.shape[1])]
        return np.stack(columns, axis=1)

    def weights_by_place(self, text: str) -> tuple[np.ndarray, Folded]:
        """What each place of the normalised text adds to each head, (places, heads): its n-grams' weights,
        spread evenly over their characters. And the normalised text.
        """
        folded, groups = grams([text])
        parts = np.zeros((len(folded.codes) + 1, self.heads))
        for weight, group in zip(GROUP_WEIGHTS, groups, strict=True):
            values = self.table[group.buckets].astype(np.float64)
            scale = weight / np.sqrt(max(float(values[:, -1].sum()), _SMALLEST))
            share = values[:, :-1] * scale / (group.ends - group.starts)[:, None]
            for head in range(self.heads):
                steps = np.bincount(group.starts, share[:, head], len(parts)) - np.bincount(
                    group.ends, share[:, head], len(parts)
                )
                parts[:, head] += np.cumsum(steps)
        return parts[:-1], folded


def chunks(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(start, end) of spans of ``texts`` that are worked on at a time."""
    spans, start, size = [], 0, 0
    for at, text in enumerate(texts):
        size += len(text) + 1
        if size >= CHUNK_CHARACTERS or at + 1 - start >= CHUNK_TEXTS:
            spans.append((start, at + 1))
            start, size = at + 1, 0
    if start < len(texts):
        spans.append((start, len(texts)))
    return spans


def empty(heads: int) -> LinearText:
    """A model that knows nothing."""
    none = np.zeros(len(FACTS))
    return LinearText(
        np.zeros((BUCKETS, heads + 1), np.float32),
        np.zeros((len(FACTS), heads)),
        none,
        none + 1,
        np.zeros(heads),
    )
