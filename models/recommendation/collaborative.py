"""Relations between items by what the same people like: a ridge regression for each item on its companions.

For item j the companions N(j) are those that most often occur with it, normalised for busy users and popular
items (as in LinkProp: Fu et al. 2022). Then how much each companion speaks for j is the ridge regression of
column j on the columns N(j): SLIM (Ning and Karypis 2011) with the neighbourhood fixed beforehand and a closed
form, so that cost grows with the items and not with their square, and no dense items-by-items matrix exists
as in EASE (Steck 2019). Users count ``d ** -0.35`` for d items, and the penalty of an item that d users like
grows with ``d ** 0.5``.

docs/decisions/0014-recommender.md has what was tried, and what each part earns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.recommendation.neighbours import Neighbours

#: Exponents of the users' and the companions' degrees in the co-occurrence.
BUSY, POPULAR = 0.6, 0.4
#: Of the regression: how much busy users count, and the penalty ``PENALTY * d ** PENALTY_GROWTH``.
BUSY_RIDGE, PENALTY, PENALTY_GROWTH = 0.35, 30.0, 0.5
#: Exponent of an item's degree in the scores for it: a little against the popular ones.
TARGET = -0.1
#: Items of one block; cells of the dense part of one regression.
BLOCK_ITEMS, DENSE_CELLS = 1024, 4_000_000


def fit_collaborative(liked: Any, companions: int) -> Neighbours:
    """The relations that ``liked`` tells of.

    Args:
        liked: (users, items) csr of how much, none negative.
        companions: |N(j)| at most.

    Returns:
        (items,) rows: what an item of the history says of others. Deterministic. Memory: 8 bytes for each
        relation, at most ``items * companions`` of them, and some 40 while they are made.
    """
    items = liked.shape[1]
    busy, popular = _degrees(liked)
    known = np.full((items, companions), -1, np.int32)
    for first, places in _companions(liked, busy, popular, companions):
        known[first : first + len(places)] = places
    strengths = _ridge(liked, busy, popular, known) * (popular**TARGET).astype(np.float32)[:, None]
    return _rows(known, strengths, items)


def _degrees(liked: Any) -> tuple[np.ndarray, np.ndarray]:
    busy = np.maximum(np.diff(liked.indptr), 1).astype(np.float64)
    popular = np.maximum(np.bincount(liked.indices, minlength=liked.shape[1]), 1).astype(np.float64)
    return busy, popular


def _companions(
    liked: Any, busy: np.ndarray, popular: np.ndarray, most: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of items: the first one, and (b, most) places of the companions of each, rising (-1: fewer)."""
    from scipy.sparse import diags_array

    right = (diags_array(busy**-BUSY) @ liked @ diags_array(popular**-POPULAR)).tocsr().astype(np.float32)
    left = liked.T.tocsr().astype(np.float32)
    for first in range(0, liked.shape[1], BLOCK_ITEMS):
        block = (left[first : first + BLOCK_ITEMS] @ right).tocsr()
        places = np.full((block.shape[0], most), -1, np.int32)
        for row in range(block.shape[0]):
            span = slice(block.indptr[row], block.indptr[row + 1])
            names, found = block.indices[span], block.data[span]
            others = names != first + row
            names, found = names[others], found[others]
            if len(names) > most:
                kept = np.argpartition(found, len(found) - most)[len(found) - most :]
                names, found = names[kept], found[kept]
            places[row, : len(names)] = np.sort(names)
        yield first, places


def _ridge(liked: Any, busy: np.ndarray, popular: np.ndarray, companions: np.ndarray) -> np.ndarray:
    """(items, most) float32: how much each companion speaks for the item."""
    from scipy.linalg import lapack
    from scipy.sparse import diags_array
    from threadpoolctl import threadpool_limits

    columns = (diags_array(busy ** (-BUSY_RIDGE / 2)) @ liked).tocsc().astype(np.float32)
    columns.sort_indices()
    mean = float((columns.data.astype(np.float64) ** 2).sum() / max(columns.nnz, 1))
    penalty = (PENALTY * mean * popular**PENALTY_GROWTH).astype(np.float32)
    found = np.zeros(companions.shape, np.float32)
    scratch = np.empty(columns.shape[0], np.int32)
    with threadpool_limits(limits=1):  # the systems are small: waking threads for each takes ten times as long
        for item in range(len(companions)):
            names = companions[item][companions[item] >= 0]
            if not len(names):
                continue
            gram = _gram(columns, np.append(names, item), scratch)
            system, target = gram[:-1, :-1].copy(), gram[:-1, -1].copy()
            system[np.arange(len(names)), np.arange(len(names))] += penalty[names]
            _, weights, failed = lapack.sposv(system, target, lower=1)
            if not failed:
                found[item, : len(names)] = weights
    return found


def _gram(columns: Any, names: np.ndarray, scratch: np.ndarray) -> np.ndarray:
    """(c, c) inner products of some columns: over the users who have any of them only."""
    first = columns.indptr[names]
    sizes = columns.indptr[names + 1] - first
    count = int(sizes.sum())
    column = np.repeat(np.arange(len(names), dtype=np.int32), sizes)
    at = np.arange(count) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    users = columns.indices[at]
    scratch[users] = np.arange(count, dtype=np.int32)  # one entry stands for each user
    stands = scratch[users]
    number = np.cumsum(stands == np.arange(count), dtype=np.int32) - 1
    rows = number[stands]
    height = int(number[-1]) + 1
    if height * len(names) > DENSE_CELLS:
        from scipy.sparse import csr_array

        some = csr_array((columns.data[at], (rows, column)), shape=(height, len(names)))
        return np.asarray((some.T @ some).toarray())
    dense = np.zeros((height, len(names)), np.float32)
    dense[rows, column] = columns.data[at]
    return np.asarray(dense.T @ dense)


def _rows(companions: np.ndarray, strengths: np.ndarray, items: int) -> Neighbours:
    """The relations by the item of the history (companions speak for targets), in order of target."""
    from scipy.sparse import csr_array

    there = (companions >= 0) & (strengths != 0)
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    by_target = csr_array((strengths[there], companions[there], ends), shape=(len(companions), items))
    by_origin = by_target.tocsc()
    starts, places = by_origin.indptr.astype(np.int64), by_origin.indices.astype(np.int32, copy=False)
    return Neighbours(starts, places, by_origin.data)
