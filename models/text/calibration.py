"""From scores to probabilities that mean what they say, and to answers; fitted on rows the model has not seen.

Platt 1999 (a logistic curve of one score), and vector scaling for several classes (Guo et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: A probability is never nearer to 0 or 1 than the calibration rows can tell.
_EDGE = 1e-4
_ROUNDS = 3
_GRID = np.linspace(-2.0, 2.0, 41)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(values))))


def softmax(scores: np.ndarray) -> np.ndarray:
    """(n, classes) probabilities of (n, classes) scores."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    total = powers[:, 0].copy()
    for column in powers.T[1:]:
        total += column
    return np.asarray(powers / total[:, None])


def platt(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(slope, shift) of the logistic curve by which ``scores`` (n,) give the chance of ``truth`` (n,) bool.

    Targets are pulled in by Platt's prior, so that few rows make no certainty. The slope is never negative.
    """
    from scipy.optimize import minimize

    good, bad = int(truth.sum()), int((~truth).sum())
    if not good or not bad:
        return 1.0, 0.0
    target = np.where(truth, (good + 1.0) / (good + 2.0), 1.0 / (bad + 2.0))

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        values = params[0] * scores + params[1]
        gap = sigmoid(values) - target
        value = float(np.mean(np.logaddexp(0.0, values) - target * values))
        return value, np.array([np.mean(gap * scores), np.mean(gap)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[(1e-3, 50.0), (-50.0, 50.0)])
    return float(found.x[0]), float(found.x[1])


def vector_scaling(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes,) slopes and shifts of scores (n, classes) whose softmax gives the chances of ``truth`` (n,).

    Slopes are kept near one another and shifts small, and the targets are pulled in, so that few rows change
    little and make no certainty.
    """
    from scipy.optimize import minimize

    classes = scores.shape[1]
    hits = _soft(truth, classes)

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = params[:classes], params[classes:]
        values = scores * slope + shift
        chances = softmax(values)
        middle = slope.mean()
        penalty = (np.sum((slope - middle) ** 2) + 0.1 * np.sum(shift**2)) * 0.5
        value = -np.sum(hits * np.log(np.maximum(chances, 1e-12))) + penalty
        gap = chances - hits
        gradient = np.concatenate([(gap * scores).sum(0) + (slope - middle), gap.sum(0) + 0.1 * shift])
        return float(value), gradient

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    bounds = [(1e-3, 50.0)] * classes + [(-20.0, 20.0)] * classes
    found = minimize(loss, start, jac=True, bounds=bounds)
    return found.x[:classes], found.x[classes:]


def _soft(truth: np.ndarray, classes: int) -> np.ndarray:
    """(n, classes) targets: of a class with m rows, 1 / (m + 2) is left to the others (Platt's prior)."""
    left = 1.0 / (np.bincount(truth, minlength=classes) + 2.0)
    others = np.repeat((left[truth] / (classes - 1))[:, None], classes, axis=1)
    return np.where(np.eye(classes, dtype=bool)[truth], 1.0 - left[truth][:, None], others)


def chosen_offsets(
    scores: np.ndarray, truth: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    """(classes,) what is added to log-probabilities (n, classes) before the largest is the answer, so that
    ``measure(truth, answers)`` is large: each class in turn, the smallest offset of equally good ones.
    """
    offsets = np.zeros(scores.shape[1])
    best = measure(truth, scores.argmax(axis=1))
    for _ in range(_ROUNDS):
        before = best
        for number in range(len(offsets)):
            for value in sorted(_GRID, key=abs):
                tried = offsets.copy()
                tried[number] = value
                found = measure(truth, (scores + tried).argmax(axis=1))
                if found > best + 1e-9:
                    best, offsets = found, tried
        if best <= before + 1e-9:
            break
    return offsets


def bounded(chances: np.ndarray) -> np.ndarray:
    """Chances not nearer to 0 or 1 than ``_EDGE``."""
    return np.clip(chances, _EDGE, 1.0 - _EDGE)
