"""Measure a predictor on held-out rows: likelihood, calibration, coverage, and the best of each group.

All likelihoods are per impression: a row of n impressions counts n times. Intervals come from resampling
entities (groups), since the rows of one are no independent witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.columns import take_rows
from models.ctr import interval
from models.ctr.features import PLACES, feature_matrix
from models.ctr.heuristic import heuristic_rate
from models.ctr.options import BANDS, CtrOptions
from models.ctr.predictor import CtrPredictor
from models.family import Evaluation
from models.metrics import CALIBRATION_BINS, bootstrap, calibration_bins, group_sums

_CONFIDENCE = 0.95
#: Rows that the importance of features is taken from.
_EXPLAINED = 2000
#: The columns of sums, in their order.
_SUMS = ("rows", "shown", "clicks", "expected", "loss", "base_loss", "square", "inside", "groups", "best",
         "chance", "band_hits")  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Figures of one forecast, their intervals, and each row's loss (see :func:`measure_rates`)."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    losses: np.ndarray


@dataclass(frozen=True)
class Outcomes:
    """Held-out rows as arrays (n,): impressions (positive), clicks, the entity and the clip of each."""

    shown: np.ndarray
    clicks: np.ndarray
    entities: np.ndarray
    clips: np.ndarray


def evaluate(predictor: CtrPredictor, test: pa.Table, options: CtrOptions, seed: int) -> Evaluation:
    """Skill, log loss, calibration, coverage and best arm with intervals over entities, beside three baselines.

    The baselines are the base rate of the training rows, the heuristic, and the shrunk past rate of the clip
    (of the creator, where the clip has none; the base rate, where neither has).

    Raises:
        InputError: there are no rows with impressions to measure on.
    """
    rows = outcomes(test)
    if not len(rows.shown):
        raise InputError("There are no test rows with impressions.")
    test = with_impressions(test)
    mean, phi = predictor.rates(test)
    base = predictor.info["base_rate"]
    place = interval.ranks(rows.clicks, rows.shown, mean, phi, seed)
    measured = measure_rates(rows, mean, base, options, seed=seed, ranks=place)
    baselines = {
        name: measure_rates(rows, rates, base, options, seed=seed)
        for name, rates in baseline_rates(predictor, test).items()
    }
    predicted = interval.bands(mean, options)
    observed = interval.bands(rows.clicks / rows.shown, options)
    confusion = np.zeros((len(BANDS), len(BANDS)), dtype=np.int64)
    np.add.at(confusion, (observed, predicted), 1)
    sure = interval.observed_band_chances(rows.shown, mean, phi, predicted, options)
    return Evaluation(
        metrics=measured.metrics,
        intervals=measured.intervals,
        baselines={name: base.metrics for name, base in baselines.items()},
        classes=BANDS,
        confusion=confusion,
        calibration=_curve(sure, predicted == observed),
        losses=measured.losses,
        groups=rows.entities,
        baseline_losses={name: base.losses for name, base in baselines.items()},
        rows=len(rows.shown),
        importance=predictor.importance(test.slice(0, _EXPLAINED)),
        baseline_intervals={name: base.intervals for name, base in baselines.items()},
    )


def with_impressions(test: pa.Table) -> pa.Table:
    """The rows that were shown at all: the others tell nothing about a rate."""
    return take_rows(test, pc.fill_null(test["impressions"], 0).to_numpy() > 0)


def outcomes(test: pa.Table) -> Outcomes:
    """The outcomes of the rows with impressions."""
    test = with_impressions(test)
    shown = test["impressions"].to_numpy().astype(np.float64)
    clicks = np.minimum(test["clicks"].to_numpy().astype(np.float64), shown)
    entities = np.asarray(test["entity"].to_pylist(), dtype=object)
    clips = np.asarray([clip or "" for clip in test["clip_id"].to_pylist()], dtype=object)
    return Outcomes(shown, clicks, entities, clips)


def baseline_rates(predictor: CtrPredictor, test: pa.Table) -> dict[str, np.ndarray]:
    """(n,) rates that the baselines give the rows."""
    base = predictor.info["base_rate"]
    matrix = feature_matrix(test, predictor.fitted)
    spread = predictor.fitted.spread
    past = np.full(len(matrix), np.nan)
    for who in ("clip", "creator"):
        found = matrix[:, PLACES[f"{who}_past_odds"]] + np.log(spread.rate / (1 - spread.rate))
        past = np.where(np.isnan(past), 1.0 / (1.0 + np.exp(-found)), past)
    return {
        "base rate": np.full(len(matrix), base),
        "heuristic": _heuristic(matrix),
        "past rate": np.where(np.isnan(past), base, past),
    }


def _heuristic(matrix: np.ndarray) -> np.ndarray:
    """(n,) the rule that answers while there is no model."""
    columns = (matrix[:, PLACES[name]].tolist() for name in ("composite_score", "emotion_priority"))
    return np.array([heuristic_rate(*row) for row in zip(*columns, strict=True)])


def losses_of(rows: Outcomes, mean: np.ndarray) -> np.ndarray:
    """(n,) minus the binomial log likelihood of each row's clicks, without the constant."""
    inside = np.clip(mean, 1e-9, 1.0 - 1e-9)
    return np.asarray(-(rows.clicks * np.log(inside) + (rows.shown - rows.clicks) * np.log1p(-inside)))


