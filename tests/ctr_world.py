"""A small made-up world of clips, shown daily, whose rates depend on what is known of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from models.ctr.schema import OUTCOME_SCHEMA

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def outcome_rows(
    clips: int = 40, days: int = 10, seed: int = 1, start: datetime = START
) -> list[dict[str, Any]]:
    """One row a clip and day, in ``OUTCOME_SCHEMA``: better composites and better creators are clicked more."""
    rng = np.random.default_rng(seed)
    creators = rng.normal(0, 0.4, 8)
    rows = []
    for number in range(clips):
        creator = number % 8
        composite = float(rng.uniform(0, 1))
        odds = -3.6 + 1.2 * composite + creators[creator] + float(rng.normal(0, 0.15))
        for day in range(int(rng.integers(0, 3)), days):
            shown = int(rng.integers(200, 2000))
            began = start + day * DAY
            rows.append(
                {
                    "key": f"c{number:03d}/{began.date()}",
                    "clip_id": f"c{number:03d}",
                    "started_at": began,
                    "ended_at": began + DAY,
                    "placement": "feed" if number % 2 else "story",
                    "impressions": shown,
                    "clicks": int(rng.binomial(shown, 1 / (1 + np.exp(-odds)))),
                    "creator_id": f"creator-{creator}",
                    "advertiser_id": f"brand-{number % 5}",
                    "title": f"Clip {number}, wait for it",
                    "composite_score": composite,
                    "has_face": bool(number % 3),
                    "duration": 10.0 + number,
                }
            )
    return rows


def outcomes(**options: Any) -> pa.Table:
    """The same as a table."""
    return pa.Table.from_pylist(outcome_rows(**options), schema=OUTCOME_SCHEMA)
