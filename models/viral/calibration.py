"""From the predicted growth to the chances of the classes, calibrated on rows that the trees have not seen.

The trees predict ``mu``, the log of a video's log growth g:

    z = log(g + STEP),  g = log1p(views_H) - log1p(views)

On that scale what is left over is near logistic and of even width, and no growth can be below zero. So

    P(views_H >= t) = 1                                       where t <= views,
                    = sigmoid((mu + shift - z(t)) / scale)    else,
    z(t) = log(log1p(t) - log1p(views) + STEP)

``shift`` and ``scale`` are those of the highest likelihood of the classes of rows whose ``mu`` comes from trees
grown without their video (a cumulative-link model: McCullagh 1980, "Regression models for ordinal data").
``slip`` is the small chance of what cannot be, such as a recount: it is shared by all classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

STEP = 0.01
_SCALES = (0.02, 5.0)
_SHIFT = 3.0


@dataclass(frozen=True)
class Calibration:
    """The fitted link (see the module)."""

    shift: float
    scale: float
    slip: float

    def growth(self, mu: float) -> float:
        """The median log growth that ``mu`` stands for, never negative."""
        return max(math.exp(min(mu + self.shift, 4.0)) - STEP, 0.0)

    def probabilities(self, mu: float, log_views: float, log_thresholds: tuple[float, ...]) -> list[float]:
        """Chance of each class for one row; they sum to 1."""
        chances = []
        above = 1.0
        share = self.slip / (len(log_thresholds) + 1)
        for threshold in log_thresholds:
            reached = 1.0
            if threshold > log_views:
                odds = (math.log(threshold - log_views + STEP) - mu - self.shift) / self.scale
                reached = 1.0 / (1.0 + math.exp(min(odds, 700.0)))
            chances.append((1.0 - self.slip) * (above - reached) + share)
            above = reached
        chances.append((1.0 - self.slip) * above + share)
        return chances


def growth_target(views: np.ndarray, views_at_horizon: np.ndarray) -> np.ndarray:
    """(n,) what the trees learn: log(log growth + STEP); views cannot fall."""
    growth = np.log1p(views_at_horizon) - np.log1p(views)
    return np.log(np.maximum(growth, 0.0) + STEP)


def fit_calibration(
    mu: np.ndarray, log_views: np.ndarray, log_thresholds: np.ndarray, classes: np.ndarray, slip: float
) -> Calibration:
    """Shift and scale of the highest likelihood of ``classes`` (n,) given ``mu`` (n,)."""
    from scipy.optimize import minimize

    gaps = log_thresholds[None, :] - log_views[:, None]
    reached = gaps <= 0
    targets = np.log(np.where(reached, 1.0, gaps) + STEP)
    rows = np.arange(len(classes))

    def loss(point: np.ndarray) -> float:
        odds = np.clip((targets - mu[:, None] - point[0]) / np.exp(point[1]), -700, 700)
        above = np.where(reached, 1.0, 1.0 / (1.0 + np.exp(odds)))
        edges = np.hstack([np.ones((len(mu), 1)), above, np.zeros((len(mu), 1))])
        chance = (1.0 - slip) * (edges[rows, classes] - edges[rows, classes + 1]) + slip / (edges.shape[1] - 1)
        # a weak pull to the middle keeps a handful of rows from claiming certainty
        return float(
            -np.log(np.maximum(chance, 1e-12)).sum() + 0.5 * (point[0] ** 2 + (point[1] - math.log(0.4)) ** 2)
        )

    bounds = [(-_SHIFT, _SHIFT), tuple(math.log(end) for end in _SCALES)]
    found = minimize(loss, [0.0, math.log(0.4)], method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-4})
    return Calibration(shift=float(found.x[0]), scale=float(np.exp(found.x[1])), slip=slip)
