"""What a user would pick instead, for the recommendation benchmark: each learns from the same matrix.

A rival is a function of (users, items) ones and a setting, and gives a function that scores all items for some
users. Its setting is the best of its grid on a tenth of what it may learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.recommendation_data import SEED, TOP, measured

#: So many users judge a setting; so many are scored at once.
JUDGES, BLOCK = 5_000, 500
HELD_OUT = 0.1
Scorer = Callable[[np.ndarray], np.ndarray]


class Rival(NamedTuple):
    """How it learns, and the settings that it may have."""

    fit: Callable[..., Scorer]
    grid: Sequence[dict[str, Any]]


def popularity(liked: Any) -> Scorer:
    """The most popular items."""
    counts = np.bincount(liked.indices, minlength=liked.shape[1]).astype(np.float32)
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def item_knn(liked: Any, k: int) -> Scorer:
    """The k items most similar by the cosine of who liked them, summed over the history."""
    from scipy.sparse import csr_array, diags_array, vstack

    counts = np.maximum(np.bincount(liked.indices, minlength=liked.shape[1]), 1)
    scaled = csr_array(liked @ diags_array((counts**-0.5).astype(np.float32)))
    columns = scaled.T.tocsr()
    parts = []
    for first in range(0, liked.shape[1], BLOCK):
        block = (columns[first : first + BLOCK] @ scaled).tocsr()
        for row in range(block.shape[0]):
            span = slice(block.indptr[row], block.indptr[row + 1])
            values = block.data[span]  # a view: what is set to 0 goes
            values[block.indices[span] == first + row] = 0
            if len(values) > k:
                values[np.argpartition(values, len(values) - k)[: len(values) - k]] = 0
        block.eliminate_zeros()
        parts.append(block)
    similar = vstack(parts, format="csr").T.tocsr()
    return lambda users: np.asarray((liked[users] @ similar).toarray())


def als(liked: Any, factors: int, regularization: float, alpha: float) -> Scorer:
    """implicit's AlternatingLeastSquares (Hu, Koren and Volinsky 2008), 15 sweeps on all cores."""
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # as implicit asks for: it has threads of its own
        model = AlternatingLeastSquares(
            factors=factors, regularization=regularization, alpha=alpha, iterations=15, random_state=SEED
        )
        model.fit(csr_matrix(liked), show_progress=False)
    return lambda users: np.asarray(model.user_factors[users] @ model.item_factors.T)


def ease(liked: Any, penalty: float) -> Scorer:
    """EASE (Steck 2019), exact, in float32. Where there are fewer users than items it is solved by users: with
    ``K = X X' + penalty`` the scores of unseen items are ``(-penalty K^-1 X) / (1 - q)``, ``q`` the diagonal of
    ``X' K^-1 X`` (Woodbury).
    """
    users, items = liked.shape
    if items <= users:
        inverse = _inverse((liked.T @ liked).toarray(), penalty)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return lambda rows: np.asarray(liked[rows] @ weights)
    columns = liked.T.tocsr()
    gram = np.empty((users, users), np.float32)
    for first in range(0, users, BLOCK):
        gram[first : first + BLOCK] = (liked[first : first + BLOCK] @ columns).toarray()
    inverse = _inverse(gram, penalty)
    quadratic = np.zeros(items)
    for first in range(0, users, BLOCK):
        rows = slice(first, first + BLOCK)
        quadratic += np.asarray(liked[rows].multiply((columns @ inverse[rows].T).T).sum(axis=0)).ravel()
    scale = (-penalty / (1 - quadratic)).astype(np.float32)
    return lambda rows: np.asarray((columns @ inverse[rows].T).T * scale)


def _inverse(gram: np.ndarray, penalty: float) -> np.ndarray:
    """The inverse of a positive definite matrix plus ``penalty``, in its own memory, by one thread: with more,
    OpenBLAS (of scipy 1.17) ends in a fault for some 30,000 rows.
    """
    from scipy.linalg import lapack
    from threadpoolctl import threadpool_limits

    count = len(gram)
    gram[np.diag_indices(count)] += penalty
    with threadpool_limits(1, "blas"):
        factor, failed = lapack.spotrf(gram.T, lower=1, clean=0, overwrite_a=1)
        inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise AssertionError("the matrix is not positive definite")
    upper = inverse.T
    for first in range(0, count, BLOCK):
        end = min(first + BLOCK, count)
        square = np.triu(upper[first:end, first:end])
        upper[first:end, first:end] = square + np.triu(square, 1).T
        upper[end:, first:end] = upper[first:end, end:].T
    return np.asarray(upper)


RIVALS: dict[str, Rival] = {
    "popularity": Rival(popularity, [{}]),
    "item-kNN": Rival(item_knn, [{"k": 100}, {"k": 200}]),
    "implicit ALS": Rival(
        als,
        [
            {"factors": 128, "regularization": 3.0, "alpha": 10.0},
            {"factors": 128, "regularization": 10.0, "alpha": 10.0},
            {"factors": 256, "regularization": 10.0, "alpha": 10.0},
        ],
    ),
    "EASE": Rival(ease, [{"penalty": 50.0}, {"penalty": 200.0}, {"penalty": 500.0}]),
}
#: One fit of EASE on data of this many users and items takes minutes: the setting is given.
LARGE, GIVEN = 20_000, {"EASE": {"penalty": 200.0}}


def settings_of(name: str, liked: Any) -> dict[str, Any]:
    """The setting of a rival that is best by NDCG@20 on what is held out."""
    rival = RIVALS[name]
    if len(rival.grid) == 1 or (name in GIVEN and min(liked.shape) > LARGE):
        return GIVEN.get(name, {})
    kept, held = _held_out(liked)
    asked = np.flatnonzero(np.diff(held.indptr))
    judges = np.sort(np.random.default_rng(SEED).permutation(asked)[:JUDGES])

    def judged(setting: dict[str, Any]) -> float:
        lists = best_lists(rival.fit(kept, **setting), kept, judges)
        return float(measured(lists, held[judges])[1].mean())

    return max(rival.grid, key=judged)


def best_lists(score: Scorer, seen: Any, users: np.ndarray) -> np.ndarray:
    """(u, 20) places of the best unseen items for ``users``, the best first."""
    parts = []
    for first in range(0, len(users), BLOCK):
        rows = users[first : first + BLOCK]
        block = np.array(score(rows), np.float32)
        mask = seen[rows]
        block[np.repeat(np.arange(len(rows)), np.diff(mask.indptr)), mask.indices] = -np.inf
        head = np.argpartition(-block, TOP, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(block, head, axis=1), axis=1, kind="stable")
        parts.append(np.take_along_axis(head, order, axis=1))
    return np.concatenate(parts)


def _held_out(liked: Any) -> tuple[Any, Any]:
    from scipy.sparse import csr_array

    held = np.random.default_rng(SEED).random(liked.nnz) < HELD_OUT
    users = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))

    def part(chosen: np.ndarray) -> Any:
        values = np.ones(int(chosen.sum()), np.float32)
        return csr_array((values, (users[chosen], liked.indices[chosen])), shape=liked.shape)

    return part(~held), part(held)
