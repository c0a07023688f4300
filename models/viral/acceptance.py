"""Load and ask: realistic examples that a version must answer possibly before it is promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from models.acceptance import check_answers
from models.viral.options import SCORE_RANGES, ViralOptions
from models.viral.schema import INPUT_SCHEMA

_SUM_SLACK = 1e-6


def probe(options: ViralOptions) -> pa.Table:
    """A few videos from unseen to huge, complete and bare, in ``INPUT_SCHEMA``; the views rise."""
    asked = datetime(2026, 1, 15, 18, tzinfo=UTC)
    views = (
        0,
        options.thresholds[0] // 2,
        options.thresholds[0] * 3,
        options.thresholds[1] * 2,
        options.thresholds[2] * 10,
    )
    rows = []
    for number, count in enumerate(views):
        row: dict[str, Any] = {"video_id": f"probe-{number}", "taken_at": asked, "views": count}
        if number % 2 == 0:
            row |= {
                "likes": count // 12,
                "comments": count // 300,
                "shares": count // 200,
                "bookmarks": count // 90,
                "creator_followers": 85_000,
                "creator_verified": False,
                "published_at": asked - timedelta(days=2),
                "title": "You won't believe this hack! #viral #fyp",
                "video_duration": 45.0,
                "previous_views": count // 2,
                "previous_taken_at": asked - timedelta(days=1),
            }
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=INPUT_SCHEMA)


def check(answers: Sequence[Mapping[str, Any]], options: ViralOptions) -> None:
    """Whether answers to :func:`probe` are possible ones.

    Raises:
        ModelInvalid: the message names the first one that is not, and why.
    """
    check_answers(answers, probe(options).num_rows, lambda found: _fault(found, options))


def _fault(found: Mapping[str, Any], options: ViralOptions) -> str | None:
    try:
        chances = [float(found["probabilities"][name]) for name in options.classes]
        place = options.classes.index(found["viral_class"])
        score, confidence = float(found["viral_score"]), float(found["confidence"])
        views = float(found["expected_views"])
    except (KeyError, TypeError, ValueError) as error:
        return f"it lacks or garbles a field ({error!r})"
    if not all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in chances):
        return f"its probabilities {chances} are none"
    if abs(sum(chances) - 1.0) > _SUM_SLACK:
        return f"its probabilities sum to {sum(chances)}"
    low, high = SCORE_RANGES[place]
    if not low <= score <= high:
        return f"the score {score} lies outside the range {low}-{high} of class {found['viral_class']}"
    if confidence != chances[place]:
        return f"the confidence {confidence} is not the probability of class {found['viral_class']}"
    return None if math.isfinite(views) and views >= 0 else f"expected views are {views}"
