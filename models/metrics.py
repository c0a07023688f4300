"""Measures of a classifier and their intervals, for every family.

Intervals come from resampling whole groups (a video, a user): rows of one group are no independent witnesses.
Every measure here is a function of sums over rows, so that a resample is a weighted sum of the groups' sums:
thousands of resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
CALIBRATION_BINS = 10
#: A probability of zero for what happened counts as this, so that a loss stays finite.
SMALLEST_PROBABILITY = 1e-15
_CHUNK_CELLS = 20_000_000


@dataclass(frozen=True)
class Measured:
    """Values of the measures, their intervals, the confusion matrix (classes x classes, rows are the truth),
    the calibration curve, and the loss of each row.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    confusion: np.ndarray
    calibration: list[dict[str, float]]
    losses: np.ndarray


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """(...,) mean F1 over the classes that occur as truth or as answer, of (..., classes, classes) matrices."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    share = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    occurs = share > 0
    scores = np.divide(2.0 * hits, share, out=np.zeros(hits.shape), where=occurs)
    return np.asarray(scores.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1))


def log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) -log of the probability given to each row's true class; ``probabilities`` is (n, classes)."""
    return -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST_PROBABILITY))


def calibration_bins(confidence: np.ndarray) -> np.ndarray:
    """(n,) bin of each confidence, of ``CALIBRATION_BINS`` equally wide ones."""
    return np.clip((confidence * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)


def calibration_error(counts: np.ndarray, confidences: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Expected calibration error (Guo et al. 2017, eq. 3) of (..., bins) sums of rows, confidences and hits."""
    return np.asarray(np.abs(confidences - hits).sum(axis=-1) / np.maximum(counts.sum(axis=-1), 1e-300))


def group_sums(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(groups, k) sums of the rows (n, k) of each group."""
    _, codes = np.unique(groups, return_inverse=True)
    size = int(codes.max(initial=-1)) + 1
    return np.stack([np.bincount(codes, weights=column, minlength=size) for column in values.T], axis=1)


def bootstrap(
    sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, confidence: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of a statistic of sums, by resampling groups with replacement.

    Args:
        sums: (groups, k) sums over each group's rows.
        statistic: (resamples, k) -> (resamples, m).
        confidence: such as 0.95.
        seed: of the resampling.

    Returns:
        (m,) lower and (m,) upper ends.
    """
    rng = np.random.default_rng(seed)
    groups = len(sums)
    step = max(1, min(RESAMPLES, _CHUNK_CELLS // max(groups, 1)))
    parts = []
    for start in range(0, RESAMPLES, step):
        draws = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=min(step, RESAMPLES - start))
        parts.append(statistic(draws @ sums))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(np.concatenate(parts), [tail, 1.0 - tail], axis=0)
    return low, high


def measure(
    truth: np.ndarray,
    probabilities: np.ndarray,
    answers: np.ndarray,
    groups: np.ndarray,
    *,
    seed: int,
    confidence: float = 0.95,
) -> Measured:
    """Accuracy, macro-F1, log loss and calibration error of a classifier, with intervals over groups.

    Args:
        truth: (n,) true class numbers.
        probabilities: (n, classes).
        answers: (n,) class numbers answered.
        groups: (n,) the entity of each row.
        seed: of the resampling.
        confidence: of the intervals.
    """
    rows, classes = probabilities.shape
    losses = log_losses(truth, probabilities)
    trust = probabilities[np.arange(rows), answers]
    cell = np.eye(classes * classes)[truth * classes + answers]
    bins = np.eye(CALIBRATION_BINS)[calibration_bins(trust)]
    hits = (truth == answers).astype(np.float64)
    values = np.hstack([cell, losses[:, None], bins, bins * trust[:, None], bins * hits[:, None]])
    names = ("accuracy", "macro_f1", "log_loss", "calibration_error")

    def statistic(sums: np.ndarray) -> np.ndarray:
        confusion = sums[:, : classes * classes].reshape(-1, classes, classes)
        count = confusion.sum(axis=(1, 2))
        curve = sums[:, classes * classes + 1 :].reshape(-1, 3, CALIBRATION_BINS)
        accuracy = np.trace(confusion, axis1=1, axis2=2) / count
        error = calibration_error(curve[:, 0], curve[:, 1], curve[:, 2])
        return np.stack([accuracy, macro_f1(confusion), sums[:, classes * classes] / count, error], axis=1)

    sums = group_sums(values, groups)
    total = sums.sum(axis=0, keepdims=True)
    low, high = bootstrap(sums, statistic, confidence=confidence, seed=seed)
    curve = total[0, classes * classes + 1 :].reshape(3, CALIBRATION_BINS)
    return Measured(
        metrics=dict(zip(names, statistic(total)[0].tolist(), strict=True)),
        intervals={name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)},
        confusion=total[0, : classes * classes].reshape(classes, classes).astype(np.int64),
        calibration=_curve(curve),
        losses=losses,
    )


def _curve(sums: np.ndarray) -> list[dict[str, float]]:
    """The calibration curve's points out of (3, bins) sums; empty bins are left out."""
    return [
        {
            "from": number / CALIBRATION_BINS,
            "to": (number + 1) / CALIBRATION_BINS,
            "rows": float(count),
            "confidence": float(trust / count),
            "accuracy": float(hits / count),
        }
        for number, (count, trust, hits) in enumerate(sums.T)
        if count
    ]
