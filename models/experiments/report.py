"""The statistics of an experiment as one document, JSON-ready, on the reward's own scale.

docs/concepts/experiment-statistics.md says what each figure means and where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypedDict, cast

from models.experiments import advice
from models.experiments.definition import Definition, VariantCounts, VariantTally
from models.experiments.effects import Effect, Mean, Pool, effects, in_order, interval, means
from models.experiments.guard import Breach, breaches, harms
from models.experiments.planning import need
from models.experiments.posterior import posteriors
from models.experiments.sample_ratio import sample_ratio

__all__ = ["Breach", "EffectRow", "Report", "VariantRow", "breaches", "posterior_counts", "report"]

_METHODS = {
    "fixed": "difference of means under a fixed split",
    "thompson": "means weighted by the inverse of the logged propensities (the policy adapts to the rewards)",
    "contextual": "means weighted by the inverse of the logged propensities (the policy adapts to rewards and "
    "context)",
}
_BEST = {
    "fixed": "Probability of being best and expected loss are of the posterior under a flat prior.",
    "thompson": "Probability of being best and expected loss are of the posterior that the policy draws from: "
    "they take the rewards to be alike at all times, the effects do not.",
    "contextual": "Probability of being best and expected loss are of always giving one variant to everybody; "
    "the policy, which chooses by context, may be better than each (see the off-policy estimates).",
}
_LOOKS = (
    "low, high and p_value hold at every look; fixed_low, fixed_high and fixed_p_value only at a single look, "
    "at a number of decisions that was fixed before the start."
)


class SampleRatioRow(TypedDict):
    """``p_value`` and ``sequential_p_value`` are None while nothing could be checked."""

    checked: bool
    p_value: float | None
    sequential_p_value: float | None
    alarm: bool


class VariantRow(TypedDict):
    """One variant. ``share`` is its part of the decisions, ``expected_share`` its part by a fixed split (None
    otherwise). ``low`` and ``high`` hold at every look. ``mean`` is None before the first decision that counts.
    """

    variant: str
    control: bool
    decisions: int
    rewarded: int
    pending: int
    share: float
    expected_share: float | None
    counted: int
    mean: float | None
    low: float
    high: float
    effective_sample_size: float
    probability_best: float
    expected_loss: float


class EffectRow(TypedDict):
    """A variant less the control. ``relative`` is to the control's mean, as a part of 1."""

    variant: str
    difference: float | None
    low: float
    high: float
    relative: float | None
    p_value: float
    fixed_p_value: float
    fixed_low: float
    fixed_high: float
    significant: bool


class GuardRow(TypedDict):
    """How much worse than the control a variant is in a guard-rail's metric, in the metric's units."""

    variant: str
    metric: str
    difference: float | None
    low: float
    high: float
    limit: float
    breached: bool


class Report(TypedDict):
    """The whole; see docs/concepts/experiment-statistics.md."""

    method: str
    policy: str
    reward: str
    control: str
    as_of: str
    confidence: float
    decisions: int
    rewarded: int
    counted: int
    pending: int
    sample_ratio: SampleRatioRow
    variants: list[VariantRow]
    effects: list[EffectRow]
    guardrails: list[GuardRow]
    minimum_effect: float | None
    planned_decisions: int
    decisions_needed: int | None
    fixed_decisions_needed: int | None
    decisions_per_day: float | None
    days_needed: float | None
    recommendation: str
    warnings: list[str]
    notes: list[str]


