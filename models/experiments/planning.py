"""How many decisions, and days, an experiment still needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.experiments import sequential
from models.experiments.definition import Definition
from models.experiments.effects import Effect

POWER = 0.8
_DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Need:
    """None where it cannot be said: no ``minimum_effect``, or too little seen of a variant.

    Attributes:
        decisions: that count, altogether, to find the minimum effect with power 0.8 under the sequential test.
        fixed_decisions: the same for one look at a fixed horizon.
        days: still to go at the traffic so far; 0 when there are enough.
        per_day: decisions that count a day, so far.
    """

    decisions: int | None
    fixed_decisions: int | None
    days: float | None
    per_day: float | None


def need(
    definition: Definition,
    effects: Sequence[Effect],
    counted: int,
    *,
    started_at: datetime | None,
    now: datetime,
    alpha: float,
) -> Need:
    """For the variant that needs most. Time in a pause counts as time without traffic.

    Args:
        definition: of the experiment; ``minimum_effect`` is on the reward's own scale.
        effects: of every variant.
        counted: decisions that count so far.
        started_at: UTC; None before the start.
        now: UTC.
        alpha: over all variants.
    """
    per_day = _per_day(counted, started_at, now)
    known = [(each.deviation, each.information) for each in effects if each.deviation and each.information]
    if definition.minimum_effect is None or len(known) < len(effects):
        return Need(None, None, None, per_day)
    smallest = definition.minimum_effect / (definition.reward.high - definition.reward.low)
    each_alpha = alpha / len(effects)
    decisions = max(
        sequential.sample_needed(smallest, deviation, information=information, alpha=each_alpha, power=POWER)
        for deviation, information in known
    )
    fixed = max(_fixed_sample(smallest, deviation, each_alpha) for deviation, _ in known)
    if not (math.isfinite(decisions) and math.isfinite(fixed)):
        return Need(None, None, None, per_day)
    left = max(math.ceil(decisions) - counted, 0)
    days = 0.0 if not left else left / per_day if per_day else None
    return Need(math.ceil(decisions), math.ceil(fixed), days, per_day)


def _per_day(counted: int, started_at: datetime | None, now: datetime) -> float | None:
    seconds = (now - started_at).total_seconds() if started_at is not None else 0.0
    return counted / seconds * _DAY_SECONDS if seconds > 0 and counted else None


def _fixed_sample(effect: float, deviation: float, alpha: float) -> float:
    from statsmodels.stats.power import normal_sample_size_one_tail

    return float(normal_sample_size_one_tail(effect, POWER, alpha / 2, std_null=deviation))
