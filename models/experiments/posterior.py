"""What is believed of each variant's mean reward, and how likely each variant is the best one.

Beta posterior: a binary reward under a uniform prior, Beta(1 + successes, 1 + failures).

Normal posterior: a reward of 0..1 with the conjugate update of a mean whose variance is known (Murphy 2007,
"Conjugate Bayesian analysis of the Gaussian distribution", section 2), the variance being plugged in. The prior
N(1/2, 1/12) has the moments of the uniform one and weighs at most as much as three rewards do. The
variance plugged in is moderated (Smyth 2004, "Linear models and empirical Bayes methods for assessing
differential expression", section 3.2): each variant's own is pulled to that of all variants together, which
itself begins at 1/4, so that a few equal rewards never count as certainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import special

from config.errors import InputError
from models.experiments.definition import Definition, VariantCounts

INTERVAL = 0.95
#: Greatest variance of a variable between 0 and 1.
GREATEST_VARIANCE = 0.25
PRIOR_MEAN, PRIOR_VARIANCE = 0.5, 1 / 12
#: How many rewards the variance of all variants together weighs against a variant's own.
POOLED_WEIGHT = 5.0
#: The least variance of a reward of 0..1: a standard deviation of 0.003 % of its range.
LEAST_VARIANCE = 1e-9
#: What a posterior holds outside its outermost quantiles is left out of integrals.
TAIL = 1e-13
PANELS, NODES = 10, 10


@dataclass(frozen=True)
class Posteriors:
    """Posteriors of the variants' mean rewards, on the scale 0..1, in the definition's order.

    Attributes:
        kind: their form.
        params: (k, 2): a and b of each Beta, or mean and standard deviation of each normal.
    """

    kind: Literal["beta", "normal"]
    params: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        """(k,) posterior means."""
        first, second = self.params.T
        return first / (first + second) if self.kind == "beta" else first

    @cached_property
    def sd(self) -> np.ndarray:
        """(k,) posterior standard deviations."""
        first, second = self.params.T
        if self.kind == "normal":
            return second
        total = first + second
        return np.sqrt(first * second / (total * total * (total + 1)))

    @cached_property
    def low(self) -> np.ndarray:
        """(k,) lower end of the central 95 % of each."""
        return self._ends((1 - INTERVAL) / 2)[0]

    @cached_property
    def high(self) -> np.ndarray:
        """(k,) upper end of the central 95 % of each."""
        return self._ends((1 - INTERVAL) / 2)[1]

    def best(self) -> np.ndarray:
        """(k,) probability that each variant's mean is the greatest; sums to 1, equal ones get equal shares.

        The integral of f_i(x) prod_{j != i} F_j(x) over x (Scott 2010, "A modern Bayesian look at the
        multi-armed bandit", eq. 2) by Gauss-Legendre panels laid through every posterior that matters.
        """
        return self._contest[0]

    def expected_loss(self) -> np.ndarray:
        """(k,) expected greatest mean less the mean of each: what choosing it for good loses, on 0..1."""
        return self._contest[1]

    def cdf(self, x: float) -> np.ndarray:
        """(k,) probability of each mean being at most ``x``."""
        first, second = self.params.T
        if self.kind == "beta":
            return np.asarray(special.betainc(first, second, min(max(x, 0.0), 1.0)))
        return np.asarray(special.ndtr((x - first) / second))

    def density(self, x: np.ndarray) -> np.ndarray:
        """(k, n) densities at the points ``x`` (n,)."""
        first, second = self.params.T[:, :, None]
        if self.kind == "normal":
            return np.asarray(np.exp(-0.5 * ((x - first) / second) ** 2) / (second * np.sqrt(2 * np.pi)))
        x = np.clip(x, 1e-300, 1 - 2**-53)
        logs = (first - 1) * np.log(x) + (second - 1) * np.log1p(-x) - special.betaln(first, second)
        return np.asarray(np.exp(logs))

    def _ends(self, tail: float) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.params.T
        if self.kind == "beta":
            return special.betaincinv(first, second, tail), special.betainccinv(first, second, tail)
        reach = -special.ndtri(tail) * second
        return first - reach, first + reach

    @cached_property
    def _contest(self) -> tuple[np.ndarray, np.ndarray]:
        lows, highs = self._ends(TAIL)
        start, stop = float(lows.max()), float(highs.max())
        x, widths = _panels(lows, highs, start, stop)
        if not len(widths):  # one mean is so sharp that nothing lies between its ends
            won = (highs >= stop).astype(float)
            return won / won.sum(), np.clip(self.mean.max() - self.mean, 0.0, 1.0)
        reached = self.cdf(start)
        densities = self.density(x.ravel()).reshape(len(lows), *x.shape)
        cdf = _cumulated(densities, widths, reached)
        logs = np.log(np.maximum(cdf, 1e-300))
        together = logs.sum(axis=0)
        weights = widths[:, None] * _RULE[1]
        chances = (densities * np.exp(together - logs) * weights).sum(axis=(1, 2))
        greatest = stop - float((np.exp(together) * weights).sum())
        # A normal belief of an untried variant reaches past 1.
        return chances / chances.sum(), np.clip(greatest - self.mean, 0.0, 1.0)


def _rule(nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Legendre on 0..1: nodes (n,), weights (n,), and the (n, n) matrix of integrals up to each node."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    powers = np.polynomial.legendre.legvander(x, nodes - 1)
    integrals = [np.polynomial.legendre.legint(row, lbnd=-1) for row in np.eye(nodes)]
    below = np.stack([np.polynomial.legendre.legval(x, each) for each in integrals], axis=1)
    return (x + 1) / 2, weights / 2, below @ np.linalg.inv(powers) / 2


_RULE = _rule(NODES)


def _panels(lows: np.ndarray, highs: np.ndarray, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (panels, n) and widths (panels,) that cover start..stop, fine where any posterior is narrow."""
    matter = highs > start
    steps = np.linspace(0.0, 1.0, PANELS + 1)
    edges = lows[matter, None] + (highs - lows)[matter, None] * steps
    edges = np.unique(np.clip(edges, start, stop))
    widths = np.diff(edges)
    kept = widths > 4e-16 * max(abs(start), abs(stop))
    edges, widths = edges[:-1][kept], widths[kept]
    return edges[:, None] + widths[:, None] * _RULE[0], widths


def _cumulated(densities: np.ndarray, widths: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(k, panels, n) distribution functions at the nodes, from (k,) at the first edge.

    Scaled so that each ends at 1: it makes up for the rounding of densities with millions of trials.
    """
    within = densities @ _RULE[2].T * widths[:, None]
    whole = densities @ _RULE[1] * widths
    left = 1.0 - reached
    sums = whole.sum(axis=1)
    scale = np.divide(left, sums, out=np.ones_like(sums), where=left > 1e-9)
    before = np.cumsum(whole, axis=1) - whole
    return np.asarray(reached[:, None, None] + scale[:, None, None] * (before[:, :, None] + within))


def posteriors(definition: Definition, counts: Sequence[VariantCounts]) -> Posteriors:
    """Posteriors of every variant of ``definition``; one without counts has its prior.

    A Thompson policy names the form; otherwise it is Beta for binary rewards and normal for others.

    Raises:
        InputError: counts of a variant that the definition does not have, or that cannot be.
    """
    trials, sums, squares = _counts(definition, counts)
    policy = definition.policy
    kind = policy.posterior if policy.kind == "thompson" else None
    if kind == "beta" or (kind is None and definition.reward.kind == "binary"):
        return Posteriors("beta", np.stack([1 + sums, 1 + trials - sums], axis=1))
    return Posteriors("normal", _normal(trials, sums, squares))


def _counts(definition: Definition, counts: Sequence[VariantCounts]) -> np.ndarray:
    """(3, k) trials, sums and sums of squares in the definition's order."""
    places = {name: place for place, name in enumerate(definition.names)}
    found = np.zeros((3, len(places)))
    for each in counts:
        if each.variant not in places:
            raise InputError(f"Experiment {definition.id} has no variant {each.variant!r}.")
        found[:, places[each.variant]] = each.trials, each.reward_sum, each.reward_squares
    trials, sums, squares = found
    # Sums that the database added in another order may pass their bound by a rounding.
    slack = 1e-6 * (1 + trials)
    fits = (trials >= 0) & (sums >= -slack) & (sums <= trials + slack) & (squares >= -slack)
    if not (np.isfinite(found).all() and fits.all()):
        raise InputError(f"Counts of experiment {definition.id} are no sums of rewards between 0 and 1.")
    return np.stack([trials, np.clip(sums, 0, trials), np.maximum(squares, 0.0)])


def _normal(trials: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """(k, 2) mean and standard deviation of each posterior."""
    deviations = np.maximum(squares - sums * sums / np.maximum(trials, 1), 0.0)
    freedom = np.maximum(trials - 1, 0.0)
    pooled = (deviations.sum() + GREATEST_VARIANCE) / (freedom.sum() + 1)
    variance = (deviations + POOLED_WEIGHT * pooled) / (freedom + POOLED_WEIGHT)
    variance = np.clip(variance, LEAST_VARIANCE, GREATEST_VARIANCE)
    precision = 1 / PRIOR_VARIANCE + trials / variance
    mean = (PRIOR_MEAN / PRIOR_VARIANCE + sums / variance) / precision
    return np.stack([mean, 1 / np.sqrt(precision)], axis=1)
