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


def score(log_views: float, log_thresholds: Sequence[float]) -> int:
    """The whole-numbered score 0-100 of an expected log(1 + views), within its class's range."""
    place = bisect_right(log_thresholds, log_views)
    low, high = SCORE_RANGES[place]
    edges = (0.0, *log_thresholds, max(math.log1p(TOP_VIEWS), log_thresholds[-1] + 1.0))
    part = (log_views - edges[place]) / (edges[place + 1] - edges[place])
    return int(min(low + math.floor(max(part, 0.0) * (high - low + 1)), high))


def leading(chances: list[float], place: int) -> list[float]:
    """``chances`` with class ``place`` the most likely one.

    The class of the median can fall short of the most likely class only right at a threshold, by little; the
    two then share their chances, so that the class answered is never less likely than another.
    """
    best = max(range(len(chances)), key=chances.__getitem__)
    if chances[best] <= chances[place]:
        return chances
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
        "viral_score": score(expected, log_thresholds),
        "confidence": chances[place],
        "probabilities": dict(zip(classes, chances, strict=True)),
        "expected_views": math.expm1(expected),
    }