def measure_rates(
    rows: Outcomes,
    mean: np.ndarray,
    base: float | np.ndarray,
    options: CtrOptions,
    *,
    seed: int,
    ranks: np.ndarray | None = None,
) -> Measured:
    """Figures of a forecast ``mean`` (n,) of the rates.

    ``log_loss`` and ``base_log_loss`` (of the rate ``base``) are per impression, ``skill`` is 1 less their
    quotient, ``calibration`` predicted clicks over observed ones, ``rmse`` of the rate weighted by impressions,
    ``coverage_90`` the share of rows whose clicks lie in their 90 % forecast (from ``ranks``),
    ``band_accuracy`` how often the observed rate is in the band of the predicted one. Where entities have
    several clips, ``best_arm`` is how often the clip predicted best has the best observed rate, and
    ``best_arm_chance`` what picking blindly gives. The loss of a row is its loss per impression of the mean
    row, so that the mean over rows is ``log_loss``.
    """
    groups = np.unique(rows.entities, return_inverse=True)[1]
    best, chance = _best_arms(rows, mean, groups)
    loss = losses_of(rows, mean)
    first = np.zeros(len(groups))
    first[np.unique(groups, return_index=True)[1]] = 1.0
    played = np.isfinite(best)[groups] * first
    columns = {
        "rows": np.ones(len(groups)),
        "shown": rows.shown,
        "clicks": rows.clicks,
        "expected": rows.shown * mean,
        "loss": loss,
        "base_loss": losses_of(rows, np.broadcast_to(base, mean.shape)),
        "square": rows.shown * (rows.clicks / rows.shown - mean) ** 2,
        "inside": _inside(ranks, len(groups)),
        "groups": played,
        "best": np.nan_to_num(best)[groups] * played,
        "chance": np.nan_to_num(chance)[groups] * played,
        "band_hits": (interval.bands(mean, options) == interval.bands(rows.clicks / rows.shown, options)) * 1.0,
    }
    sums = group_sums(np.stack([columns[name] for name in _SUMS], axis=1), groups)
    names = [
        name for name in _FIGURES
        if (ranks is not None or name != "coverage_90") and (played.any() or not name.startswith("best_arm"))
    ]  # fmt: skip

    def statistic(drawn: np.ndarray) -> np.ndarray:
        total = dict(zip(_SUMS, drawn.T, strict=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(np.stack([_FIGURES[name](total) for name in names], axis=1), posinf=0.0)

    values = statistic(sums.sum(axis=0, keepdims=True))[0]
    low, high = bootstrap(sums, statistic, confidence=_CONFIDENCE, seed=seed)
    return Measured(
        metrics=dict(zip(names, values.tolist(), strict=True)),
        intervals={name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)},
        losses=loss / rows.shown.mean(),
    )


_FIGURES: dict[str, Any] = {
    "skill": lambda s: 1.0 - s["loss"] / s["base_loss"],
    "log_loss": lambda s: s["loss"] / s["shown"],
    "base_log_loss": lambda s: s["base_loss"] / s["shown"],
    "calibration": lambda s: s["expected"] / s["clicks"],
    "rmse": lambda s: np.sqrt(s["square"] / s["shown"]),
    "band_accuracy": lambda s: s["band_hits"] / s["rows"],
    "coverage_90": lambda s: s["inside"] / s["rows"],
    "best_arm": lambda s: s["best"] / s["groups"],
    "best_arm_chance": lambda s: s["chance"] / s["groups"],
}


def _inside(ranks: np.ndarray | None, count: int) -> np.ndarray:
    if ranks is None:
        return np.zeros(count)
    return ((ranks >= interval.TAIL) & (ranks <= 1.0 - interval.TAIL)).astype(np.float64)


def _best_arms(rows: Outcomes, mean: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(groups,) chance that the clip predicted best has the best observed rate, and that a blind pick has; NaN
    where a group has one clip only. Clips that are predicted alike share their pick.
    """
    clips = np.unique(rows.clips, return_inverse=True)[1]
    _, first, arms = np.unique(
        groups.astype(np.int64) * (clips.max(initial=0) + 1) + clips, return_index=True, return_inverse=True
    )
    shown = np.bincount(arms, weights=rows.shown)
    observed = np.bincount(arms, weights=rows.clicks) / shown
    predicted = np.bincount(arms, weights=rows.shown * mean) / shown
    owner = groups[first]
    count = int(groups.max(initial=-1)) + 1
    leads = _leaders(observed, owner, count, 0.0)
    picked = _leaders(predicted, owner, count, 1e-12)
    arms_of = np.bincount(owner, minlength=count)
    hit = np.bincount(owner, weights=leads * picked, minlength=count) / np.bincount(
        owner, weights=picked, minlength=count
    )
    blind = np.bincount(owner, weights=leads, minlength=count) / arms_of
    several = arms_of > 1
    return np.where(several, hit, np.nan), np.where(several, blind, np.nan)


def _leaders(values: np.ndarray, owner: np.ndarray, count: int, slack: float) -> np.ndarray:
    """(arms,) 1 where an arm has the highest value of its owner."""
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, owner, values)
    return (values >= highest[owner] - slack).astype(np.float64)


def _curve(sure: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """How often the band was the observed one, by how likely that was said to be."""
    bins = calibration_bins(sure)
    return [
        {
            "from": number / CALIBRATION_BINS,
            "to": (number + 1) / CALIBRATION_BINS,
            "rows": float((bins == number).sum()),
            "confidence": float(sure[bins == number].mean()),
            "accuracy": float(right[bins == number].mean()),
        }
        for number in range(CALIBRATION_BINS)
        if (bins == number).any()
    ]
