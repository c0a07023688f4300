"""A few outcomes of a few clips, and a tiny real CTR model that learned from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor
from models.ctr.schema import EXAMPLE_SCHEMA
from models.ctr.training import fit
from models.family import Evaluation

FIRST_DAY = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
OPTIONS = CtrOptions()
CLIPS, DAYS = 24, 8
#: Everything that a question may hold, one value each.
FEATURES: dict[str, Any] = {
    "group_id": "group-1",
    "creator_id": "creator-1",
    "advertiser_id": "brand-1",
    "creative_id": "creative-1",
    "title": "Ten things to bake",
    "hook_text": "Wait for it",
    "category": "food",
    "language": "en",
    "duration": 12.5,
    "psychology_composite": 0.7,
    "hook_strength": 0.9,
    "novelty_score": 0.4,
    "emotion_priority": 0.5,
    "has_face": True,
    "composite_score": 0.6,
    "published_at": "2026-10-01T08:00:00Z",
}
PAST: dict[str, int] = {
    "clip_impressions": 1000,
    "clip_clicks": 40,
    "creator_impressions": 9000,
    "creator_clicks": 300,
    "advertiser_impressions": 20_000,
    "advertiser_clicks": 500,
}


@lru_cache(maxsize=1)
def examples() -> pa.Table:
    """Examples of :data:`CLIPS` clips over :data:`DAYS` days: the stronger the hook, the more clicks."""
    rng = np.random.default_rng(7)
    hooks = rng.random(CLIPS)
    rows = [_row(rng, clip, float(hooks[clip]), day) for day in range(DAYS) for clip in range(CLIPS)]
    return pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)


@lru_cache(maxsize=1)
def tiny_ctr_predictor() -> CtrPredictor:
    """A fitted model."""
    train, valid = parts()[:2]
    return fit(train, valid, OPTIONS, {"trees": 12}, 7)


def parts() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows to learn from, to calibrate and to test on: of different clips."""
    clip = np.array([int(name.rsplit("-")[-1]) for name in examples()["clip_id"].to_pylist()])
    return tuple(
        examples().filter(pa.array(mask)) for mask in (clip < 16, (clip >= 16) & (clip < 20), clip >= 20)
    )


@lru_cache(maxsize=1)
def tiny_ctr_files() -> Mapping[str, bytes]:
    """Its files."""
    return tiny_ctr_predictor().to_files()


def figures() -> Evaluation:
    """What it is worth on the test rows."""
    from models.ctr import FAMILY

    return FAMILY.evaluate(tiny_ctr_predictor(), parts()[2], OPTIONS, 7)


def _row(rng: np.random.Generator, clip: int, hook: float, day: int) -> dict[str, Any]:
    at = FIRST_DAY + dt.timedelta(days=day)
    impressions = int(rng.integers(50, 3000))
    rate = 1 / (1 + np.exp(4.2 - 2.5 * hook))
    name = f"clip-{clip:02d}"
    return {
        "outcome": f"{name}/{at:%m-%d}",
        "entity": name,
        "clip_id": name,
        "at": at,
        "placement": ("feed", "stories")[clip % 2],
        "creator_id": f"creator-{clip % 5}",
        "advertiser_id": f"brand-{clip % 3}",
        "title": ("Ten things to bake", "A day out")[int(hook > 0.5)],
        "duration": float(rng.uniform(5, 60)),
        "hook_strength": hook,
        "has_face": bool(clip % 2),
        "composite_score": float(rng.random()),
        "published_at": FIRST_DAY,
        "ended_at": at + dt.timedelta(days=1),
        "known_at": at + dt.timedelta(days=2),
        "impressions": impressions,
        "clicks": int(rng.binomial(impressions, rate)),
        "source": "test",
        "split": "train",
    }
