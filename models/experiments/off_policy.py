"""What another policy would have earned, from the log of the one that ran.

Our own few lines: the library of the field, obp (Open Bandit Pipeline), asks for versions of numpy that ours do
not go with. Formulas are those of Saito et al. 2021, "Open Bandit Dataset and Pipeline", section 4 and its
sources, named below. Intervals are normal, by the variance of each estimate's terms: for a log of thousands of
rows that was looked at once. They are no promise where the weights are few and great, which the effective
sample size and a warning tell, nor, strictly, for a log whose policy adapted to the rewards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from config.errors import InputError
from models.experiments.definition import Definition, Reward
from models.experiments.reward_model import cross_fitted

CONFIDENCE = 0.95
#: Below as many rows' worth, or as many rewards' worth, an estimate is called too uncertain to act on.
LEAST_ROWS, LEAST_REWARDS = 100.0, 20.0
#: How many standard errors the mean weight may be off 1.
WEIGHT_ERRORS = 4.0


class Estimate(TypedDict):
    """``value`` is None where nothing can be said; the interval is then everything that is possible."""

    value: float | None
    low: float
    high: float


class Estimates(TypedDict):
    """One target policy.

    ``effective_sample_size`` is (sum w)² / sum w² (Kish 1965), ``effective_rewards`` the same of w·reward: how
    many equally weighted rewards the estimate rests on.
    """

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate | None
    effective_sample_size: float
    effective_rewards: float
    warning: str | None
    rows: int


class PolicyRow(Estimates):
    """``policy`` is ``always`` (``variant`` for everybody) or ``uniform``."""

    policy: str
    variant: str | None


class OffPolicyReport(TypedDict):
    """On the reward's own scale. ``logged`` is the mean of what the policy that ran earned."""

    rows: int
    confidence: float
    logged: Estimate
    policies: list[PolicyRow]


def estimate(
    rewards: np.ndarray,
    propensities: np.ndarray,
    target: np.ndarray,
    predicted: tuple[np.ndarray, np.ndarray] | None = None,
    confidence: float = CONFIDENCE,
) -> Estimates:
    """Mean reward, on 0..1, under the target policy.

    Args:
        rewards: (n,) scaled to 0..1.
        propensities: (n,) probability with which the logged policy chose what it chose.
        target: (n,) probability of that same choice under the target policy.
        predicted: (n,) expected reward of the choice logged, and (n,) expected reward under the target policy,
            by a model that has not seen the row; without it there is no doubly robust estimate.
        confidence: of the intervals.

    Raises:
        InputError: arrays of different lengths, or numbers that are no probabilities or rewards.
    """
    _check(rewards, propensities, target)
    weights = target / propensities
    total = float(weights.sum())
    weighted = weights * rewards
    # Horvitz & Thompson 1952
    ips = _mean(weighted, confidence)
    # Swaminathan & Joachims 2015, "The self-normalized estimator for counterfactual learning", section 5
    value = float(weighted.sum()) / total if total > 0 else None
    snips = _nothing() if value is None else _interval(value, weights * (rewards - value), total, confidence)
    doubly_robust = None
    if predicted is not None:
        # Dudik et al. 2014, "Doubly robust policy evaluation and optimization", eq. 3
        doubly_robust = _mean(predicted[1] + weights * (rewards - predicted[0]), confidence)
    if total <= 0:
        ips, doubly_robust = _nothing(), None if predicted is None else _nothing()
    size, carried = _effective(weights), _effective(weighted)
    return Estimates(
        ips=ips,
        snips=snips,
        doubly_robust=doubly_robust,
        effective_sample_size=size,
        effective_rewards=carried,
        warning=_warning(weights, size, carried),
        rows=len(rewards),
    )


