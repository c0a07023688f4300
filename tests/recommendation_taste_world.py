"""A small world in which tastes are real: users like categories, items have words and authors of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from models.columns import TIME
from models.recommendation import FAMILY
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.question import Interaction, Question

BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
CATEGORIES = ("comedy", "sport", "music", "news", "food")
OPTIONS = RecommendationOptions()
SEED = 7


def moment(day: float) -> datetime:
    """So many days after the world began."""
    return BEGAN + timedelta(days=day)


def us(day: float) -> int:
    """The same in microseconds since 1970."""
    return int(moment(day).timestamp()) * 1_000_000


def sources(users: int = 150, items: int = 120, events: int = 5_000, seed: int = 3) -> dict[str, pa.Table]:
    """``interactions`` and ``items`` as the database's source gives them."""
    rng = np.random.default_rng(seed)
    category = rng.integers(0, len(CATEGORIES), items)
    author = category * 3 + rng.integers(0, 3, items)
    published = rng.uniform(-20, DAYS, items)
    taste = rng.dirichlet([0.3] * len(CATEGORIES), users)
    popular = rng.zipf(1.8, items).clip(1, 30)
    rows = []
    for number in range(events):
        user, day = rng.integers(users), rng.uniform(0, DAYS)
        weight = taste[user][category] * popular * (published < day) * 0.5 ** ((day - published) / 10)
        item = rng.choice(items, p=weight / weight.sum())
        kind = str(rng.choice(["view", "view", "view", "like", "share", "skip"]))
        share = float(rng.uniform(0.2, 1)) if kind == "view" else None
        rows.append((f"e{number}", moment(day), f"u{user}", f"v{item}", kind, share))
    names = [CATEGORIES[at] for at in category]
    catalogue = {
        "id": [f"v{at}" for at in range(items)],
        "kind": ["video"] * items,
        "author_id": [f"a{at}" for at in author],
        "text": [" ".join(f"{name}-{word}" for word in rng.integers(0, 15, 5)) for name in names],
        "tags": [[name] for name in names],
        "category": names,
        "language": ["en"] * items,
        "published_at": pa.array([moment(float(day)) for day in published], TIME),
        "removed_at": pa.nulls(items, TIME),
    }
    return {"interactions": interactions(rows), "items": pa.table(catalogue)}


def interactions(rows: list[tuple[str, datetime, str, str, str, float | None]]) -> pa.Table:
    """(id, at, user, item, kind, watch share) as the source's table; known at once."""
    key, at, user, item, kind, share = zip(*rows, strict=True)
    times = pa.array(at, TIME)
    return pa.table(
        {
            "id": key, "at": times, "received_at": times, "user_id": user, "item_id": item,
            "item_kind": ["video"] * len(rows), "kind": kind, "watch_share": pa.array(share, pa.float32()),
            "region": pa.nulls(len(rows), pa.string()), "predicted_version": pa.nulls(len(rows), pa.string()),
        }
    )  # fmt: skip


@lru_cache(maxsize=1)
def examples() -> pa.Table:
    """The world's examples."""
    return FAMILY.collect(sources(), None, OPTIONS)  # type: ignore[arg-type]  # the window does not matter


@dataclass(frozen=True)
class Fitted:
    """A predictor, what it learned from, and the questions that measure it."""

    predictor: RecommendationPredictor
    train: pa.Table
    valid: pa.Table
    test: pa.Table


@lru_cache(maxsize=1)
def fitted() -> Fitted:
    """The family fitted to the world."""
    train, valid, test = FAMILY.training_rows(examples(), OPTIONS)
    predictor: Any = FAMILY.fit(train, valid, OPTIONS, {}, SEED)
    return Fitted(predictor, train, valid, test)


def asked(*did: tuple[Any, ...], user: str = "somebody", day: float = DAYS, **more: Any) -> Question:
    """A question of a user who did (item, kind, day[, watch share])."""
    history = [Interaction(one[0], one[1], us(one[2]), one[3] if len(one) > 3 else None) for one in did]
    return Question(user_id=user, at_us=us(day), history=history, **more)