def report(
    definition: Definition,
    tallies: Sequence[VariantTally],
    *,
    started_at: datetime | None,
    now: datetime,
    confidence: float = 0.95,
    ended: bool = False,
) -> Report:
    """Say what the decisions so far show.

    Args:
        definition: of the experiment.
        tallies: sums of each variant; one that is left out has none.
        started_at: UTC; None before the start.
        now: UTC.
        confidence: of all the effects together; guard-rails have 95 % always.
        ended: whether it is concluded, so that no warning advises a running experiment.

    Raises:
        InputError: a tally of a variant that the definition does not have.
    """
    alpha = 1.0 - confidence
    ordered = in_order(definition, tallies)
    found, pooled = means(definition, ordered)
    compared = effects(definition, ordered, alpha)
    ratio, harmed = sample_ratio(definition, ordered), harms(definition, ordered)
    needed = need(definition, compared, pooled.counted, started_at=started_at, now=now, alpha=alpha)
    rows = _variants(definition, ordered, found, pooled, alpha)
    return {
        "method": _METHODS[definition.policy.kind],
        "policy": definition.policy.kind,
        "reward": definition.reward.name,
        "control": definition.control_name,
        "as_of": now.isoformat(),
        "confidence": confidence,
        "decisions": sum(each.decisions for each in ordered),
        "rewarded": sum(each.rewarded for each in ordered),
        "counted": pooled.counted,
        "pending": sum(each.pending for each in ordered),
        "sample_ratio": cast("SampleRatioRow", asdict(ratio)),
        "variants": rows,
        "effects": _effects(definition, compared, found),
        "guardrails": [cast("GuardRow", asdict(each)) for each in harmed],
        "minimum_effect": definition.minimum_effect,
        "planned_decisions": definition.planned_decisions,
        "decisions_needed": needed.decisions,
        "fixed_decisions_needed": needed.fixed_decisions,
        "decisions_per_day": needed.per_day,
        "days_needed": needed.days,
        "recommendation": advice.recommendation(
            definition,
            compared,
            [row["probability_best"] for row in rows],
            [row["expected_loss"] for row in rows],
            counted=pooled.counted,
            ratio=ratio,
            harms=harmed,
            need=needed,
        ),
        "warnings": advice.warnings(definition, ordered, found, compared, ratio, harmed, ended=ended),
        "notes": [_LOOKS, _BEST[definition.policy.kind]],
    }


def posterior_counts(
    definition: Definition, tallies: Sequence[VariantTally], found: Sequence[Mean]
) -> list[VariantCounts]:
    """What the posterior is made of.

    Under a contextual policy plain counts compare the contexts in which each variant was chosen. There a
    variant counts as many trials as its weighted decisions are worth (Kish's effective sample size), at its
    weighted mean.
    """
    if definition.policy.kind != "contextual":
        return [VariantCounts(t.variant, t.counted, t.reward_sum, t.reward_squares) for t in tallies]
    counts = []
    for tally, mean in zip(tallies, found, strict=True):
        trials = int(mean.effective + 1e-9)
        square = tally.weighted_reward_squares / tally.weight_squares if tally.weight_squares > 0 else 0.0
        counts.append(VariantCounts(tally.variant, trials, trials * (mean.mean or 0.0), trials * square))
    return counts


def _variants(
    definition: Definition,
    tallies: Sequence[VariantTally],
    found: Sequence[Mean],
    pooled: Pool,
    alpha: float,
) -> list[VariantRow]:
    believed = posteriors(definition, posterior_counts(definition, tallies, found))
    best, loss = believed.best(), believed.expected_loss()
    reward, total = definition.reward, sum(each.decisions for each in tallies)
    shares = sum(each.share for each in definition.variants)
    rows: list[VariantRow] = []
    for place, (variant, tally, mean) in enumerate(zip(definition.variants, tallies, found, strict=True)):
        low, high = interval(mean, definition, pooled, alpha)
        rows.append(
            {
                "variant": variant.name,
                "control": variant.name == definition.control_name,
                "decisions": tally.decisions,
                "rewarded": tally.rewarded,
                "pending": tally.pending,
                "share": tally.decisions / total if total else 0.0,
                "expected_share": variant.share / shares if definition.policy.kind == "fixed" else None,
                "counted": tally.counted,
                "mean": None if mean.mean is None else reward.unscaled(mean.mean),
                "low": reward.unscaled(low),
                "high": reward.unscaled(high),
                "effective_sample_size": mean.effective,
                "probability_best": float(best[place]),
                "expected_loss": float(loss[place]) * (reward.high - reward.low),
            }
        )
    return rows


def _effects(definition: Definition, compared: Sequence[Effect], found: Sequence[Mean]) -> list[EffectRow]:
    reward = definition.reward
    width = reward.high - reward.low
    control = found[definition.names.index(definition.control_name)].mean
    base = None if control is None else reward.unscaled(control)
    return [
        {
            "variant": each.variant,
            "difference": None if each.difference is None else each.difference * width,
            "low": each.low * width,
            "high": each.high * width,
            "relative": each.difference * width / abs(base) if base and each.difference is not None else None,
            "p_value": each.p_value,
            "fixed_p_value": each.fixed_p_value,
            "fixed_low": each.fixed_low * width,
            "fixed_high": each.fixed_high * width,
            "significant": each.significant,
        }
        for each in compared
    ]
