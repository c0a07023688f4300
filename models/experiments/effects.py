"""Each variant's mean, and its effect against the control: sequentially valid, and at a fixed horizon.

Under a fixed split a decision weighs 1. Under an adaptive policy it weighs 1/p, p being its logged propensity:
arms are chosen by what was seen before, so that plain means are biased, and compare different times and
contexts. The weighted mean sum(r/p) / sum(1/p) is the augmented inverse-propensity-weighted estimate with the
arm's own mean as its prediction (Robins, Rotnitzky and Zhao 1994): 1{A=a} (r - m)/p + m sums up to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from config.errors import InputError
from models.experiments import sequential
from models.experiments.definition import Definition, VariantTally

#: Events (or non-events, whichever are rarer) that the variance of all variants weighs against a variant's own.
POOLED_EVENTS = 10.0
#: With fewer in an arm its mean says nothing: a central limit needs a sum.
LEAST_COUNTED = 10


@dataclass(frozen=True)
class Mean:
    """A variant's mean on the scale 0..1.

    Attributes:
        counted: decisions that it is the mean of.
        mean: weighted where the policy adapts; None without decisions.
        variance: of the mean.
        effective: Kish's effective sample size, (sum w)^2 / sum w^2.
    """

    variant: str
    counted: int
    mean: float | None
    variance: float
    effective: float

    @property
    def known(self) -> bool:
        """Whether there is enough for an interval."""
        return self.counted >= LEAST_COUNTED and self.mean is not None and self.variance > 0


@dataclass(frozen=True)
class Pool:
    """All variants together, unweighted: variance of one reward, and what it weighs in decisions."""

    counted: int
    variance: float
    weight: float


@dataclass(frozen=True)
class Effect:
    """Mean of a variant less that of the control, on the scale 0..1. P-values are corrected by Holm over the
    variants, intervals by Bonferroni. Where too little is known, an interval is the whole range -1..1.

    Attributes:
        low, high, p_value: valid at every look.
        fixed_low, fixed_high, fixed_p_value: valid at one look, at a sample size fixed before the start.
        deviation: of one decision's part in the difference.
        information: V/r for each decision, of the mixture.
    """

    variant: str
    difference: float | None
    low: float
    high: float
    p_value: float
    fixed_low: float
    fixed_high: float
    fixed_p_value: float
    deviation: float | None
    information: float | None
    significant: bool = False


def pool(count: float, total: float, squares: float) -> Pool:
    """Of the sums over all variants; one 0 and one 1 are added, so that its variance is never none.

    A central limit holds once there are many of the rarer outcome, not many rewards. For a reward of 0 or 1 its
    rate is E[r]^2 / E[r^2] or the same of 1 - r; that form serves every reward of 0..1.
    """
    n, first, second = count + 2, (total + 1) / (count + 2), (squares + 1) / (count + 2)
    complement = 1 - 2 * first + second
    rarity = min(first**2 / second, (1 - first) ** 2 / complement)
    return Pool(int(n - 2), max(second - first**2, 1e-12), POOLED_EVENTS / max(rarity, 1e-12))


def moderated(own: float, count: float, pooled: Pool) -> float:
    """A variant's variance of one reward, pulled to that of all while it has few events.

    An arm with 3 clicks fewer than it should have had also shows too small a variance: the two errors together
    would make alarms of nothing, above all where an adaptive policy then starves that arm.
    """
    return (count * own + pooled.weight * pooled.variance) / (count + pooled.weight)


def means(definition: Definition, tallies: Sequence[VariantTally]) -> tuple[list[Mean], Pool]:
    """Of every variant, in the definition's order."""
    ordered = in_order(definition, tallies)
    pooled = pool(
        sum(each.counted for each in ordered),
        sum(each.reward_sum for each in ordered),
        sum(each.reward_squares for each in ordered),
    )
    return [_mean(each, pooled, weighted=definition.policy.kind != "fixed") for each in ordered], pooled


def in_order(definition: Definition, tallies: Sequence[VariantTally]) -> list[VariantTally]:
    """The tallies in the definition's order; a variant without one has none of anything.

    Raises:
        InputError: a tally of a variant that the definition does not have.
    """
    found = {each.variant: each for each in tallies}
    strangers = set(found) - set(definition.names)
    if strangers:
        raise InputError(f"Experiment {definition.id} has no variant {', '.join(sorted(strangers))}.")
    return [found.get(name) or VariantTally(name) for name in definition.names]


def _mean(tally: VariantTally, pooled: Pool, *, weighted: bool) -> Mean:
    n = tally.counted
    weights = (float(n), float(n), tally.reward_sum, tally.reward_squares, tally.reward_sum)
    if weighted:
        weights = (
            tally.weights,
            tally.weight_squares,
            tally.weighted_rewards,
            tally.weighted_reward_squares,
            tally.weighted_cross,
        )
    total, squares, rewards, reward_squares, cross = weights
    if n <= 0 or total <= 0 or squares <= 0:
        return Mean(tally.variant, n, None, math.inf, 0.0)
    mean = min(max(rewards / total, 0.0), 1.0)
    own = max(reward_squares - 2 * mean * cross + mean * mean * squares, 0.0) / squares
    variance = moderated(own, n, pooled) * squares / total**2
    return Mean(tally.variant, n, mean, variance, total**2 / squares)


def interval(mean: Mean, definition: Definition, pooled: Pool, alpha: float) -> tuple[float, float]:
    """Sequentially valid interval of one variant's mean on 0..1."""
    if not mean.known or mean.mean is None:
        return 0.0, 1.0
    information = _information(mean.variance, definition, pooled, alpha) * _arms(definition, single=True)
    reach = math.sqrt(mean.variance) * sequential.boundary(information, alpha)
    return max(mean.mean - reach, 0.0), min(mean.mean + reach, 1.0)


