"""The linear part: log odds as a weighted sum of the deviations that single sources of knowledge claim.

Each weight is pulled to 0 by a normal prior, so that a source that few rows could test says little. Trees are
then grown on what this part leaves over.
"""

from __future__ import annotations

import numpy as np

from models.ctr.features import FEATURES, PLACES
from models.ctr.spread import Spread, log_odds, sigmoid

#: The features that are deviations in log odds.
TERMS = tuple(name for name in FEATURES if name.endswith("_odds"))
_COLUMNS = [PLACES[name] for name in TERMS]
#: Precision of the prior of each weight (of mean 0).
_PRECISION = 4.0
_STEPS = 30


def terms(matrix: np.ndarray) -> np.ndarray:
    """(n, terms) deviations of (n, features) rows; what is missing deviates by nothing."""
    found = matrix[:, _COLUMNS]
    found[np.isnan(found)] = 0.0
    return np.asarray(found)


def fit_weights(matrix: np.ndarray, rates: np.ndarray, worth: np.ndarray, spread: Spread) -> np.ndarray:
    """(1 + terms,) intercept in log odds and weights: penalised logistic regression by Newton's method.

    No weight is negative: a source is believed or not, never against what it says.

    Args:
        matrix: (n, features), deviations predicted without the row itself.
        rates: (n,) observed rates.
        worth: (n,) effective impressions.
        spread: its rate is where the intercept is pulled to.
    """
    design = np.hstack([np.ones((len(rates), 1)), terms(matrix)])
    kept = np.ones(design.shape[1], dtype=bool)
    while True:
        weights = np.zeros(design.shape[1])
        weights[kept] = _newton(design[:, kept], rates, worth, float(log_odds(spread.rate)))
        against = weights < 0.0
        against[0] = False
        if not against.any():
            return weights
        kept &= ~against


def _newton(design: np.ndarray, rates: np.ndarray, worth: np.ndarray, centre: float) -> np.ndarray:
    penalty = np.full(design.shape[1], _PRECISION)
    penalty[0] = 1.0
    start = np.zeros(design.shape[1])
    start[0] = centre
    weights = start.copy()
    for _ in range(_STEPS):
        mean = sigmoid(design @ weights)
        curve = worth * mean * (1.0 - mean)
        gradient = design.T @ (worth * (rates - mean)) - penalty * (weights - start)
        step = np.linalg.solve((design.T * curve) @ design + np.diag(penalty), gradient)
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    return weights


def offsets(matrix: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) log odds of the linear part. A sum column by column: a batch adds in the order of a single row."""
    if len(matrix) == 1:
        return np.array([_offset(matrix[0].tolist(), weights.tolist())])
    found = np.full(len(matrix), weights[0])
    for column, weight in zip(terms(matrix).T, weights[1:].tolist(), strict=True):
        found += weight * column
    return found


def _offset(row: list[float], weights: list[float]) -> float:
    found = weights[0]
    for column, weight in zip(_COLUMNS, weights[1:], strict=True):
        value = row[column]
        if value == value:  # not missing
            found += weight * value
    return found
