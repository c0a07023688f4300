"""What Beta(mu phi, (1 - mu) phi) says of a rate: its 90 % interval, its band, how likely that band is."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.ctr.options import CtrOptions

#: Probability below and above the interval, each.
TAIL = 0.05
#: Past so many clicks the chance in the counts is left out.
_EXACT = 5000


def answers(mean: np.ndarray, phi: np.ndarray, options: CtrOptions) -> list[dict[str, Any]]:
    """For each row (n,): predicted_ctr, predicted_band, ctr_low, ctr_high and confidence.

    The band is that of the mean; the confidence is the probability that the true rate lies in it.
    """
    from scipy.special import betainc, betaincinv

    a, b = mean * phi, (1.0 - mean) * phi
    # where most of the rates are tiny and a few are large, the mean can lie past a quantile
    low = np.minimum(betaincinv(a, b, TAIL), mean)
    high = np.maximum(betaincinv(a, b, 1.0 - TAIL), mean)
    edges = np.array([0.0, *options.thresholds, 1.0])
    place = bands(mean, options)
    sure = betainc(a, b, edges[place + 1]) - betainc(a, b, edges[place])
    rows = zip(*(part.tolist() for part in (mean, low, high, sure)), strict=True)
    return [
        {"predicted_ctr": rate, "predicted_band": options.band(rate), "ctr_low": lowest, "ctr_high": highest,
         "confidence": min(max(chance, 0.0), 1.0)}
        for rate, lowest, highest, chance in rows
    ]  # fmt: skip


def bands(rates: np.ndarray, options: CtrOptions) -> np.ndarray:
    """(n,) number of the band of each rate."""
    return np.searchsorted(np.asarray(options.thresholds), rates, side="right")


def chances_up_to(clicks: float, shown: float, a: float, b: float) -> tuple[float, float]:
    """(P(K < clicks), P(K = clicks)) of K of ``shown`` impressions with a rate of Beta(a, b)."""
    from scipy.special import betainc, betaln, gammaln

    if clicks > _EXACT:
        return float(betainc(a, b, min(clicks / shown, 1.0))), 0.0
    counts = np.arange(clicks + 1)
    choose = gammaln(shown + 1) - gammaln(counts + 1) - gammaln(shown - counts + 1)
    chance = np.exp(choose + betaln(counts + a, shown - counts + b) - betaln(a, b))
    return float(chance[:-1].sum()), float(chance[-1])


def ranks(clicks: np.ndarray, shown: np.ndarray, mean: np.ndarray, phi: np.ndarray, seed: int) -> np.ndarray:
    """(n,) place in 0..1 of each row's clicks under their beta-binomial forecast, uniform where that holds: the
    randomised probability integral transform (Czado et al. 2009), P(K < k) + u P(K = k).
    """
    pairs = [chances_up_to(*row) for row in zip(clicks, shown, mean * phi, (1.0 - mean) * phi, strict=True)]
    below, at = np.array(pairs).reshape(-1, 2).T
    return np.asarray(below + np.random.default_rng(seed).random(len(clicks)) * at)


def observed_band_chances(
    shown: np.ndarray, mean: np.ndarray, phi: np.ndarray, place: np.ndarray, options: CtrOptions
) -> np.ndarray:
    """(n,) probability that the rate that will be OBSERVED, clicks / shown, lies in band ``place`` (n,)."""
    edges = (0.0, *options.thresholds)
    found = np.empty(len(shown))
    for row, (count, rate, narrow, band) in enumerate(zip(shown, mean, phi, place, strict=True)):
        a, b = rate * narrow, (1.0 - rate) * narrow

        def below(edge: float, count: float = count, a: float = a, b: float = b) -> float:
            return chances_up_to(float(np.ceil(edge * count - 1e-9)), count, a, b)[0]

        upper = below(edges[band + 1]) if band + 1 < len(edges) else 1.0
        found[row] = upper - below(edges[band])
    return np.clip(found, 0.0, 1.0)
