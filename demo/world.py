"""A sample world: creators, videos and daily engagement snapshots, made from a seed.

Views follow a saturating curve ``V * (1 - exp(-(age / tau) ** k))`` and, for some videos, a second wave.
What drives the curve shows in the early signals only in part (engagement rates carry noise), so that a model
can beat "no growth" here and can not be perfect. All numbers are invented; none describes a real platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from demo.texts import CATEGORIES, COUNTRIES, LANGUAGES, titles

#: A video is looked at once a day for this many days.
OBSERVED_DAYS = 13
#: Of the drift: how many newcomers there are, and which share of the videos is theirs.
NEWCOMERS, THEIR_SHARE = 200, 0.7


@dataclass(frozen=True)
class WorldSize:
    """How large the sample world is."""

    creators: int = 300
    videos_a_day: int = 36
    days: int = 92
    #: From so many days before the end on, most videos are long ones by newcomers: a drift. 0: never.
    drift_days: int = 0


@dataclass(frozen=True)
class _Videos:
    """Columns of all videos, each (n,)."""

    creator: np.ndarray
    category: np.ndarray
    language: np.ndarray
    published: np.ndarray  # days since the first day
    duration: np.ndarray
    has_music: np.ndarray
    original_sound: np.ndarray
    sound_uses: np.ndarray
    title: np.ndarray
    ceiling: np.ndarray  # views in the long run, without a second wave
    tau: np.ndarray  # days
    wave_at: np.ndarray  # age in days of the second wave, inf for none
    wave_gain: np.ndarray
    like_rate: np.ndarray
    share_rate: np.ndarray
    comment_rate: np.ndarray
    save_rate: np.ndarray


def _of_newcomers(size: WorldSize, published: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    late = published >= size.days - size.drift_days
    return np.asarray(late & (rng.random(len(published)) < THEIR_SHARE))


def _videos(
    size: WorldSize, followers: np.ndarray, rng: np.random.Generator, drift: np.random.Generator
) -> _Videos:
    count = size.videos_a_day * size.days
    creator = rng.integers(size.creators, size=count)
    home = rng.integers(len(CATEGORIES), size=size.creators)
    category = np.where(rng.random(count) < 0.8, home[creator], rng.integers(len(CATEGORIES), size=count))
    # people post in the afternoon and evening
    hour = np.clip(rng.normal(17, 4.5, count), 0, 23.9)
    published = np.repeat(np.arange(size.days), size.videos_a_day) + hour / 24
    theirs = _of_newcomers(size, published, drift)
    creator = np.where(theirs, size.creators + drift.integers(NEWCOMERS, size=count), creator)
    quality = rng.normal(0, 1, count)
    contagion = rng.normal(0, 1, count)
    prime = ((hour >= 17) & (hour <= 21)).astype(float)
    ceiling = np.exp(
        5.4
        + 0.62 * np.log(followers[creator])
        + 0.9 * quality
        + 0.55 * contagion
        + 0.15 * prime
        + rng.normal(0, 0.35, count)
    )
    tau = np.exp(0.75 + 0.35 * contagion + rng.normal(0, 0.25, count))
    wave = rng.random(count) < 1 / (1 + np.exp(3.0 - 1.3 * contagion))
    return _Videos(
        creator=creator,
        category=category,
        language=np.append(
            rng.integers(len(LANGUAGES), size=size.creators), drift.integers(len(LANGUAGES), size=NEWCOMERS)
        )[creator],
        published=published,
        duration=np.round(np.exp(rng.normal(3.3, 0.6, count)) * np.where(theirs, 5, 1), 1),
        has_music=rng.random(count) < 0.7,
        original_sound=rng.random(count) < 0.35,
        sound_uses=np.round(np.exp(rng.normal(6, 2.2, count) + 0.4 * contagion)).astype(np.int64),
        title=np.array(titles(category, 1 / (1 + np.exp(-quality)), rng), dtype=object),
        ceiling=ceiling,
        tau=tau,
        wave_at=np.where(wave, rng.uniform(2, 9, count), np.inf),
        wave_gain=np.exp(rng.normal(0.9, 0.5, count)),
        like_rate=0.075 * np.exp(0.30 * quality + rng.normal(0, 0.15, count)),
        share_rate=0.008 * np.exp(0.75 * contagion + rng.normal(0, 0.20, count)),
        comment_rate=0.004 * np.exp(0.25 * quality + rng.normal(0, 0.30, count)),
        save_rate=0.012 * np.exp(0.35 * quality + 0.3 * contagion + rng.normal(0, 0.2, count)),
    )


def _views(videos: _Videos, index: np.ndarray, age: np.ndarray) -> np.ndarray:
    first = videos.ceiling[index] * -np.expm1(-((age / videos.tau[index]) ** 0.9))
    since = np.maximum(age - videos.wave_at[index], 0.0)
    since = np.where(np.isfinite(since), since, 0.0)
    second = videos.ceiling[index] * videos.wave_gain[index] * -np.expm1(-since / 2.0)
    return np.asarray(np.floor(first + second), dtype=np.int64)


def make_world(as_of: date, seed: int = 7, size: WorldSize | None = None) -> pa.Table:
    """Snapshots of the ``size.days`` days before ``as_of``.

    Args:
        as_of: the first day that is not in the world (UTC).
        seed: the same seed and date give the same table, byte for byte.
        size: how many creators, videos and days, and whether there is a drift at the end.

    Returns:
        One row a snapshot in the canonical columns of the viral family, ordered by time. A few rows are
        wrong on purpose: negative counts, a missing id, more likes than views, views that fell.
    """
    size = size or WorldSize()
    rng = np.random.default_rng(seed)
    # of its own, so that a world without a drift is what it always was
    drift = np.random.default_rng([seed, size.drift_days])
    start = datetime.combine(as_of - timedelta(days=size.days), time(), tzinfo=UTC)
    followers = np.exp(np.append(rng.normal(10.4, 1.5, size.creators), drift.normal(7.2, 1.0, NEWCOMERS)))
    videos = _videos(size, followers, rng, drift)

    index = np.repeat(np.arange(len(videos.creator)), OBSERVED_DAYS)
    first_look = rng.uniform(0.1, 0.9, len(videos.creator))
    age = first_look[index] + np.tile(np.arange(OBSERVED_DAYS), len(videos.creator))
    taken = videos.published[index] + age
    keep = taken < size.days
    index, age, taken = index[keep], age[keep], taken[keep]
    order = np.lexsort((index, taken))
    index, age, taken = index[order], age[order], taken[order]
    return _table(videos, followers, index, age, taken, start, rng)


def _table(
    videos: _Videos,
    followers: np.ndarray,
    index: np.ndarray,
    age: np.ndarray,
    taken: np.ndarray,
    start: datetime,
    rng: np.random.Generator,
) -> pa.Table:
    views = _views(videos, index, age)
    counts = {
        name: rng.poisson(np.maximum(views * rate[index], 0.0))
        for name, rate in (
            ("likes", videos.like_rate),
            ("comments", videos.comment_rate),
            ("shares", videos.share_rate),
            ("bookmarks", videos.save_rate),
        )
    }
    _spoil(views, counts, rng)
    creator = videos.creator[index]
    grown = np.round(followers[creator] * (1 + 0.001 * taken)).astype(np.int64)
    origin = np.datetime64(start.replace(tzinfo=None), "us")
    stamp = pa.timestamp("us", "UTC")

    def moments(days: np.ndarray) -> pa.Array:
        return pa.array(origin + (np.round(days * 86_400).astype("int64") * 1_000_000).astype("m8[us]"), stamp)

    # ids carry the day, so that the worlds of two days do not run into one another
    day = f"{start:%y%m%d}"
    video_id = [f"v{day}-{number:05d}" for number in index.tolist()]
    for row in rng.integers(len(video_id), size=3):
        video_id[row] = "#NAME?"
    return pa.table(
        {
            "video_id": pa.array(video_id),
            "creator_id": pa.array([f"c{day}-{number:04d}" for number in creator.tolist()]),
            "taken_at": moments(taken),
            "views": pa.array(views),
            "likes": pa.array(counts["likes"]),
            "comments": pa.array(counts["comments"]),
            "shares": pa.array(counts["shares"]),
            # an older app does not report bookmarks
            "bookmarks": pa.array(counts["bookmarks"], mask=rng.random(len(index)) < 0.1),
            "creator_followers": pa.array(grown),
            "creator_following": pa.array(200 + (creator * 37) % 900, pa.int64()),
            "creator_videos": pa.array(20 + (creator * 13) % 400, pa.int64()),
            "creator_verified": pa.array(followers[creator] > 150_000),
            "published_at": moments(videos.published[index]),
            "title": pa.array(videos.title[index].tolist()),
            "category": pa.array([CATEGORIES[number] for number in videos.category[index]]),
            "language": pa.array([LANGUAGES[number] for number in videos.language[index]]),
            "country": pa.array([COUNTRIES[LANGUAGES[number]] for number in videos.language[index]]),
            "video_duration": pa.array(videos.duration[index]),
            "video_width": pa.array(np.full(len(index), 1080), pa.int32()),
            "video_height": pa.array(np.where(index % 9 == 0, 1080, 1920), pa.int32()),
            "has_music": pa.array(videos.has_music[index]),
            "song_duration": pa.array(15.0 + (index * 7) % 45, mask=~videos.has_music[index]),
            "is_original_sound": pa.array(videos.original_sound[index]),
            "sound_uses": pa.array(videos.sound_uses[index], mask=videos.original_sound[index]),
        }
    )


def _spoil(views: np.ndarray, counts: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    """Make a few rows wrong, as real exports are; in place."""
    rows = rng.choice(len(views), size=min(40, len(views)), replace=False)
    views[rows[:8]] *= -1  # an overflow in an exporter
    counts["likes"][rows[8:12]] = -1
    counts["likes"][rows[12:26]] = np.abs(views[rows[12:26]]) * 3 + 10  # bought likes
    views[rows[26:]] = np.abs(views[rows[26:]]) // 20  # bots removed, or a broken counter
