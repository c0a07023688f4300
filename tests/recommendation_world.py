"""A small product with a structure: users have tastes, items categories, and what is popular drifts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, USERS, ITEMS = 30, 60, 80
CATEGORIES = ("cooking", "sport", "music", "travel", "science")
LANGUAGES = ("en", "de")
AUTHORS_EACH = 3
#: An item draws half as many after so many days.
HALF_LIFE_DAYS = 6.0
HEADER = (
    "user_id", "item_id", "item_kind", "kind", "at", "watch_share", "region", "author_id", "text", "tags",
    "category", "language", "published_at",
)  # fmt: skip
_TAGS = {name: tuple(f"{name}-{number}" for number in range(4)) for name in CATEGORIES}
_REGIONS = ("US", "DE", "FR")


@dataclass(frozen=True)
class Thing:
    """An item of the world; ``day`` is when it was published, and may lie before the first one."""

    id: str
    category: int
    day: float
    charm: float
    told: dict[str, Any]


def things(seed: int = 11) -> list[Thing]:
    """Three of five items are there when the world begins, the others come one by one."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(ITEMS):
        category = number % len(CATEGORIES)
        name = CATEGORIES[category]
        day = float(draw.uniform(-8, 0) if number < ITEMS * 3 // 5 else draw.uniform(0, DAYS - 3))
        tags = draw.choice(_TAGS[name], size=2, replace=False)
        told = {
            "author_id": f"{name}-author-{draw.integers(AUTHORS_EACH)}",
            "text": f"{name.title()} {tags[0]} number {number}",
            "tags": "|".join(tags),
            "category": name,
            "language": LANGUAGES[int(draw.random() < 0.3)],
            "published_at": (START + timedelta(days=day)).isoformat(),
        }
        found.append(Thing(f"v{number:02d}", category, day, float(draw.lognormal(0, 0.6)), told))
    return found


def interactions(seed: int = 11, users: int = USERS) -> list[dict[str, Any]]:
    """Rows of a file with :data:`HEADER`, in the order of time, each user with two categories of their own.

    They look at what is new and what many like, at each item once; of their taste they watch most of it and
    like it now and then, and other things they skip.
    """
    draw = np.random.default_rng(seed)
    world = things(seed)
    category = np.array([one.category for one in world])
    published = np.array([one.day for one in world])
    charm = np.array([one.charm for one in world])
    rows: list[dict[str, Any]] = []
    for user in range(users):
        first, second = user % len(CATEGORIES), (user // len(CATEGORIES)) % len(CATEGORIES)
        taste = np.full(len(CATEGORIES), 0.04)
        taste[second] += 0.3
        taste[first] += 0.7
        unseen = np.ones(len(world), bool)
        for moment in np.sort(draw.uniform(0.2, DAYS, size=draw.integers(18, 32))):
            age = moment - published
            drawn = np.where((age > 0) & unseen, charm * 0.5 ** (np.maximum(age, 0) / HALF_LIFE_DAYS), 0)
            weights = drawn * taste[category]
            place = int(draw.choice(len(world), p=weights / weights.sum()))
            unseen[place] = False
            liked = category[place] in (first, second)
            rows += _deeds(f"u{user:02d}", world[place], float(moment), liked, draw)
    return sorted(rows, key=lambda row: (row["at"], row["user_id"], row["kind"]))


def crawler(day: float, deeds: int) -> list[dict[str, Any]]:
    """What a machine does on one day: it looks at everything, again and again."""
    world = [one for one in things() if one.day < 0]
    return [
        _row("crawler", world[number % len(world)], day + number / (deeds + 1), "view", 0.1)
        for number in range(deeds)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _deeds(
    user: str, thing: Thing, moment: float, liked: bool, draw: np.random.Generator
) -> list[dict[str, Any]]:
    if not liked:
        share = float(draw.beta(2, 5))
        return [_row(user, thing, moment, "skip" if share < 0.2 else "view", round(share, 2))]
    found = [_row(user, thing, moment, "view", round(float(draw.beta(6, 2)), 2))]
    if draw.random() < 0.4:
        kind = draw.choice(("like", "comment", "share", "bookmark"), p=(0.7, 0.1, 0.1, 0.1))
        found.append(_row(user, thing, moment + 0.001, str(kind)))
    if draw.random() < 0.05:
        follow = {"item_id": thing.told["author_id"], "item_kind": "user"}
        plain = _row(user, thing, moment + 0.002, "follow") | dict.fromkeys(thing.told, "")
        found.append(plain | follow)
    return found


def _row(user: str, thing: Thing, moment: float, kind: str, share: float | None = None) -> dict[str, Any]:
    at = START + timedelta(seconds=round(moment * 86_400))
    region = _REGIONS[sum(map(ord, user)) % len(_REGIONS)]
    return {
        "user_id": user, "item_id": thing.id, "item_kind": "video", "kind": kind, "at": at.isoformat(),
        "watch_share": "" if share is None else share, "region": region, **thing.told,
    }  # fmt: skip
