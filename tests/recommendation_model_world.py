"""A small real recommender, fitted once a session to forty users who like the videos of the board's world."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.family import Evaluation
from models.recommendation.evaluation import evaluate
from models.recommendation.options import RecommendationOptions
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.questions import interactions_of, questions
from models.recommendation.schema import EXAMPLE_SCHEMA, ITEM
from models.recommendation.training import fit
from tests.recommendation_board_world import DAY_US, NOW_US, world_items

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)


def item_row(item: dict[str, Any]) -> dict[str, Any]:
    """A description as an example row."""
    published = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=item["published_us"])
    return {
        "event_id": f"item-{item['id']}",
        "user_id": item["author_id"] or item["id"],
        "at": published,
        "known_at": published,
        "item_id": item["id"],
        "item_kind": item["kind"],
        "kind": ITEM,
        **{name: item[name] for name in ("author_id", "text", "tags", "category", "language", "removed")},
        "published_at": published,
        "source": "test",
        "split": "train",
    }


def event_rows(seed: int = 7) -> list[dict[str, Any]]:
    """Each of forty users likes a dozen videos, most of them of one category."""
    draw = random.Random(seed)
    rows = []
    for user in range(40):
        own = [number for number in range(60) if number % 3 == user % 3]
        for deed in range(12):
            number = draw.choice(own if draw.random() < 0.85 else range(60))
            at = NOW - timedelta(hours=draw.uniform(1, 24 * 6))
            rows.append(
                {
                    "event_id": f"e-{user}-{deed}",
                    "user_id": f"user-{user}",
                    "at": at,
                    "known_at": at,
                    "item_id": f"v{number}",
                    "item_kind": "video",
                    "kind": "like",
                    "source": "test",
                    "split": "train",
                }
            )
    return rows


@lru_cache(maxsize=1)
def tiny_recommender() -> RecommendationPredictor:
    """The fitted model."""
    rows = sorted([*map(item_row, world_items()), *event_rows()], key=lambda row: row["at"])
    train = pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)
    return fit(train, train.slice(0, 0), RecommendationOptions(), {}, 7)


def tiny_recommender_figures() -> Evaluation:
    """What it is worth on the last day of its own world."""
    rows = sorted([*map(item_row, world_items()), *event_rows()], key=lambda row: row["at"])
    table = pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)
    cut = NOW - timedelta(days=1)
    events = interactions_of(table)
    earlier = pc.less(events["at"], pa.scalar(cut, events.schema.field("at").type))
    asked = questions(
        events.filter(earlier),
        events.filter(pc.invert(earlier)),
        table,
        RecommendationOptions(),
        at_us=NOW_US - DAY_US,
        split="test",
    )
    return evaluate(tiny_recommender(), asked, RecommendationOptions(), 7)
