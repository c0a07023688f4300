"""How sure a classifier by centroids may be, and when a picture is none of its classes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

_SCALES = (1.0, 100.0)
_STEPS = 60
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Calibration:
    """What turns cosines into an answer.

    Attributes:
        scale: the cosines times this are the logits (one over the temperature of Guo et al. 2017).
        threshold: farther than this from the nearest centroid (1 - cosine), a picture is none of the classes.
        asked_rate: chance that a picture of the classes is called none of them by mistake, at most.
        false_alarm_rate: share of the calibration's pictures, all of the classes, that lie farther.
        rows: pictures that both were read off.
    """

    scale: float
    threshold: float
    asked_rate: float
    false_alarm_rate: float
    rows: int

    def describe(self) -> dict[str, float]:
        """JSON-ready form."""
        return asdict(self)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(n, k) rows that sum to one, in double precision."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def log_loss(cosines: np.ndarray, truth: np.ndarray, scale: float, smooth: float = 0.0) -> float:
    """Mean -log probability of the true class, for logits ``scale`` times the cosines (n, k).

    With ``smooth`` that part of the truth is spread over all classes.
    """
    logits = scale * cosines.astype(np.float64)
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    hit = logits[np.arange(len(truth)), truth]
    return float((total - (1.0 - smooth) * hit - smooth * logits.mean(axis=1)).mean())


def calibrate(cosines: np.ndarray, truth: np.ndarray, none_rate: float) -> Calibration:
    """Scale and threshold from held-out pictures of the classes.

    The threshold is the conformal one (Vovk et al. 2005; Angelopoulos and Bates 2021, section 1): the
    ceil((n + 1)(1 - rate))-th smallest of the n distances. A new picture of the classes lies farther with a
    chance of at most the rate. With n pictures the rate cannot be less than 1 / (n + 1).

    Args:
        cosines: (n, k) of each picture's embedding with each centroid.
        truth: (n,) true class numbers.
        none_rate: how often a picture of the classes may be called none of them.
    """
    distances = np.sort(1.0 - cosines.max(axis=1).astype(np.float64))
    count = len(distances)
    rate = max(none_rate, 1.0 / (count + 1))
    # the rounding undoes that (n + 1)(1 - 1 / (n + 1)) may come out just above n
    threshold = float(distances[math.ceil(round((count + 1) * (1.0 - rate), 9)) - 1])
    alarms = float((distances > threshold).mean())
    return Calibration(best_scale(cosines, truth), threshold, rate, alarms, count)


def best_scale(cosines: np.ndarray, truth: np.ndarray) -> float:
    """The scale of the cosines (n, k) with the least log loss, by golden section over its logarithm.

    As if one more picture of n + 2 had been of any class (after Platt 1999, section 2.2): without it a set that
    is answered without a mistake would ask for certainty.
    """
    smooth = 1.0 / (len(truth) + 2)
    low, high = (math.log(end) for end in _SCALES)

    def loss(at: float) -> float:
        return log_loss(cosines, truth, math.exp(at), smooth)

    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    left_loss, right_loss = loss(left), loss(right)
    for _ in range(_STEPS):
        if left_loss < right_loss:
            high, right, right_loss = right, left, left_loss
            left = high - _GOLDEN * (high - low)
            left_loss = loss(left)
        else:
            low, left, left_loss = left, right, right_loss
            right = low + _GOLDEN * (high - low)
            right_loss = loss(right)
    return round(math.exp((low + high) / 2.0), 6)
