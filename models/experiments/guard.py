"""Guard-rails: is a variant so much worse than the control that the experiment must stop?

A breach is certainty of harm: the whole sequentially valid 95 % interval of how much worse the variant is lies
above the limit. It holds at every look, so that a guard that looks each minute does not stop sound experiments
by chance. A metric counts where callers sent it. Its sums carry no weights: it is an interval that stays true
however the variants were chosen by earlier results (``sequential.paired_boundary``), but not where a context
decides both the choice and the metric; under a contextual policy a breach is a sign to look at, not an effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.experiments import sequential
from models.experiments.definition import Definition, GuardRail, VariantTally
from models.experiments.effects import LEAST_COUNTED, Pool, in_order, moderated, pool

ALPHA = 0.05
#: Harm is to be found early: the interval is narrowest at this part of the planned decisions.
EARLY = 0.1


@dataclass(frozen=True)
class Harm:
    """How much worse than the control a variant is, in the metric's own units; below 0 it is better.

    Attributes:
        difference: None while one of the two has no values.
        low, high: sequentially valid over all variants.
        breached: ``low`` is above the limit.
    """

    variant: str
    metric: str
    difference: float | None
    low: float
    high: float
    limit: float
    breached: bool


@dataclass(frozen=True)
class Breach:
    """A guard-rail that a variant has broken; ``difference`` and ``low`` are of the harm, in its units."""

    variant: str
    metric: str
    difference: float
    low: float
    limit: float
    action: Literal["pause", "alarm"]


def breaches(definition: Definition, tallies: Sequence[VariantTally]) -> list[Breach]:
    """The broken ones, in the order of guard-rails, then of variants."""
    actions = {rail.metric: rail.action for rail in definition.guardrails}
    return [
        Breach(each.variant, each.metric, each.difference, each.low, each.limit, actions[each.metric])
        for each in harms(definition, tallies)
        if each.breached and each.difference is not None
    ]


def harms(definition: Definition, tallies: Sequence[VariantTally]) -> list[Harm]:
    """Of every guard-rail and every variant but the control."""
    ordered = in_order(definition, tallies)
    found = []
    for rail in definition.guardrails:
        sums = {each.variant: _scaled(rail, each) for each in ordered}
        n, total, squares = (sum(column) for column in zip(*sums.values(), strict=True))
        pooled = pool(n, total, squares)
        control = sums[definition.control_name]
        found += [
            _harm(definition, rail, name, sums[name], control, pooled)
            for name in definition.names
            if name != definition.control_name
        ]
    return found


def _scaled(rail: GuardRail, tally: VariantTally) -> tuple[float, float, float]:
    """Count, sum and sum of squares of the metric on 0..1."""
    n, total, squares = tally.metrics.get(rail.metric, (0, 0.0, 0.0))
    width = rail.high - rail.low
    return (
        float(n),
        (total - n * rail.low) / width,
        max(squares - 2 * rail.low * total + n * rail.low**2, 0.0) / width**2,
    )


def _harm(
    definition: Definition,
    rail: GuardRail,
    variant: str,
    one: tuple[float, float, float],
    control: tuple[float, float, float],
    pooled: Pool,
) -> Harm:
    width = rail.high - rail.low
    if not (one[0] and control[0]):
        return Harm(variant, rail.metric, None, -width, width, rail.limit, False)
    sign = 1.0 if rail.worse == "higher" else -1.0
    difference = sign * (one[1] / one[0] - control[1] / control[0])
    reach = 2.0
    if min(one[0], control[0]) >= LEAST_COUNTED:
        reach = _reach(definition, one, control, pooled)
    low, high = max(difference - reach, -1.0) * width, min(difference + reach, 1.0) * width
    return Harm(variant, rail.metric, difference * width, low, high, rail.limit, low > rail.limit)


def _reach(
    definition: Definition,
    one: tuple[float, float, float],
    control: tuple[float, float, float],
    pooled: Pool,
) -> float:
    alpha = ALPHA / (len(definition.variants) - 1)
    tuned = sequential.tuned_information(alpha)
    planned = max(definition.planned_decisions * EARLY / len(definition.variants), 1.0)
    informations = (tuned * one[0] / planned, tuned * control[0] / planned)
    variances = (_variance(one, pooled), _variance(control, pooled))
    error = sequential.paired_error(variances, informations)
    reach = error * sequential.paired_boundary(informations, alpha)
    return reach if math.isfinite(reach) else 2.0


def _variance(sums: tuple[float, float, float], pooled: Pool) -> float:
    """Of the metric's mean."""
    n, total, squares = sums
    return moderated(max(squares / n - (total / n) ** 2, 0.0), n, pooled) / n