def off_policy_report(
    definition: Definition, log: Mapping[str, Any], *, confidence: float = CONFIDENCE, seed: int = 0
) -> OffPolicyReport:
    """What each variant for everybody, and the uniform split, would have earned, beside what was earned.

    Args:
        definition: of the experiment.
        log: ``variant`` (n,) places, ``reward`` (n,) scaled to 0..1, ``propensity`` (n,), ``context`` (n
            mappings or None). Rows whose reward is NaN are left out.
        confidence: of the intervals.
        seed: of the folds of the reward model.
    """
    rewards = np.asarray(log["reward"], dtype=float)
    known = np.flatnonzero(~np.isnan(rewards))
    rewards = rewards[known]
    propensities = np.asarray(log["propensity"], dtype=float)[known]
    variants = np.asarray(log["variant"], dtype=np.int64)[known]
    contexts = [log["context"][place] for place in known]
    arms = len(definition.names)
    if len(variants) and not (variants.min() >= 0 and variants.max() < arms):
        raise InputError(f"The log names a variant that experiment {definition.id} does not have.")
    expected = cross_fitted(contexts, variants, rewards, fields=definition.context, arms=arms, seed=seed)
    of_logged = expected[np.arange(len(variants)), variants]

    def row(policy: str, variant: str | None, target: np.ndarray, under_target: np.ndarray) -> PolicyRow:
        found = estimate(rewards, propensities, target, (of_logged, under_target), confidence)
        return PolicyRow(policy=policy, variant=variant, **_unscaled(found, definition.reward))

    policies = [
        row("always", name, (variants == place).astype(float), expected[:, place])
        for place, name in enumerate(definition.names)
    ]
    policies.append(row("uniform", None, np.full(len(variants), 1 / arms), expected.mean(axis=1)))
    logged = _mean(rewards, confidence)
    return OffPolicyReport(
        rows=len(rewards),
        confidence=confidence,
        logged=_on_own_scale(logged, definition.reward),
        policies=policies,
    )


def _check(rewards: np.ndarray, propensities: np.ndarray, target: np.ndarray) -> None:
    if not len(rewards) == len(propensities) == len(target):
        raise InputError("Rewards, propensities and target probabilities differ in number.")
    if not ((propensities > 0) & (propensities <= 1)).all():
        raise InputError("A logged propensity is not above 0 and at most 1.")
    if not ((target >= 0) & (target <= 1)).all():
        raise InputError("A target probability is not between 0 and 1.")
    if not ((rewards >= 0) & (rewards <= 1)).all():
        raise InputError("A reward is not between 0 and 1.")


def _nothing() -> Estimate:
    return Estimate(value=None, low=0.0, high=1.0)


def _mean(terms: np.ndarray, confidence: float) -> Estimate:
    """Mean of the terms (n,), with the interval of their spread."""
    if not len(terms):
        return _nothing()
    value = float(terms.mean())
    return _interval(value, terms - value, float(len(terms)), confidence)


def _interval(value: float, deviations: np.ndarray, total: float, confidence: float) -> Estimate:
    """``value`` with the normal interval of the standard error sqrt(sum of deviations²) / total.

    Without any spread (no reward seen, one row) the data does not tell its own error: all of 0..1 is possible.
    """
    from scipy.special import ndtri

    error = float(np.sqrt((deviations * deviations).sum())) / total
    if error <= 1e-15:
        return Estimate(value=value, low=0.0, high=1.0)
    reach = float(ndtri(0.5 + confidence / 2)) * error
    return Estimate(value=value, low=min(max(value - reach, 0.0), 1.0), high=min(max(value + reach, 0.0), 1.0))


def _effective(weights: np.ndarray) -> float:
    squares = float((weights * weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _warning(weights: np.ndarray, size: float, carried: float) -> str | None:
    """What speaks against trusting the estimates, in one or two sentences."""
    if size == 0:
        return "The log has no decision that this policy would make: nothing can be said of it."
    said = []
    if size < LEAST_ROWS:
        said.append(
            f"The {len(weights):,} decisions weigh as {size:,.0f} for this policy: too few to say anything."
        )
    if carried < LEAST_REWARDS:
        said.append(
            f"The estimate rests on about {carried:.0f} rewards: its interval is rough, act on nothing yet."
        )
    error = float(weights.std()) / np.sqrt(len(weights))
    if abs(float(weights.mean()) - 1) > WEIGHT_ERRORS * error + 1e-9:
        said.append(
            f"The weights average {weights.mean():.2f} in place of 1: the logged propensities are not those "
            "that were drawn with, or this policy makes choices that the log never made."
        )
    return " ".join(said) or None


def _on_own_scale(found: Estimate, reward: Reward) -> Estimate:
    value = found["value"]
    return Estimate(
        value=None if value is None else reward.unscaled(value),
        low=reward.unscaled(found["low"]),
        high=reward.unscaled(found["high"]),
    )


def _unscaled(found: Estimates, reward: Reward) -> Estimates:
    robust = found["doubly_robust"]
    return Estimates(
        ips=_on_own_scale(found["ips"], reward),
        snips=_on_own_scale(found["snips"], reward),
        doubly_robust=None if robust is None else _on_own_scale(robust, reward),
        effective_sample_size=found["effective_sample_size"],
        effective_rewards=found["effective_rewards"],
        warning=found["warning"],
        rows=found["rows"],
    )
