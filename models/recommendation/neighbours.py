"""Related items of each item with their strengths, and what they add up to for a history.

A linear item model: the score of item i for a user is the sum over the history of `weight[j] * strength[j, i]`.
A new interaction is one more row in that sum, so that nothing needs to be trained again for it, and what a
score is made of can be told item by item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Up to so many items a sum has a place for each; past it only what occurs is added up.
DENSE_ITEMS = 300_000
#: Cells of a block of dense rows.
BLOCK_CELLS = 8_000_000


@dataclass(frozen=True)
class Neighbours:
    """Sparse rows: those of item j are ``places[starts[j]:starts[j + 1]]`` (int32) with their ``strengths``
    (float32). ``starts`` is (n + 1,) int64.
    """

    starts: np.ndarray
    places: np.ndarray
    strengths: np.ndarray

    @classmethod
    def none(cls, items: int) -> Neighbours:
        """No relations between ``items`` items."""
        return cls(np.zeros(items + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))

    @classmethod
    def of_rows(cls, places: np.ndarray, strengths: np.ndarray) -> Neighbours:
        """Out of (n, k) places and strengths, of which those without a strength are left out."""
        there = strengths > 0
        starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
        return cls(starts, places[there].astype(np.int32), strengths[there].astype(np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Neighbours]) -> Neighbours:
        """The rows of ``parts`` one after the other."""
        ends = np.cumsum([0, *(len(part.places) for part in parts)])
        starts = [part.starts[:-1] + end for part, end in zip(parts, ends[:-1], strict=True)]
        return cls(
            np.concatenate([*starts, ends[-1:]]).astype(np.int64),
            np.concatenate([part.places for part in parts]) if parts else np.zeros(0, np.int32),
            np.concatenate([part.strengths for part in parts]) if parts else np.zeros(0, np.float32),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def count(self, row: int) -> int:
        """How many items are related to one."""
        return int(self.starts[row + 1] - self.starts[row]) if row < len(self) else 0

    def gather(self, history: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a history (h,) of places and their weights: (t,) places, (t,) what each adds, and (t,) the row of
        the history that it comes from.
        """
        first = self.starts[history]
        sizes = self.starts[history + 1] - first
        rows = np.repeat(np.arange(len(history)), sizes)
        at = np.arange(len(rows)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
        return self.places[at], self.strengths[at] * weights[rows], rows


def sums(places: np.ndarray, values: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray]:
    """(m,) places with a positive sum of ``values``, rising, and (m,) those sums, of (t,) terms.

    Args:
        places: of the terms.
        values: what each adds.
        items: how many places there are.
    """
    if not len(places):
        return np.zeros(0, np.int64), np.zeros(0)
    if items <= DENSE_ITEMS:
        total = np.bincount(places, weights=values, minlength=items)
        found = np.flatnonzero(total > 0)
        return found, total[found]
    names, codes = np.unique(places, return_inverse=True)
    total = np.bincount(codes, weights=values, minlength=len(names))
    positive = total > 0
    return names[positive].astype(np.int64), total[positive]


def strongest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the ``count`` greatest of (m,) values, the greatest first; of equal ones the earlier first."""
    if len(values) > count > 0:
        # all that are at least as great as the last one that may come, so that ties are cut in order
        least = np.partition(values, len(values) - count)[len(values) - count]
        some = np.flatnonzero(values >= least)
        return np.asarray(some[np.argsort(-values[some], kind="stable")][:count])
    return np.argsort(-values, kind="stable")[:count]


def top_rows(block: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(b, k) places and (b, k) values of the greatest values of each row of (b, n), in order of place."""
    width = block.shape[1]
    k = min(k, width)
    if width > k:
        places = np.sort(np.argpartition(block, width - k, axis=1)[:, width - k :], axis=1)
    else:
        places = np.broadcast_to(np.arange(width), block.shape)
    return places, np.take_along_axis(block, places, axis=1)


def blocks(rows: int, columns: int, cells: int = BLOCK_CELLS) -> Iterator[slice]:
    """Slices of ``rows`` rows, each of about ``cells`` cells when a row has ``columns``."""
    step = max(1, cells // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
