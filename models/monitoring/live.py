"""Live accuracy: a version on rows whose outcome came since, against the same version on its held-out rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.columns import epoch_us
from models.family import Evaluation, Family, Predictor
from models.metrics import bootstrap, group_sums
from models.monitoring.clusters import cluster_codes, mean_variance
from models.monitoring.contract import Figure, Live
from models.monitoring.inputs import Rules
from models.monitoring.side import DAY_US
from models.monitoring.usual import starts

#: A loss that grew by less than this share matters to nobody, unless it takes this share of what the model
#: knows beyond its best baseline.
LEAST_GROWTH, LEAST_SKILL_LOST = 0.1, 0.25
#: Days are clusters too, where there are enough of them.
LEAST_DAYS = 8
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judged:
    """Rows that a version was measured on: what was measured, by how much each row counts, whose rows they are,
    and of which days.
    """

    rows: Any
    evaluation: Evaluation
    weights: np.ndarray
    clusters: tuple[np.ndarray, ...]
    days: np.ndarray | None

    def loss(self, keep: np.ndarray | None = None, losses: np.ndarray | None = None) -> float:
        """The mean loss of the rows, or of ``keep`` (n,) alone; ``losses``: of a baseline."""
        chosen = slice(None) if keep is None else keep
        values = self.evaluation.losses if losses is None else losses
        return float(values[chosen].sum() / self.weights[chosen].sum())

    def variance(self, keep: np.ndarray | None = None) -> float:
        """Of the mean loss: that of a quotient of sums, linearised, over the clusters that make it largest."""
        chosen = np.ones(len(self.weights), bool) if keep is None else keep
        return max(self._variance(chosen, codes[chosen]) for codes in self.clusters)

    def _variance(self, keep: np.ndarray, codes: np.ndarray) -> float:
        weights = self.weights[keep]
        residual = (self.evaluation.losses[keep] - self.loss(keep) * weights) / weights.mean()
        return mean_variance(residual, [np.unique(codes, return_inverse=True)[1]])

    def widest(self, keep: np.ndarray) -> np.ndarray:
        """The clusters of ``keep`` that make the variance of its mean loss largest."""
        return max((codes[keep] for codes in self.clusters), key=lambda codes: self._variance(keep, codes))


def measured(family: Family, predictor: Predictor, rows: Any, options: Any, rules: Rules) -> Judged:
    """The version measured on ``rows``, as the family does it.

    Raises:
        Exception: whatever the predictor or the family raise.
    """
    evaluation = family.evaluate(predictor, rows, options, rules.seed)
    _, groups = np.unique(evaluation.groups.astype(str), return_inverse=True)
    names = rows.schema.names
    if len(evaluation.losses) != rows.num_rows:
        return Judged(rows, evaluation, np.ones(len(evaluation.losses)), (groups,), None)
    light = rows if hasattr(rows, "column_names") else rows.table
    clusters = [groups, *cluster_codes(light, (family.entity, family.person, family.about))]
    days = None
    if family.time in names:
        days = np.asarray(epoch_us(light[family.time]).fill_null(0).to_numpy() // DAY_US, np.int64)
        _, of_days = np.unique(days, return_inverse=True)
        if of_days.max(initial=0) + 1 >= LEAST_DAYS:
            clusters.append(of_days)
    weigh = family.watch.weights if family.watch else None
    weights = np.ones(rows.num_rows) if weigh is None else weigh(rows, options)
    return Judged(rows, evaluation, weights, tuple(clusters), days)


def live_accuracy(
    family: Family, version: str, held_out: Judged, live: Judged, promoted: Mapping[str, float], rules: Rules
) -> Live:
    """What became of a version's accuracy.

    ``worse`` asks three things: the mean loss is larger beyond chance (one-sided, rows of one entity, person or
    day being one witness); by more than the held-out rows' own windows of this length differ; and by a tenth of
    itself or a quarter of what the version knew beyond its best baseline, which did not lose as much.
    """
    metric = family.primary_metric[0]
    then = _metric(held_out, metric)
    if metric in promoted:
        then = Figure(then.name, float(promoted[metric]), then.low, then.high, then.rows)
    return Live(
        version=version,
        rows=live.evaluation.rows,
        metric=_metric(live, metric),
        loss=mean_loss(live, rules.seed),
        metric_at_promotion=then,
        loss_at_promotion=mean_loss(held_out, rules.seed),
        worse=_worse(held_out, live, rules),
    )


def _metric(judged: Judged, name: str) -> Figure:
    low, high = judged.evaluation.intervals.get(name, (None, None))
    return Figure(name, float(judged.evaluation.metrics[name]), low, high, judged.evaluation.rows)


def mean_loss(judged: Judged, seed: int, keep: np.ndarray | None = None) -> Figure:
    """The mean loss of the rows (of ``keep`` alone) with its interval: a bootstrap over the clusters that make
    it widest.
    """
    chosen = np.ones(len(judged.weights), bool) if keep is None else keep
    sums = group_sums(
        np.stack([judged.evaluation.losses[chosen], judged.weights[chosen]], axis=1), judged.widest(chosen)
    )
    low, high = bootstrap(sums, lambda s: s[:, :1] / s[:, 1:], confidence=CONFIDENCE, seed=seed)
    return Figure("loss", judged.loss(keep), float(low[0]), float(high[0]), int(chosen.sum()))


def _worse(held_out: Judged, live: Judged, rules: Rules) -> bool:
    from scipy.stats import norm

    growth = live.loss() - held_out.loss()
    error = math.sqrt(held_out.variance() + live.variance())
    beyond_chance = growth > norm.isf(rules.alpha) * error
    return bool(beyond_chance and growth > usual_growth(held_out, rules) and _matters(held_out, live))


def _matters(held_out: Judged, live: Judged) -> bool:
    """Whether the loss grew by enough, and the best baseline's did not grow as much: rows that are harder for
    everybody are not the model's fault.
    """
    grew = live.loss() - held_out.loss() >= LEAST_GROWTH * abs(held_out.loss())
    before, now = skill(held_out), skill(live)
    if before is None or now is None:
        return grew
    return now < before and (grew or (before > 0 and before - now >= LEAST_SKILL_LOST * before))


def skill(judged: Judged) -> float | None:
    """By how much the mean loss lies below that of the best baseline; None: there is none."""
    losses = [judged.loss(losses=values) for values in judged.evaluation.baseline_losses.values()]
    return min(losses) - judged.loss() if losses else None


def usual_growth(held_out: Judged, rules: Rules) -> float:
    """The most by which a window of the held-out rows is worse than the rest of them; 0 where they are of too
    few days.
    """
    if held_out.days is None:
        return 0.0
    windows = starts(held_out.days, rules.window_days)
    if windows is None:
        return 0.0
    worst = 0.0
    for start in windows:
        inside = (held_out.days >= start) & (held_out.days < start + rules.window_days)
        if rules.min_rows <= inside.sum() < len(inside):
            worst = max(worst, held_out.loss(inside) - held_out.loss(~inside))
    return worst
