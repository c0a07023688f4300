"""The best tags of many token sequences at once under a linear-chain CRF (Viterbi 1967)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.entities.tags import OUTSIDE

#: Taken off a step that BIO does not have, such as from O to the inside of a name.
_FORBIDDEN = -1e4


def allowed(tags: Sequence[str]) -> np.ndarray:
    """(tags + 1, tags): 0 where a tag may follow another (the last row: may begin), else a large minus."""
    before = [*tags, OUTSIDE]
    table = np.zeros((len(before), len(tags)))
    for row, last in enumerate(before):
        for column, tag in enumerate(tags):
            follows = last != OUTSIDE and last[2:] == tag[2:]
            if tag.startswith("I-") and not follows:
                table[row, column] = _FORBIDDEN
    return table


def best_tags(scores: np.ndarray, sizes: Sequence[int], steps: np.ndarray) -> np.ndarray:
    """The tag numbers (tokens,) that score most in each sequence.

    Args:
        scores: (tokens, tags) of all sequences, one after another.
        sizes: tokens of each sequence, none of them 0.
        steps: (tags + 1, tags) score of each tag after each other, and (last row) at the beginning.
    """
    if not len(sizes):
        return np.zeros(0, np.int64)
    # the longest first, so that at each place those that go on are the first rows
    order = np.argsort(-np.asarray(sizes), kind="stable")
    lengths = np.asarray(sizes)[order]
    starts = (np.cumsum(sizes) - sizes)[order]
    best = scores[starts] + steps[-1]
    backs: list[np.ndarray] = []
    ends = np.zeros((len(lengths), scores.shape[1]))
    going = len(lengths)
    for place in range(1, int(lengths[0]) + 1):
        still = int(np.searchsorted(-lengths, -place, side="left"))
        ends[still:going] = best[still:going]
        going = still
        if not going:
            break
        reached = best[:going, :, None] + steps[:-1]
        back = reached.argmax(axis=1)
        backs.append(back)
        best = np.take_along_axis(reached, back[:, None], axis=1)[:, 0] + scores[starts[:going] + place]
    chosen = np.zeros(len(scores), np.int64)
    last = ends.argmax(axis=1)
    for place in range(int(lengths[0]) - 1, -1, -1):
        live = int(np.searchsorted(-lengths, -place, side="left"))
        chosen[starts[:live] + place] = last[:live]
        if place:
            last[:live] = backs[place - 1][np.arange(live), last[:live]]
    return chosen
