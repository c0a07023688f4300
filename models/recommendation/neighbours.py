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

    def scaled(self, factors: np.ndarray) -> Neighbours:
        """The same with the strength of each relation times the factor, of (n,), of the item it leads to."""
        return Neighbours(self.starts, self.places, self.strengths * factors[self.places])

    def count(self, row: int) -> int:
        """How many items are related to one."""
        return int(self.starts[row + 1] - self.starts[row]) if row < len(self) else 0

    def gather(self, history: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a history (h,), h > 0, of places and their weights: (t,) places, (t,) what each adds, and (h,) how
        many of the terms each row of the history has, one row after the other.
        """
        starts, places, strengths = self.starts, self.places, self.strengths
        ends = list(zip(starts[history].tolist(), starts[history + 1].tolist(), strict=True))
        sizes = np.array([end - first for first, end in ends])
        values = np.concatenate([strengths[first:end] for first, end in ends])
        return (
            np.concatenate([places[first:end] for first, end in ends]),
            values * np.repeat(weights, sizes),
            sizes,
        )


@dataclass(frozen=True)
class Sums:
    """What terms add up to at each place: ``total`` (n,) where there are not too many items; else only at the
    ``found`` places, rising.
    """

    total: np.ndarray
    found: np.ndarray | None = None

    @classmethod
    def of(cls, places: np.ndarray, values: np.ndarray, items: int) -> Sums:
        """The sums of (t,) terms over ``items`` places."""
        if items <= DENSE_ITEMS:
            return cls(np.bincount(places, weights=values, minlength=items))
        found, codes = np.unique(places, return_inverse=True)
        return cls(np.bincount(codes, weights=values, minlength=len(found)), found.astype(np.int64))

    def positive(self, left_out: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) places with a positive sum and (m,) the sums, without those ``left_out``, which have no sum from
        then on, and without those that a mask (n,) does not allow.
        """
        if self.found is None:
            self.total[left_out] = 0.0
            places = np.flatnonzero(self.total > 0)
            places = places[allowed[places]]
            return places, self.total[places]
        kept = (self.total > 0) & allowed[self.found] & ~np.isin(self.found, left_out)
        return self.found[kept], self.total[kept]

    def at(self, places: np.ndarray) -> np.ndarray:
        """(m,) the sums at some places; negative ones count as none."""
        if self.found is None:
            return np.maximum(self.total[places], 0.0)
        if not len(self.found):
            return np.zeros(len(places))
        row = np.minimum(np.searchsorted(self.found, places), len(self.found) - 1)
        return np.where(self.found[row] == places, np.maximum(self.total[row], 0.0), 0.0)


def at_least(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the ``count`` greatest of (m,) values and of all that equal the last of them, rising."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.flatnonzero(values >= np.partition(values, len(values) - count)[len(values) - count])


def strongest(values: np.ndarray, count: int) -> np.ndarray:
    """Indices of the ``count`` greatest of (m,) values, the greatest first; of equal ones the earlier first."""
    if len(values) > count > 0:
        some = at_least(values, count)
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
