"""The words that weighed most, in characters of the original text."""

from __future__ import annotations

import numpy as np

from models.text.codepoints import SPACE
from models.text.linear import LinearText


def spans(model: LinearText, text: str, direction: np.ndarray, most: int) -> list[list[int]]:
    """(start, end) of up to ``most`` words of ``text`` that spoke for a direction, in the order of the text.

    A word is one of the normalised text: letters that were set apart are one word, and what was hidden in it is
    part of the span.

    Args:
        model: the model.
        text: as it was given.
        direction: (heads,) how much each head speaks for what is explained.
        most: how many.
    """
    if most < 1:
        return []
    parts, folded = model.weights_by_place(text)
    said = folded.kinds != SPACE
    edges = np.flatnonzero(said[1:] != said[:-1]) + 1  # the breaks at both ends are spaces
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return []
    values = np.add.reduceat(np.append(parts @ direction, 0.0), np.stack([starts, ends], axis=1).ravel())[::2]
    best = np.argsort(-values, kind="stable")[:most]
    places = folded.places - folded.offsets[0]
    return [
        [int(places[starts[word]]), int(places[ends[word] - 1]) + 1]
        for word in sorted(best.tolist())
        if values[word] > 0.0
    ]
