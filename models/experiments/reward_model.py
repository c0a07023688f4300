"""A simple model of the reward from context and variant, for the doubly robust estimate: ridge regression, each
row predicted by a model that has not seen it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.experiments.definition import ContextField

FOLDS = 5
#: Values of a category past this many count as one together.
CATEGORIES = 30
#: Ridge penalty of what all variants share, and bounds of that of how one differs from it.
SHARED_PENALTY = 10.0
LEAST_PENALTY, GREATEST_PENALTY = 1.0, 1e4


def cross_fitted(
    contexts: Sequence[Mapping[str, Any] | None],
    variants: np.ndarray,
    rewards: np.ndarray,
    *,
    fields: Sequence[ContextField],
    arms: int,
    seed: int = 0,
) -> np.ndarray:
    """(n, arms) expected reward of every variant in every row, each by the folds that the row is not in.

    Cross-fitting keeps the doubly robust estimate free of the model's own overfitting (Chernozhukov et al.
    2018, "Double/debiased machine learning", definition 3.2). ``variants`` (n,) are places below ``arms``.
    """
    from sklearn.model_selection import KFold

    n = len(rewards)
    if n < 2:
        return np.full((n, arms), 0.5)
    features = _features(contexts, fields)
    found = np.empty((n, arms))
    for known, asked in KFold(min(FOLDS, n), shuffle=True, random_state=seed).split(rewards):
        fitted = _fitted(features[known], variants[known], rewards[known], arms)
        found[asked] = features[asked] @ fitted.T
    return np.clip(found, 0.0, 1.0)


def _fitted(features: Any, variants: np.ndarray, rewards: np.ndarray, arms: int) -> np.ndarray:
    """(arms, d) coefficients: a ridge on all rows, and one a variant on what that leaves."""
    from sklearn.linear_model import Ridge

    def ridge(penalty: float, rows: Any, targets: np.ndarray) -> np.ndarray:
        return np.asarray(Ridge(alpha=penalty, fit_intercept=False, solver="lsqr").fit(rows, targets).coef_)

    centre = rewards.mean()
    shared = ridge(SHARED_PENALTY, features, rewards - centre)
    shared[0] += centre  # the first column is constant: the mean itself is not pulled to zero
    left = rewards - features @ shared
    penalty = _penalty(left, variants, arms)
    found = np.tile(shared, (arms, 1))
    for arm in range(arms):
        own = np.flatnonzero(variants == arm)
        if len(own):
            found[arm] += ridge(penalty, features[own], left[own])
    return found


def _penalty(left: np.ndarray, variants: np.ndarray, arms: int) -> float:
    """Noise over how much variants differ (method of moments): those hardly apart are hardly told apart."""
    counts = np.bincount(variants, minlength=arms)
    means = np.bincount(variants, weights=left, minlength=arms) / np.maximum(counts, 1)
    noise = float(left.var())
    apart = float(((counts * means**2).sum() - arms * noise) / max(counts.sum(), 1))
    return float(np.clip(noise / max(apart, 1e-12), LEAST_PENALTY, GREATEST_PENALTY))


def _features(contexts: Sequence[Mapping[str, Any] | None], fields: Sequence[ContextField]) -> Any:
    """Sparse (n, d): a constant, numbers by their spread, categories one-hot. Missing is one more."""
    from scipy import sparse
    from sklearn.preprocessing import OneHotEncoder

    n = len(contexts)
    given = [context or {} for context in contexts]
    columns: list[Any] = [np.ones((n, 1))]
    texts = []
    for each in fields:
        values = [context.get(each.name) for context in given]
        if each.kind == "category":
            texts.append(["missing" if value is None else f"={value}" for value in values])
            continue
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        absent = np.isnan(numbers)
        numbers[absent] = numbers[~absent].mean() if not absent.all() else 0.0
        columns += [
            ((numbers - numbers.mean()) / (numbers.std() or 1.0))[:, None],
            absent[:, None].astype(float),
        ]
    parts = [sparse.csr_array(np.hstack(columns))]
    if texts:
        encoder = OneHotEncoder(max_categories=CATEGORIES)
        parts.append(sparse.csr_array(encoder.fit_transform(np.array(texts, dtype=object).T)))
    return sparse.hstack(parts, format="csr")
