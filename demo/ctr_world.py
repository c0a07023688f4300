"""The sample world of clicks: clips with their signals, shown in places to audiences, clicked or not.

The click-through rate of a clip is a logistic function of its signals, the words of its title, its creator and
advertiser, where, when, to whom and on what it is shown, and of something that shows in no column: a model can
do better than the base rate here and can not be perfect. All numbers are invented; none describes a real
platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from demo.texts import CATEGORIES, titles

PLACEMENTS = ("feed", "stories", "search")
AUDIENCES = ("18-24", "25-34", "35+")
DEVICES = ("phone", "desktop", "tv")
_HOOKS = (
    "Nobody tells you this",
    "Watch until the end",
    "Here is how it works",
    "A day with us",
    "New in store",
)
#: How much a hook moves the log-odds of a click.
_HOOK_GAIN = np.array([0.25, 0.15, 0.0, -0.15, -0.2])
_PLACEMENT_GAIN = np.array([0.0, -0.6, 0.5])
_AUDIENCE_GAIN = np.array([0.35, 0.0, -0.4])
_DEVICE_SHARE, _DEVICE_GAIN = (0.7, 0.2, 0.1), np.array([0.0, -0.25, -0.7])
#: Days that a clip is shown for.
SHOWN_DAYS = 4


@dataclass(frozen=True)
class CtrSize:
    """How large the sample world of clicks is."""

    creators: int = 80
    advertisers: int = 30
    clips_a_day: int = 16
    days: int = 92


def make_ctr_world(as_of: date, seed: int = 7, size: CtrSize | None = None) -> pa.Table:
    """Counts of the ``size.days`` days before ``as_of``: one row a clip, day, placement, audience and device.

    Args:
        as_of: the first day that is not in the world (UTC).
        seed: the same seed and date give the same table.
        size: how many clips, creators, advertisers and days.

    Returns:
        Rows in the canonical columns of an import of the ctr family, ordered by day. A few are wrong on
        purpose: more clicks than impressions, negative counts.
    """
    size = size or CtrSize()
    rng = np.random.default_rng(seed)
    clips = _clips(size, rng)
    count = len(clips["creator"])
    index = np.repeat(np.arange(count), SHOWN_DAYS)
    day = clips["published"][index] + np.tile(np.arange(SHOWN_DAYS), count)
    index, day = index[day < size.days], day[day < size.days]
    placement = rng.integers(len(PLACEMENTS), size=len(index))
    audience = rng.integers(len(AUDIENCES), size=len(index))
    device = rng.choice(len(DEVICES), p=_DEVICE_SHARE, size=len(index))
    order = np.argsort(day, kind="stable")
    index, day = index[order], day[order]
    placement, audience, device = placement[order], audience[order], device[order]
    weekend = (day % 7 >= 5) * 0.1
    shown = _PLACEMENT_GAIN[placement] + _AUDIENCE_GAIN[audience] + _DEVICE_GAIN[device]
    odds = clips["log_odds"][index] + shown + weekend
    rate = 1 / (1 + np.exp(-(odds + rng.normal(0, 0.08, len(index)))))
    impressions = np.round(np.exp(rng.normal(6.8, 0.8, len(index)))).astype(np.int64)
    clicks = rng.binomial(impressions, rate)
    _spoil(impressions, clicks, rng)
    return _table(as_of, size, clips, index, day, placement, audience, device, impressions, clicks)


def _clips(size: CtrSize, rng: np.random.Generator) -> dict[str, Any]:
    count = size.clips_a_day * size.days
    creator = rng.integers(size.creators, size=count)
    advertiser = rng.integers(size.advertisers, size=count)
    signals = {name: rng.beta(2.5, 2.5, count) for name in ("psychology", "hook", "novelty", "emotion")}
    face = rng.random(count) < 0.55
    category, hook_text = rng.integers(len(CATEGORIES), size=count), rng.integers(len(_HOOKS), size=count)
    log_odds = (
        -3.5
        + 0.8 * (signals["psychology"] - 0.5)
        + 1.6 * (signals["hook"] - 0.5)
        + 0.5 * (signals["novelty"] - 0.5)
        + 0.9 * (signals["emotion"] - 0.5) * (1 + face)
        + _HOOK_GAIN[hook_text]
        + rng.normal(0, 0.3, size.creators)[creator]
        + rng.normal(0, 0.2, size.advertisers)[advertiser]
        + rng.normal(0, 0.12, count)
    )
    return {
        "creator": creator,
        "advertiser": advertiser,
        **signals,
        "composite": np.mean(list(signals.values()), axis=0),
        "face": face,
        "category": category,
        "hook_text": hook_text,
        "title": titles(category, signals["hook"], rng),
        "duration": np.round(np.exp(rng.normal(3.1, 0.5, count)), 1),
        "published": np.repeat(np.arange(size.days), size.clips_a_day),
        "log_odds": log_odds,
    }


def _spoil(impressions: np.ndarray, clicks: np.ndarray, rng: np.random.Generator) -> None:
    """Make a few rows wrong, as real exports are; in place."""
    rows = rng.choice(len(clicks), size=min(12, len(clicks)), replace=False)
    clicks[rows[:8]] = impressions[rows[:8]] + 5  # clicks of bots that the impressions leave out
    impressions[rows[8:]] *= -1


def _table(
    as_of: date,
    size: CtrSize,
    clips: dict[str, Any],
    index: np.ndarray,
    day: np.ndarray,
    placement: np.ndarray,
    audience: np.ndarray,
    device: np.ndarray,
    impressions: np.ndarray,
    clicks: np.ndarray,
) -> pa.Table:
    first = datetime.combine(as_of - timedelta(days=size.days), time(), tzinfo=UTC)
    stamp = pa.timestamp("us", "UTC")
    starts = [first + timedelta(days=int(number)) for number in day]
    # ids carry the first day, so that the worlds of two days do not run into one another
    name = f"{first:%y%m%d}"
    clip_id = [f"clip{name}-{number:05d}" for number in index.tolist()]

    def signal(which: str) -> pa.Array:
        return pa.array(np.round(clips[which][index], 4))

    return pa.table(
        {
            "key": pa.array(
                [
                    f"{clip}|{start:%Y-%m-%d}|{PLACEMENTS[place]}|{AUDIENCES[who]}"
                    for clip, start, place, who in zip(clip_id, starts, placement, audience, strict=True)
                ]
            ),
            "clip_id": pa.array(clip_id),
            "started_at": pa.array(starts, stamp),
            "ended_at": pa.array([start + timedelta(days=1) for start in starts], stamp),
            "placement": pa.array([PLACEMENTS[number] for number in placement]),
            "audience": pa.array([AUDIENCES[number] for number in audience]),
            "device": pa.array([DEVICES[number] for number in device]),
            "impressions": pa.array(impressions),
            "clicks": pa.array(clicks),
            "creator_id": pa.array([f"cc{name}-{number:03d}" for number in clips["creator"][index].tolist()]),
            "advertiser_id": pa.array(
                [f"adv{name}-{number:03d}" for number in clips["advertiser"][index].tolist()]
            ),
            "creative_id": pa.array([f"cr{name}-{number:05d}" for number in index.tolist()]),
            "title": pa.array([clips["title"][number] for number in index.tolist()]),
            "hook_text": pa.array([_HOOKS[number] for number in clips["hook_text"][index].tolist()]),
            "category": pa.array([CATEGORIES[number] for number in clips["category"][index].tolist()]),
            "language": pa.array(["en"] * len(index)),
            "duration": pa.array(clips["duration"][index]),
            "psychology_composite": signal("psychology"),
            "hook_strength": signal("hook"),
            "novelty_score": signal("novelty"),
            "emotion_priority": signal("emotion"),
            "composite_score": signal("composite"),
            "has_face": pa.array(clips["face"][index]),
            "published_at": pa.array(
                [first + timedelta(days=int(number)) for number in clips["published"][index]], stamp
            ),
        }
    )
