"""What a challenger must pass to be promoted. Pure: figures in, a verdict with its reasons out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from config.settings import Settings
from models.comparison import Comparison, compare_losses
from models.family import Evaluation, get_family


@dataclass(frozen=True)
class Check:
    """One condition of the gate, whether it holds, and the figures behind that."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class GateResult:
    """The gate's verdict.

    Attributes:
        champion: the version that was in production when the gate was asked; a verdict holds against that
            champion only.
    """

    passed: bool
    checks: tuple[Check, ...]
    champion: str | None = None

    @property
    def failures(self) -> str:
        """The checks that failed, as one sentence part."""
        return "; ".join(check.detail for check in self.checks if not check.passed)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}


def decide(
    evaluation: Evaluation,
    comparison: Comparison | None,
    training_rows: int,
    settings: Settings,
    champion: str | None = None,
    *,
    family: str,
) -> GateResult:
    """Judge a challenger.

    Args:
        evaluation: the challenger on held-out rows.
        comparison: challenger against champion on the same rows; None when nothing is in production, and then
            it must beat the family's baselines instead.
        training_rows: rows that it was fitted on.
        settings: the gate's thresholds, and the seed of the resampling.
        champion: version in production, for the record.
        family: whose challenger it is: its own floors go before those for all.
    """
    least_rows, least = settings.gate_floors(family)
    metric = get_family(family).gate_metric
    checks = [_enough_rows(training_rows, least_rows), _above_floor(evaluation, metric, least)]
    if comparison is not None:
        checks.append(_beats_champion(comparison, settings))
    else:
        checks += _beats_baselines(evaluation, settings)
    return GateResult(all(check.passed for check in checks), tuple(checks), champion)


def _enough_rows(rows: int, least: int) -> Check:
    return Check("enough rows", rows >= least, f"{rows:,} training rows, at least {least:,} are asked for")


def _above_floor(evaluation: Evaluation, metric: str, least: float) -> Check:
    value = evaluation.metrics.get(metric, math.nan)
    shown = f"no {metric} was measured" if math.isnan(value) else f"test {metric} {value:.3f}"
    return Check(f"{metric} floor", value >= least, f"{shown}, at least {least:.3f} is asked for")


def _beats_champion(comparison: Comparison, settings: Settings) -> Check:
    return Check("better than the champion", comparison.better, _shown(comparison, "the champion", settings))


def _beats_baselines(evaluation: Evaluation, settings: Settings) -> list[Check]:
    checks = []
    for name, losses in evaluation.baseline_losses.items():
        comparison = compare_losses(
            np.asarray(losses),
            evaluation.losses,
            evaluation.groups,
            confidence=settings.gate_confidence,
            seed=settings.training_seed,
        )
        title = f"baseline '{name}'"
        checks.append(Check(f"better than {title}", comparison.better, _shown(comparison, title, settings)))
    return checks


def _shown(comparison: Comparison, opponent: str, settings: Settings) -> str:
    if comparison.difference == comparison.low == comparison.high == 0:
        return f"not better than {opponent}: both answer the same on every test row"
    verb = "better" if comparison.better else "not better beyond chance"
    side = "lower" if comparison.difference >= 0 else "higher"
    return (
        f"{verb} than {opponent} on the same rows: loss {side} by {abs(comparison.difference):.4f}, "
        f"{settings.gate_confidence:.0%} interval of the gain {comparison.low:.4f} to {comparison.high:.4f}"
    )
