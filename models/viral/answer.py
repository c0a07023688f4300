"""One row's answer: class, score, confidence, chances and expected views, consistent with each other.

Everything is read off one number, the median of the views at the horizon: its class is the class answered,
and the score is its place inside that class. So the score rises with the expectation, over all rows, and
stays within the range of the class answered.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from models.viral.options import SCORE_RANGES

#: Views at which the score reaches 100.
TOP_VIEWS = 200_000_000
_LOG_TOP = math.log1p(TOP_VIEWS)


def score(log_views: float, log_thresholds: Sequence[float]) -> int:
    """The whole-numbered score 0-100 of an expected log(1 + views), within its class's range."""
    return _score_at(bisect_right(log_thresholds, log_views), log_views, log_thresholds)


def _score_at(place: int, log_views: float, log_thresholds: Sequence[float]) -> int:
    low, high = SCORE_RANGES[place]
    begin = log_thresholds[place - 1] if place else 0.0
    end = log_thresholds[place] if place < len(log_thresholds) else max(_LOG_TOP, begin + 1.0)
    part = (log_views - begin) / (end - begin)
    return min(low + math.floor(max(part, 0.0) * (high - low + 1)), high)


def leading(chances: list[float], place: int) -> list[float]:
    """``chances`` with class ``place`` the most likely one.

    The class of the median can fall short of the most likely class only right at a threshold, by little; the
    two then share their chances, so that the class answered is never less likely than another.
    """
    most = max(chances)
    if most <= chances[place]:
        return chances
    best = chances.index(most)
    even = (chances[best] + chances[place]) / 2.0
    chances[best] = chances[place] = even
    return leading(chances, place)


def answer(
    classes: Sequence[str], log_thresholds: tuple[float, ...], chances: list[float], expected: float
) -> dict[str, Any]:
    """The answer for a median of ``expected`` log(1 + views) and the ``chances`` of the classes."""
    place = bisect_right(log_thresholds, expected)
    chances = leading(chances, place)
    return {
        "viral_class": classes[place],
        "viral_score": _score_at(place, expected, log_thresholds),
        "confidence": chances[place],
        "probabilities": dict(zip(classes, chances, strict=True)),
        "expected_views": math.expm1(expected),
    }
