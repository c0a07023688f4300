"""Fit words' weights: ridge regression of log odds on buckets, with a random level for each group.

The model is y = x w + u[group] + noise, with normal priors on w and u (a mixed model: Henderson 1975). Two fits
give the two heads. For ``level`` groups have no level of their own, and words explain why a whole group does
well; for ``contrast`` they have, so that words explain the differences inside a group. For ranking the
variants of one test the second is better by far; for the level of a new clip the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.ctr.spread import Spread, log_odds
from models.ctr.text import BUCKETS, FIELDS, HEADS, TextScores, buckets

if TYPE_CHECKING:
    from scipy import sparse

#: Prior precision of a bucket's weight, by head.
PRECISIONS = {"level": 5.0, "contrast": 10.0}
#: Variance of log odds between groups, and between the rows of a group beyond chance, that the fits go by.
_GROUP_VARIANCE, _ROW_VARIANCE = 0.4, 0.05
_ROUNDS = 60
_TOLERANCE = 1e-4


def text_matrix(texts: Sequence[Sequence[str | None]]) -> sparse.csr_matrix:
    """(n, fields * BUCKETS) of the rows' texts by field: a text's buckets weigh 1 / sqrt(their number)."""
    from scipy import sparse

    blocks = []
    for column in texts:
        known = {text: buckets(text) for text in set(column)}
        rows = [known[text] for text in column]
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        places = np.array([place for row in rows for place in row], dtype=np.int64)
        weights = np.repeat(1.0 / np.sqrt(np.maximum(sizes, 1)), sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        blocks.append(sparse.csr_matrix((weights, places, starts), shape=(len(column), BUCKETS)))
    return sparse.hstack(blocks, format="csr")


def fit_text(
    known: np.ndarray,
    design: sparse.csr_matrix,
    clicks: np.ndarray,
    shown: np.ndarray,
    groups: np.ndarray,
    spread: Spread,
) -> TextScores:
    """The weights out of rows (n,).

    Args:
        known: (n,) log odds that the rows' days account for; words explain what is left.
        design: (n, fields * BUCKETS) of :func:`text_matrix`.
        clicks: (n,).
        shown: (n,) impressions, positive.
        groups: (n,) codes of the groups.
        spread: the base rate.
    """
    # half a click keeps the log odds of a row finite; the base rate stands for it
    expected = 0.5
    target = log_odds((clicks + expected) / (shown + expected / spread.rate)) - log_odds(spread.rate) - known
    chance = 1.0 / (clicks + expected)
    heads = []
    for head in HEADS:
        grouped = head == "contrast"
        variance = chance + _ROW_VARIANCE + (0.0 if grouped else _GROUP_VARIANCE)
        heads.append(_ridge(design, target, 1.0 / variance, groups if grouped else None, PRECISIONS[head]))
    weights = np.stack(heads, axis=-1).reshape(len(FIELDS), BUCKETS, len(HEADS))
    return TextScores(weights.astype(np.float32))


def _ridge(
    design: sparse.csr_matrix,
    target: np.ndarray,
    weight: np.ndarray,
    groups: np.ndarray | None,
    precision: float,
) -> np.ndarray:
    """(columns,) of the penalised least squares, by conjugate gradients."""
    from scipy import sparse
    from scipy.sparse.linalg import LinearOperator, cg

    columns = design.shape[1]
    centred = target - np.average(target, weights=weight)
    whole = design
    if groups is not None:
        rows = np.arange(len(target))
        levels = sparse.csr_matrix((np.ones(len(target)), (rows, groups)))
        # scaled so that one precision serves both priors
        whole = sparse.hstack([design, levels * (precision * _GROUP_VARIANCE) ** 0.5], format="csr")
    turned = whole.T.tocsr()
    diagonal = precision + whole.multiply(whole).T @ weight
    size = (whole.shape[1], whole.shape[1])
    normal = LinearOperator(size, matvec=lambda v: turned @ (weight * (whole @ v)) + precision * v, dtype=float)
    scaled = LinearOperator(size, matvec=lambda v: v / diagonal, dtype=float)
    found, _ = cg(normal, turned @ (weight * centred), maxiter=_ROUNDS, rtol=_TOLERANCE, M=scaled)
    return np.asarray(found[:columns])