def _arms(definition: Definition, *, single: bool) -> float:
    """One mean has half the variance that a difference is tuned for, under an adaptive policy."""
    return 2.0 if single and definition.policy.kind != "fixed" else 1.0


def _information(variance: float, definition: Definition, pooled: Pool, alpha: float) -> float:
    """V/r of an estimate with ``variance``, tuned at ``planned_decisions``.

    Under a fixed split V grows with the decisions, and r is tuned at those planned. Under an adaptive policy
    nobody knows V beforehand: r is tuned at the geometric mean of what V is while variants are chosen equally
    often, and when one of the two is at its floor. It may not follow the V that came out: r must be fixed.
    """
    tuned = sequential.tuned_information(alpha)
    if definition.policy.kind == "fixed":
        return tuned * pooled.counted / definition.planned_decisions
    equal, floor = 2.0 * len(definition.variants), 1 + 1 / definition.policy.exploration
    planned = definition.planned_decisions * pooled.variance * math.sqrt(equal * floor)
    return tuned * variance * pooled.counted**2 / planned


def effects(definition: Definition, tallies: Sequence[VariantTally], alpha: float) -> list[Effect]:
    """Of every variant but the control, in order, at error ``alpha`` over all of them."""
    ordered = in_order(definition, tallies)
    found, pooled = means(definition, tallies)
    place = definition.names.index(definition.control_name)
    each_alpha = alpha / (len(found) - 1)
    raw = [
        _effect(definition, (found[i], found[place]), (ordered[i], ordered[place]), pooled, each_alpha)
        for i in range(len(found))
        if i != place
    ]
    return _corrected(raw, alpha)


def _effect(
    definition: Definition,
    pair: tuple[Mean, Mean],
    tallies: tuple[VariantTally, VariantTally],
    pooled: Pool,
    alpha: float,
) -> Effect:
    one, control = pair
    difference = None if one.mean is None or control.mean is None else one.mean - control.mean
    if difference is None or not (one.known and control.known):
        return Effect(one.variant, difference, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, None, None)
    variance = one.variance + control.variance
    error = math.sqrt(variance)
    information = _information(variance, definition, pooled, alpha)
    reach = error * sequential.boundary(information, alpha)
    fixed = _fixed_horizon(definition, tallies, difference, error, alpha)
    return Effect(
        one.variant,
        difference,
        max(difference - reach, -1.0),
        min(difference + reach, 1.0),
        sequential.p_value(difference / error, information),
        *fixed,
        deviation=error * math.sqrt(pooled.counted),
        information=information / pooled.counted,
    )


def _fixed_horizon(
    definition: Definition,
    tallies: tuple[VariantTally, VariantTally],
    difference: float,
    error: float,
    alpha: float,
) -> tuple[float, float, float]:
    """Low, high and p-value of the customary test."""
    if definition.policy.kind != "fixed":
        reach = float(stats.norm.isf(alpha / 2)) * error
        p = float(2 * stats.norm.sf(abs(difference) / error))
    elif definition.reward.kind == "binary":
        return _proportions(tallies, alpha)
    else:
        reach, p = _welch(tallies, difference, error, alpha)
    return max(difference - reach, -1.0), min(difference + reach, 1.0), p


def _proportions(tallies: tuple[VariantTally, VariantTally], alpha: float) -> tuple[float, float, float]:
    """Agresti and Caffo 2000: a success and a failure are added to each, which keeps small samples right."""
    from statsmodels.stats import proportion

    one, control = tallies
    counts = (round(one.reward_sum), one.counted, round(control.reward_sum), control.counted)
    low, high = proportion.confint_proportions_2indep(*counts, method="agresti-caffo", alpha=alpha)
    with np.errstate(all="ignore"):  # it takes the ratio, too, which may be 0/0
        tested = proportion.test_proportions_2indep(*counts, method="agresti-caffo", return_results=True)
    return max(float(low), -1.0), min(float(high), 1.0), float(tested.pvalue)


def _welch(
    tallies: tuple[VariantTally, VariantTally], difference: float, error: float, alpha: float
) -> tuple[float, float]:
    """Half width and p-value of Welch's unequal-variances t-test; of the given error where nothing varies."""
    squared, weighted = 0.0, 0.0
    for each in tallies:
        n = each.counted
        of_mean = max(each.reward_squares - each.reward_sum**2 / n, 0.0) / (n - 1) / n
        squared, weighted = squared + of_mean, weighted + of_mean**2 / (n - 1)
    if squared < 1e-18 or weighted <= 0:
        reach = float(stats.norm.isf(alpha / 2)) * error
        return reach, float(2 * stats.norm.sf(abs(difference) / error))
    freedom = squared**2 / weighted
    root = math.sqrt(squared)
    return float(stats.t.isf(alpha / 2, freedom)) * root, float(2 * stats.t.sf(abs(difference) / root, freedom))


def _corrected(raw: list[Effect], alpha: float) -> list[Effect]:
    """With p-values by Holm's step-down over the variants."""
    sequentially = holm([each.p_value for each in raw])
    fixed = holm([each.fixed_p_value for each in raw])
    return [
        Effect(
            **{
                **each.__dict__,
                "p_value": p,
                "fixed_p_value": fixed_p,
                "significant": bool(p <= alpha),
            }
        )
        for each, p, fixed_p in zip(raw, sequentially, fixed, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected by Holm 1979; the tests compare it with statsmodels' ``multipletests``, which is slow."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(p_values[place] * (len(p_values) - rank), 1.0))
        corrected[place] = highest
    return corrected
