"""Two samples told apart by a classifier: the test for texts and pictures, which have no bins.

A classifier that tells held-out rows of now from those of the reference better than chance shows that the two
differ (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests"). The area under its curve is the
measure; for two normal samples of one width at distance d it is Phi(d / sqrt 2), and their population stability
index is d squared, which puts both on one scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.monitoring.clusters import mean_variance

FOLDS = 5


@dataclass(frozen=True)
class Apart:
    """The area under the curve of telling now (1) from the reference (0), its p-value, and the scores (n,) of
    the rows out of the folds that did not hold them.
    """

    auc: float
    p: float
    scores: np.ndarray

    @property
    def psi(self) -> float:
        """The population stability index of two normal samples that are as easily told apart."""
        from scipy.stats import norm

        return 2 * float(norm.ppf(min(max(self.auc, 0.5), 1 - 1e-9))) ** 2


def told_apart(matrix: Any, labels: np.ndarray, groups: np.ndarray, seed: int) -> Apart:
    """Cross-validate a ridge classifier; rows of one group never lie on both sides of a fold.

    Args:
        matrix: (n, d) dense or sparse.
        labels: (n,) 0 of the reference, 1 of now; both occur.
        groups: (n,) numbers of the entities.
        seed: of the folds.
    """
    from sklearn.linear_model import RidgeClassifier
    from threadpoolctl import threadpool_limits

    scores = np.full(len(labels), np.nan)
    areas, variances = [], []
    fold = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups] % FOLDS
    for number in range(FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if min(len(np.unique(labels[train])), len(np.unique(labels[test]))) < 2:
            continue
        model = RidgeClassifier(class_weight="balanced", solver="lsqr", tol=1e-3)
        # BLAS's threads cost such small systems a hundred times what they save
        with threadpool_limits(1, "blas"):
            scores[test] = model.fit(matrix[train], labels[train]).decision_function(matrix[test])
        area, variance = area_under(scores[test], labels[test])
        areas.append(area)
        variances.append(variance)
    if not areas:
        return Apart(0.5, 1.0, scores)
    from scipy.stats import norm

    area = float(np.mean(areas))
    error = math.sqrt(float(np.sum(variances)) * _effect(scores, labels, groups)) / len(areas)
    return Apart(area, float(norm.sf((area - 0.5) / error)) if error > 0 else 1.0, scores)


def _effect(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """How many times the variance of the scores' mean is that of independent rows: rows of one entity score
    alike.
    """
    worst = 1.0
    for label in (0, 1):
        chosen = (labels == label) & np.isfinite(scores)
        values = scores[chosen]
        if len(values) > 1 and values.var() > 0:
            clusters = np.unique(groups[chosen], return_inverse=True)[1]
            worst = max(worst, mean_variance(values, [clusters]) / float(values.var(ddof=1) / len(values)))
    return worst


def area_under(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The area under the curve and its variance (DeLong, DeLong & Clarke-Pearson 1988, as midranks by Sun & Xu
    2014). The variance is at least that of a chance area, so that a perfect fold is not certain.
    """
    from scipy.stats import rankdata

    now, before = scores[labels == 1], scores[labels == 0]
    rows, others = len(now), len(before)
    everything = rankdata(np.concatenate([now, before]))
    above = (everything[:rows] - rankdata(now)) / others
    below = 1.0 - (everything[rows:] - rankdata(before)) / rows
    area = float(above.mean())
    variance = (above.var(ddof=1) / rows if rows > 1 else 0.0) + (
        below.var(ddof=1) / others if others > 1 else 0.0
    )
    by_chance = (rows + others + 1) / (12.0 * rows * others)
    return area, max(float(variance), by_chance)
