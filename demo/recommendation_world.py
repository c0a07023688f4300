"""The sample world of a feed: people with tastes and languages, authors, videos and posts, and who did what.

What somebody watches follows from their taste for categories and topics, their language, the authors they
follow, how good an item is and how old. Two videos are taken up by everybody in the last day, one is left
behind, and some are so new that few have seen them. All of it is invented; nothing describes a real platform.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from demo.texts import CATEGORIES, COUNTRIES, LANGUAGES, titles

TOPICS = {
    "comedy": ("sketch", "prank", "standup"), "dance": ("hiphop", "ballet", "salsa"),
    "food": ("baking", "noodles", "streetfood"), "sports": ("football", "running", "tennis"),
    "beauty": ("skincare", "makeup", "hair"), "education": ("history", "money", "space"),
    "pets": ("cats", "dogs", "birds"), "gaming": ("speedrun", "strategy", "shooter"),
    "travel": ("beaches", "trains", "cities"), "music": ("guitar", "beats", "singing"),
}  # fmt: skip
_AUTHORS = ("Ada", "Ben", "Chi", "Dora", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Leo", "Mia", "Noa")
#: Number of the person whom the demo asks for: somebody who likes food and pets, and speaks English.
SOMEBODY, TASTE = 0, ("food", "pets")
#: Videos that rise in the last day, and one that falls, by their numbers.
RISING, FALLING = (0, 1), 2
#: Shares of the people who come in the last day, and in the day before it, of what rises and of what falls.
_RISES, _FALLS = (0.36, 0.03), (0.1, 0.48)
_LANGUAGE_SHARES = (0.5, 0.18, 0.12, 0.12, 0.08)
#: Of items in another language: English is understood by many.
_ENGLISH, _FOREIGN = 0.2, 0.02
_HALF_LIFE_DAYS = 5.0
_FOLLOWED = 2.5
_DAY = 86_400
#: (kind, how often it follows a view that was liked much).
_AFTER = (("like", 0.5), ("comment", 0.1), ("share", 0.1), ("bookmark", 0.12), ("follow", 0.04))


@dataclass(frozen=True)
class RecommendationSize:
    """How large the sample world of a feed is; so many things are watched in ``days``."""

    users: int = 250
    authors: int = 40
    videos: int = 300
    posts: int = 60
    new: int = 30
    watched: int = 14_000
    days: int = 28


@dataclass(frozen=True)
class FeedWorld:
    """Tables as files of a team would have them, and whom to ask for.

    Attributes:
        catalogue: a row for each video, post and author.
        interactions: what people did, in the order of time. A few rows are wrong on purpose.
        user: somebody who likes :data:`TASTE`.
        rising: ids of the videos that rise in the last day.
        falling: id of the video that falls.
    """

    catalogue: pa.Table
    interactions: pa.Table
    user: str
    rising: tuple[str, ...]
    falling: str


def make_feed_world(now: datetime, seed: int = 7, size: RecommendationSize | None = None) -> FeedWorld:
    """The world of the ``size.days`` days before the hour of ``now``.

    Args:
        now: the moment (UTC); nothing in the world is later than the full hour before it.
        seed: the same seed and hour give the same world.
        size: how many people, items and views.
    """
    size = size or RecommendationSize()
    rng = np.random.default_rng(seed)
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    things, people = _things(size, rng), _people(size, rng)
    seen, rows = _watch(size, things, people, rng)
    rows += _crowds(size, seen, rng)
    # ids carry the hour, so that the worlds of two moments do not run into one another
    names = _Names(f"{end:%y%m%d%H}")
    return FeedWorld(
        catalogue=_catalogue(size, things, names, end, rng),
        interactions=_interactions(size, rows, things, people, names, end),
        user=names.user(SOMEBODY),
        rising=tuple(names.item(number, size) for number in RISING),
        falling=names.item(FALLING, size),
    )


@dataclass(frozen=True)
class _Names:
    """Ids; ``r`` parts them from those of the other sample worlds."""

    stamp: str

    def user(self, number: int) -> str:
        return f"ru{self.stamp}-{number:03d}"

    def author(self, number: int) -> str:
        return f"ra{self.stamp}-{number:02d}"

    def item(self, number: int, size: RecommendationSize) -> str:
        if number < size.videos:
            return f"rv{self.stamp}-{number:03d}"
        return f"rp{self.stamp}-{number - size.videos:03d}"


@dataclass(frozen=True)
class _Things:
    """Items by number, videos first. ``published`` is in seconds since the world began."""

    author: np.ndarray
    category: np.ndarray
    topic: np.ndarray
    language: np.ndarray
    quality: np.ndarray
    published: np.ndarray
    author_category: np.ndarray
    author_language: np.ndarray


@dataclass(frozen=True)
class _People:
    """Users by number; ``follows`` grows while they watch."""

    taste: np.ndarray
    topics: np.ndarray
    language: np.ndarray
    active: np.ndarray
    follows: list[set[int]] = field(default_factory=list)


@dataclass(frozen=True)
class _Did:
    """One thing that one person did, ``at`` seconds after the world began."""

    user: int
    item: int
    kind: str
    at: float
    share: float | None = None


def _things(size: RecommendationSize, rng: np.random.Generator) -> _Things:
    count, span = size.videos + size.posts, size.days * _DAY
    author_category = np.arange(size.authors) % len(CATEGORIES)
    author_language = rng.choice(len(LANGUAGES), size=size.authors, p=_LANGUAGE_SHARES)
    author_language[: len(CATEGORIES)] = 0
    author = rng.integers(size.authors, size=count)
    strays = rng.random(count) < 0.15
    category = np.where(strays, rng.integers(len(CATEGORIES), size=count), author_category[author])
    published = rng.uniform(-14 * _DAY, span - 3 * _DAY, count)
    new = rng.choice(np.arange(len(RISING) + 1, size.videos), size=size.new, replace=False)
    published[new] = rng.uniform(span - 3 * _DAY, span - _DAY / 4, size.new)
    trend = [*RISING, FALLING]
    published[trend] = span - 6 * _DAY
    language = author_language[author]
    language[trend] = 0
    return _Things(
        author=author,
        category=category,
        topic=category * 3 + rng.integers(3, size=count),
        language=language,
        quality=rng.lognormal(0, 0.7, count),
        published=published,
        author_category=author_category,
        author_language=author_language,
    )


def _people(size: RecommendationSize, rng: np.random.Generator) -> _People:
    taste = rng.dirichlet([0.2] * len(CATEGORIES), size.users)
    language = rng.choice(len(LANGUAGES), size=size.users, p=_LANGUAGE_SHARES)
    active = rng.lognormal(0, 0.6, size.users)
    taste[SOMEBODY] = 0.005
    taste[SOMEBODY, [CATEGORIES.index(name) for name in TASTE]] = 0.48
    language[SOMEBODY], active[SOMEBODY] = 0, 0.3  # much of what they like is still to come
    topics = rng.lognormal(0, 0.8, (size.users, 3 * len(CATEGORIES)))
    topics[SOMEBODY] = 1.0
    return _People(
        taste=taste,
        topics=topics,
        language=language,
        active=active / active.sum(),
        follows=[set() for _ in range(size.users)],
    )


def _watch(
    size: RecommendationSize, things: _Things, people: _People, rng: np.random.Generator
) -> tuple[np.ndarray, list[_Did]]:
    """Who has seen what (users, items), and all that they did; nobody watches a thing twice."""
    liking = people.taste[:, things.category] * people.topics[:, things.topic] * things.quality
    same = people.language[:, None] == things.language
    liking *= np.where(same, 1.0, np.where(things.language == 0, _ENGLISH, _FOREIGN))
    liking /= liking.max(axis=1, keepdims=True)
    seen = np.zeros(liking.shape, bool)
    seen[:, [*RISING, FALLING]] = True  # of those the crowds decide
    rows: list[_Did] = []
    moments = np.sort(rng.uniform(0, size.days * _DAY, size.watched))
    users = rng.choice(size.users, size=size.watched, p=people.active)
    for at, user in zip(moments.tolist(), users.tolist(), strict=True):
        age = (at - things.published) / _DAY
        weight = np.where((age > 0) & ~seen[user], liking[user] * 0.5 ** (age / _HALF_LIFE_DAYS), 0.0)
        if people.follows[user]:
            weight[np.isin(things.author, list(people.follows[user]))] *= _FOLLOWED
        total = np.cumsum(weight)
        if total[-1] <= 0:
            continue
        item = int(np.searchsorted(total, rng.random() * total[-1], side="right"))
        seen[user, item] = True
        rows += _reactions(user, item, at, float(liking[user, item]), rng)
        if rows[-1].kind == "follow":
            people.follows[user].add(int(things.author[item]))
    return seen, rows


def _reactions(user: int, item: int, at: float, liking: float, rng: np.random.Generator) -> list[_Did]:
    """A view or a skip, and what may follow from it within minutes."""
    pleased = liking**0.25
    share = float(np.round(rng.beta(0.5 + 4 * pleased, 4.5 - 4 * pleased), 3))
    if share < 0.08:
        return [_Did(user, item, "skip", at)]
    rows = [_Did(user, item, "view", at, share)]
    for place, (kind, often) in enumerate(_AFTER):
        if rng.random() < often * share:
            rows.append(_Did(user, item, kind, at + 5 * (place + 1)))
    return rows


def _crowds(size: RecommendationSize, seen: np.ndarray, rng: np.random.Generator) -> list[_Did]:
    """Everybody comes to the rising videos in the last day, and came to the falling one in the day before."""
    rows, end = [], size.days * _DAY
    for item in (*RISING, FALLING):
        last, before = (round(share * size.users) for share in (_FALLS if item == FALLING else _RISES))
        users = rng.permutation(np.arange(1, len(seen)))[: last + before]
        for number, user in enumerate(users.tolist()):
            # the last crowd came within 20 hours, so that it is within a day for some hours from now
            at = end - rng.uniform(0.02, 0.83) * _DAY - (number >= last) * _DAY
            rows.append(_Did(user, item, "view", at, float(np.round(rng.beta(6, 2), 3))))
            if rng.random() < 0.3:
                rows.append(_Did(user, item, "like", at + 5))
    return rows


def _catalogue(
    size: RecommendationSize, things: _Things, names: _Names, end: datetime, rng: np.random.Generator
) -> pa.Table:
    first, count = end - timedelta(days=size.days), size.videos + size.posts
    topics = [topic for name in CATEGORIES for topic in TOPICS[name]]
    said = titles(things.category, rng.random(count), rng)
    rows: list[dict[str, Any]] = [
        {
            "item_id": names.item(number, size),
            "item_kind": "video" if number < size.videos else "post",
            "author_id": names.author(int(things.author[number])),
            "text": said[number].split(" #")[0],
            "tags": [CATEGORIES[things.category[number]], topics[things.topic[number]]],
            "category": CATEGORIES[things.category[number]],
            "language": LANGUAGES[things.language[number]],
            "published_at": first + timedelta(seconds=int(things.published[number])),
        }
        for number in range(count)
    ]
    rows += [
        {
            "item_id": names.author(number),
            "item_kind": "user",
            "text": f"{CATEGORIES[category].capitalize()} with {_AUTHORS[number % len(_AUTHORS)]}",
            "tags": [CATEGORIES[category]],
            "category": CATEGORIES[category],
            "language": LANGUAGES[things.author_language[number]],
            "published_at": first - timedelta(days=90),
        }
        for number, category in enumerate(things.author_category.tolist())
    ]
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("item_id", "item_kind", "author_id", "text")),
            ("tags", pa.list_(pa.string())),
            *((name, pa.string()) for name in ("category", "language")),
            ("published_at", pa.timestamp("us", "UTC")),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def _interactions(
    size: RecommendationSize, rows: list[_Did], things: _Things, people: _People, names: _Names, end: datetime
) -> pa.Table:
    first, span = end - timedelta(days=size.days), size.days * _DAY
    # what would come after the end is left out: it has not happened yet
    kept = sorted((one for one in rows if one.at < span), key=lambda one: (one.at, one.user, one.kind))
    following = [one.kind == "follow" for one in kept]
    table = pa.table(
        {
            "id": pa.array([f"re{names.stamp}-{number:05d}" for number in range(len(kept))]),
            "user_id": pa.array([names.user(one.user) for one in kept]),
            "item_id": pa.array(
                [
                    names.author(int(things.author[one.item])) if follows else names.item(one.item, size)
                    for one, follows in zip(kept, following, strict=True)
                ]
            ),
            "item_kind": pa.array(
                [
                    "user" if follows else "video" if one.item < size.videos else "post"
                    for one, follows in zip(kept, following, strict=True)
                ]
            ),
            "kind": pa.array([one.kind for one in kept]),
            "at": pa.array(
                [first + timedelta(seconds=round(one.at, 3)) for one in kept], pa.timestamp("us", "UTC")
            ),
            "watch_share": pa.array([one.share for one in kept], pa.float32()),
            "region": pa.array([COUNTRIES[LANGUAGES[people.language[one.user]]] for one in kept]),
        }
    )
    return pa.concat_tables([table, _spoiled(table)])


def _spoiled(table: pa.Table) -> pa.Table:
    """A few rows as real logs have them: without a user, watched more than whole, of a kind that is none."""
    rows = table.slice(0, 9).to_pylist()
    for number, row in enumerate(rows):
        row["id"] = f"{row['id']}-bad"
        if number % 3 == 0:
            row["user_id"] = None
        elif number % 3 == 1:
            row["watch_share"] = 1.7
        else:
            row["kind"] = "teleport"
    return pa.Table.from_pylist(rows, schema=table.schema)
