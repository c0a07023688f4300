"""How far true rates lie apart: the beta-binomial law of clicks, and what impressions are worth under it.

Clicks of a row are binomial given its own rate, and the rates are Beta(mu phi, (1 - mu) phi) around the mean
(Skellam 1948). Then impressions of one row say the same thing again and again: n of them are worth

    n / (1 + (n - 1) rho),   rho = 1 / (1 + phi),

independent ones (the design effect of Kish 1965), never more than 1 / rho. Rows of 3 impressions and of 3
million so both have the weight that they deserve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

#: The rate and the spread that are believed before anything was seen: Beta(1, 60).
PRIOR_RATE, PRIOR_PHI = 1 / 61, 61.0
_RATE_SD, _PHI_SD = 1.0, 1.0
_LOG_PHI = (math.log(2.0), math.log(1e6))


@dataclass(frozen=True)
class Spread:
    """The base rate, and phi: how alike the rates of rows are."""

    rate: float
    phi: float

    @property
    def rho(self) -> float:
        """The correlation of two impressions of one row."""
        return 1.0 / (1.0 + self.phi)

    def worth(self, impressions: np.ndarray) -> np.ndarray:
        """(n,) effective impressions."""
        shown = np.asarray(impressions, dtype=np.float64)
        return shown / (1.0 + np.maximum(shown - 1.0, 0.0) * self.rho)


def log_odds(rate: Any) -> Any:
    """log(p / (1 - p)) of a rate or an array of rates, kept off 0 and 1."""
    inside = np.clip(rate, 1e-9, 1.0 - 1e-9)
    return np.log(inside / (1.0 - inside))


def sigmoid(odds: Any) -> Any:
    """The rate of log odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))


def beta_binomial_loss(clicks: np.ndarray, shown: np.ndarray, mean: Any, phi: Any) -> np.ndarray:
    """(n,) minus the log likelihood of each row, less what does not depend on the parameters."""
    from scipy.special import betaln

    a, b = mean * phi, (1.0 - mean) * phi
    return np.asarray(betaln(a, b) - betaln(clicks + a, shown - clicks + b))


def fit_spread(clicks: np.ndarray, shown: np.ndarray) -> Spread:
    """The likeliest base rate and spread of rows (n,), pulled to Beta(1, 60) where rows are few.

    A row counts for what it is worth, so that one row of a billion impressions does not decide the rate of all.
    """
    from scipy.optimize import minimize

    start = np.array([log_odds(PRIOR_RATE), math.log(PRIOR_PHI)])

    def loss(point: np.ndarray) -> float:
        fitted = beta_binomial_loss(clicks, shown, sigmoid(point[0]), math.exp(point[1])).sum()
        pull = ((point[0] - start[0]) / _RATE_SD) ** 2 + ((point[1] - start[1]) / _PHI_SD) ** 2
        return float(fitted + 0.5 * pull)

    bounds = [(-12.0, 6.0), _LOG_PHI]
    found = minimize(loss, start, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-4, "fatol": 1e-4})
    return Spread(rate=float(sigmoid(found.x[0])), phi=float(math.exp(found.x[1])))
