"""The words that weighed most in many texts at once: what a service asks of all that it does not approve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.text.codepoints import SPACE
from models.text.linear import GROUP_WEIGHTS, LinearText, chunks
from models.text.ngrams import grams
from models.text.normalise import Folded

_SMALLEST = 1e-12
#: Sums over places are this exact: less than this is nothing.
_NOTHING = 1e-9


def many_spans(
    model: LinearText, texts: Sequence[str], heads: Sequence[Sequence[int]], most: int
) -> list[dict[int, list[list[int]]]]:
    """For each text, and each of its heads, (start, end) of up to ``most`` words that spoke for that head.

    The words are those of :func:`models.text.spans.spans`, found for a batch by one pass over its features:
    several times quicker than one by one.

    Args:
        model: the model.
        texts: as they were given.
        heads: for each text, the heads that are to be explained.
        most: how many words.
    """
    found: list[dict[int, list[list[int]]]] = []
    for start, end in chunks(texts):
        found += _chunk(model, texts[start:end], heads[start:end], most)
    return found


def _chunk(
    model: LinearText, texts: Sequence[str], heads: Sequence[Sequence[int]], most: int
) -> list[dict[int, list[list[int]]]]:
    parts, folded = _by_place(model, texts)
    said = folded.kinds != SPACE
    edges = np.flatnonzero(said[1:] != said[:-1]) + 1  # the breaks at both ends are spaces
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return [{head: [] for head in wanted} for wanted in heads]
    values = np.add.reduceat(parts, np.stack([starts, ends], axis=1).ravel(), axis=0)[::2]
    bounds = np.searchsorted(starts, folded.starts)
    answers = []
    for row, wanted in enumerate(heads):
        words = slice(int(bounds[row]), int(bounds[row + 1]))
        first, last = (folded.places[at] - folded.offsets[row] for at in (starts[words], ends[words] - 1))
        answers.append({head: _best(values[words, head], first, last, most) for head in wanted})
    return answers


def _best(values: np.ndarray, first: np.ndarray, last: np.ndarray, most: int) -> list[list[int]]:
    """The places of the words with the highest values, in the order of the text."""
    best = np.argsort(-values, kind="stable")[:most]
    return [
        [int(first[word]), int(last[word]) + 1] for word in sorted(best.tolist()) if values[word] > _NOTHING
    ]


def _by_place(model: LinearText, texts: Sequence[str]) -> tuple[np.ndarray, Folded]:
    """What each place of the normalised texts adds to each head, (places + 1, heads), as
    :meth:`models.text.linear.LinearText.weights_by_place` for one text.
    """
    folded, groups = grams(texts)
    parts = np.zeros((len(folded.codes) + 1, model.heads))
    for weight, group in zip(GROUP_WEIGHTS, groups, strict=True):
        rows = np.repeat(np.arange(len(texts)), np.diff(group.bounds))
        values = model.table.take(group.buckets, axis=0).astype(np.float64)
        norms = np.bincount(rows, values[:, -1], len(texts))
        scale = weight / np.sqrt(np.maximum(norms, _SMALLEST))
        share = values[:, :-1] * (scale[rows] / (group.ends - group.starts))[:, None]
        for head in range(model.heads):
            parts[:, head] += np.bincount(group.starts, share[:, head], len(parts))
            parts[:, head] -= np.bincount(group.ends, share[:, head], len(parts))
    return np.cumsum(parts, axis=0), folded
