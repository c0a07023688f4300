"""From log odds to a rate that holds in sum, and to how far the true rate may lie from it.

Both are fitted on predictions for rows that the model was grown without. The rate:

    mu = sigmoid(base + shift + slope (odds - base))

by the binomial likelihood, whose highest point has the property that is asked for: predicted clicks sum to
the observed ones. (One row counts at most for ``_MOST_MEDIANS`` median rows, or a single huge one would decide
alone.) The spread of the true rate around mu: Beta(mu phi, (1 - mu) phi), with

    log phi = level + tilt (logit mu - base) + clip [clip has a past] + creator [creator has a past]

by the beta-binomial likelihood of the clicks. So the spread holds what the model does not know, and not the
chance in the counts. Every parameter has a normal prior, which keeps few rows near the base rate and a wide
spread.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.ctr.features import PLACES
from models.ctr.spread import Spread, beta_binomial_loss, log_odds, sigmoid

_MOST_MEDIANS = 20.0
#: Precisions of the priors: shift about 0, slope about 0 (no knowledge), and the spread's terms about 0.
_SHIFT, _SLOPE, _SPREAD = 1.0, 4.0, 4.0
_SLOPES = (0.0, 1.5)
#: No rate is told to be nearer to 0 or 1 than six in a million.
_ODDS = (-12.0, 12.0)
_LOG_PHI = (math.log(2.0), math.log(1e7))
_PASTS = [PLACES["clip_impressions_log"], PLACES["creator_impressions_log"]]


@dataclass(frozen=True)
class Calibration:
    """The fitted link (see the module); ``base`` is the base rate in log odds."""

    base: float
    shift: float
    slope: float
    level: float
    tilt: float
    clip: float
    creator: float

    def odds(self, odds: Any) -> Any:
        """Calibrated log odds of raw ones: a float or an array."""
        return np.clip(self.base + self.shift + self.slope * (odds - self.base), *_ODDS)

    def mean(self, odds: Any) -> Any:
        """The rate of raw log odds."""
        return sigmoid(self.odds(odds))

    def phi(self, odds: Any, clip: Any, creator: Any) -> Any:
        """How narrow the spread is, of raw log odds and of whether clip and creator have a past."""
        log_phi = self.level + self.tilt * (self.odds(odds) - self.base)
        return np.exp(np.clip(log_phi + self.clip * clip + self.creator * creator, *_LOG_PHI))

    def describe(self) -> dict[str, float]:
        """JSON-ready form; the constructor takes it back."""
        return asdict(self)


def pasts(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) and (n,): whether clip and creator of each row of (n, features) were shown before, as 0 or 1."""
    clip, creator = (matrix[:, place] > 0.0 for place in _PASTS)
    return clip.astype(np.float64), creator.astype(np.float64)


def fit_calibration(
    odds: np.ndarray, matrix: np.ndarray, clicks: np.ndarray, shown: np.ndarray, spread: Spread
) -> Calibration:
    """The link out of raw log odds (n,) that were predicted without the rows themselves."""
    base = float(log_odds(spread.rate))
    shift, slope = _fit_mean(odds - base, clicks, shown, spread, base)
    flat = Calibration(base, shift, slope, math.log(spread.phi), 0.0, 0.0, 0.0)
    level, tilt, clip, creator = _fit_spread(flat, odds, pasts(matrix), clicks, shown)
    return Calibration(base, shift, slope, level, tilt, clip, creator)


def _fit_mean(
    deviation: np.ndarray, clicks: np.ndarray, shown: np.ndarray, spread: Spread, base: float
) -> tuple[float, float]:
    """(shift, slope), by Newton's method: the shift alone first, so that a useless slope does no harm."""
    usual = float(np.median(shown))
    kept = np.minimum(shown, _MOST_MEDIANS * usual)
    # impressions weigh in proportion, as a sum over a segment does; in all they count for what they are worth
    weight = kept * float(spread.worth(np.array(usual)) / usual)
    rates = clicks / shown
    shift, slope = 0.0, 1.0
    for _ in range(60):
        mean = sigmoid(base + shift + slope * deviation)
        curve, miss = weight * mean * (1.0 - mean), weight * (rates - mean)
        hessian = np.array(
            [
                [curve.sum() + _SHIFT, (curve * deviation).sum()],
                [(curve * deviation).sum(), (curve * deviation**2).sum() + _SLOPE],
            ]
        )
        gradient = np.array([miss.sum() - _SHIFT * shift, (miss * deviation).sum() - _SLOPE * slope])
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        shift, slope = shift + float(step[0]), min(max(slope + float(step[1]), _SLOPES[0]), _SLOPES[1])
        if np.abs(step).max() < 1e-9:
            break
    return shift, slope


def _fit_spread(
    mean: Calibration,
    odds: np.ndarray,
    past: tuple[np.ndarray, np.ndarray],
    clicks: np.ndarray,
    shown: np.ndarray,
) -> tuple[float, float, float, float]:
    from scipy.optimize import minimize

    rates = mean.mean(odds)
    deviation = mean.odds(odds) - mean.base
    start = np.array([mean.level, 0.0, 0.0, 0.0])

    def loss(point: np.ndarray) -> float:
        log_phi = point[0] + point[1] * deviation + point[2] * past[0] + point[3] * past[1]
        fitted = beta_binomial_loss(clicks, shown, rates, np.exp(np.clip(log_phi, *_LOG_PHI))).sum()
        pull = (point - start) ** 2 * np.array([1.0, _SPREAD, _SPREAD, _SPREAD])
        return float(fitted + 0.5 * pull.sum())

    found = minimize(loss, start, method="L-BFGS-B")
    level, tilt, clip, creator = (float(value) for value in found.x)
    return level, tilt, clip, creator
