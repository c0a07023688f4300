"""Past experiments run again under another policy: clicks are drawn at each variant's rate, choices as in
production, in batches between two refreshes of the posterior.

What is regretted is the expectation: sum over impressions of the best rate less the rate of what was shown. The
rates are the "truth", and noisy themselves: the greatest of several observed rates is in part luck, which makes
variants seem further apart than they are. :func:`shrunk_rates` gives the rates without that part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.experiments.definition import Definition, Policy, Variant, VariantCounts
from models.experiments.policy import floored, probabilities

#: (k,) trials and (k,) clicks so far -> (k,) probabilities of the next batch.
Chooser = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Replayed:
    """One experiment under one policy.

    Attributes:
        regret: clicks lost against the best variant for everybody, in expectation.
        pick: place of the variant with the greatest posterior mean at the end.
        best: whether that is one of the greatest rate.
        shares: (k,) parts of the impressions.
    """

    regret: float
    pick: int
    best: bool
    shares: np.ndarray


def uniform(trials: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    """The even split, whatever comes of it."""
    return np.full(len(trials), 1 / len(trials)) + 0 * clicks


def thompson(arms: int, exploration: float = 0.01) -> Chooser:
    """Thompson sampling as production does it, by the same function."""
    names = [f"v{place}" for place in range(arms)]
    definition = Definition(
        id="replay",
        title="replay",
        variants=tuple(Variant(name=name) for name in names),
        policy=Policy(kind="thompson", posterior="beta", exploration=exploration),
    )

    def choose(trials: np.ndarray, clicks: np.ndarray) -> np.ndarray:
        rows = zip(names, trials.tolist(), clicks.tolist(), strict=True)
        return probabilities(definition, [VariantCounts(name, n, won, won) for name, n, won in rows])

    return choose


def epsilon_greedy(epsilon: float) -> Chooser:
    """The greatest posterior mean, but for a share of ``epsilon`` that is split evenly."""

    def choose(trials: np.ndarray, clicks: np.ndarray) -> np.ndarray:
        means = _means(trials, clicks)
        greatest = means == means.max()
        return floored(greatest / greatest.sum(), epsilon / len(trials))

    return choose


def replay(
    rates: np.ndarray, impressions: int, choose: Chooser, *, every: int, rng: np.random.Generator
) -> Replayed:
    """Run one experiment.

    Args:
        rates: (k,) the truth.
        impressions: how many there are.
        choose: the policy, asked once every ``every`` impressions.
        every: how many impressions pass between two refreshes of the posterior.
        rng: of choices and clicks.
    """
    trials = np.zeros(len(rates), dtype=np.int64)
    clicks = np.zeros(len(rates), dtype=np.int64)
    while (left := impressions - int(trials.sum())) > 0:
        shown = rng.multinomial(min(every, left), choose(trials, clicks))
        trials += shown
        clicks += rng.binomial(shown, rates)
    pick = int(_means(trials, clicks).argmax())
    return Replayed(
        regret=float((trials * (rates.max() - rates)).sum()),
        pick=pick,
        best=bool(rates[pick] == rates.max()),
        shares=trials / max(int(trials.sum()), 1),
    )


def shrunk_rates(clicks: Sequence[np.ndarray], impressions: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each variant's rate drawn to that of its experiment, as far as the differences are noise.

    Empirical Bayes: within an experiment of rate m the true rates are taken as Beta(s m, s (1 - m)), with one
    s for all experiments, that explains how far observed rates are apart beyond binomial noise (method of
    moments, Kleinman 1973). Without any such differences all rates of an experiment are the same.
    """
    apart = noise = scale = 0.0
    for won, shown in zip(clicks, impressions, strict=True):
        mean = won.sum() / shown.sum()
        # Expected sum of shown·(rate - mean)²: noise m(1-m)(k-1), and differences m(1-m)/(s+1) a weight below
        apart += float((shown * (won / shown - mean) ** 2).sum())
        spread = float(mean * (1 - mean))
        noise += spread * (len(won) - 1)
        scale += spread * float(shown.sum() - (shown**2.0).sum() / shown.sum() - (len(won) - 1))
    share = max(apart - noise, 0.0) / scale if scale > 0 else 0.0
    strength = 1 / share - 1 if share > 0 else np.inf
    return [_shrunk(won, shown, strength) for won, shown in zip(clicks, impressions, strict=True)]


def _shrunk(won: np.ndarray, shown: np.ndarray, strength: float) -> np.ndarray:
    mean = won.sum() / shown.sum()
    if np.isinf(strength):
        return np.full(len(won), mean)
    return np.asarray((won + strength * mean) / (shown + strength))


def _means(trials: np.ndarray, clicks: np.ndarray) -> np.ndarray:
    return np.asarray((1 + clicks) / (2 + trials))
