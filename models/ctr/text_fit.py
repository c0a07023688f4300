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

from models.ctr.spread import Spread, log_odds, sigmoid
from models.ctr.text import FIELDS, HEADS, TextScores
from models.words import BUCKETS, buckets

if TYPE_CHECKING:
    from scipy import sparse

#: Prior precision of a bucket's weight, by head.
PRECISIONS = {"level": 5.0, "contrast": 10.0}
#: Variance of log odds between groups, and between the rows of a group beyond chance, that the fits go by.
_GROUP_VARIANCE, _ROW_VARIANCE = 0.4, 0.05
#: Where the usual row has fewer expected clicks, its log odds mean nothing.
_FEW_CLICKS, _NEWTON_STEPS = 5.0, 4
#: The prior is wider then: with these the linear part takes what words say as it stands, with a weight near 1.
_FEW_PRECISIONS = {"level": 1.0, "contrast": 2.0}
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
    rates = clicks / shown
    heads = []
    for head in HEADS:
        of_group = groups if head == "contrast" else None
        spare = _ROW_VARIANCE + (_GROUP_VARIANCE if of_group is None else 0.0)
        if float(np.median(shown)) * spread.rate < _FEW_CLICKS:
            found = _newton(design, rates, spread.worth(shown), known + log_odds(spread.rate), of_group, head)
        else:
            # half a click keeps the log odds of a row finite; it comes with the impressions of the base rate
            odds = log_odds((clicks + 0.5) / (shown + 0.5 / spread.rate)) - log_odds(spread.rate)
            weight = 1.0 / (1.0 / (clicks + 0.5) + spare)
            found, _ = _ridge(design, odds - known, weight, of_group, PRECISIONS[head])
        heads.append(found)
    weights = np.stack(heads, axis=-1).reshape(len(FIELDS), BUCKETS, len(HEADS))
    return TextScores(weights.astype(np.float32))


def _newton(
    design: sparse.csr_matrix,
    rates: np.ndarray,
    worth: np.ndarray,
    known: np.ndarray,
    groups: np.ndarray | None,
    head: str,
) -> np.ndarray:
    """(columns,) for rows of so few clicks that their log odds mean nothing: penalised logistic regression, as
    least squares that are weighted anew (McCullagh and Nelder 1989, section 2.5).
    """
    said = np.zeros(len(rates))
    found = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        mean = sigmoid(known + said)
        curve = mean * (1.0 - mean)
        found, said = _ridge(
            design, said + (rates - mean) / curve, worth * curve, groups, _FEW_PRECISIONS[head]
        )
    return found


def _ridge(
    design: sparse.csr_matrix,
    target: np.ndarray,
    weight: np.ndarray,
    groups: np.ndarray | None,
    precision: float,
) -> tuple[np.ndarray, np.ndarray]:
    """(columns,) of the penalised least squares with an intercept, by conjugate gradients; and the fit (n,)."""
    from scipy import sparse
    from scipy.sparse.linalg import LinearOperator, cg

    columns = design.shape[1]
    middle = float(np.average(target, weights=weight))
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
    wanted = turned @ (weight * (target - middle))
    found, _ = cg(normal, wanted, maxiter=_ROUNDS, rtol=_TOLERANCE, M=scaled)
    return np.asarray(found[:columns]), np.asarray(middle + whole @ found)
