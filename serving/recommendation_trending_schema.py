"""What ``GET /api/v1/trending`` answers; its part of the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from serving.openapi import Operation

KINDS = ("video", "post", "user")
WINDOWS = ("1h", "6h", "24h", "7d", "30d")
DEFAULT_WINDOW, DEFAULT_LIMIT, MAX_LIMIT = "24h", 20, 50


class TrendingItem(TypedDict):
    """An item that trends."""

    rank: Annotated[int, Field(ge=1)]
    item_id: str
    kind: Literal["video", "post", "user"]
    author_id: str | None
    category: str | None
    language: str | None
    score: Annotated[float, Field(description="The list is ordered by it: velocity, times the root of growth.")]
    velocity: Annotated[float, Field(description="Weighted engagement an hour, in whole views.")]
    accounts: Annotated[int, Field(description="Accounts that engaged with it, each counted once a day.")]
    direction: Annotated[
        Literal["rising", "falling", "stable"], Field(description="stable: no change beyond chance.")
    ]
    growth: Annotated[
        float | None,
        Field(description="Its share of engagement over that in the window before; null: unknown."),
    ]
    p_value: float
    q_value: Annotated[float, Field(description="p_value, corrected for the number of items.")]


class TrendingAnswer(TypedDict):
    """What trends, the first first."""

    items: list[TrendingItem]
    count: int
    content_type: str
    time_window: str
    category: str | None
    language: str | None
    region: str | None
    as_of: Annotated[str | None, Field(description="The moment of the list; null before the first run.")]
    stale: Annotated[bool, Field(description="The database is away: this is the last list that was read.")]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


TRENDING_OPERATION = Operation(
    "/api/v1/trending",
    "get",
    "What trends",
    "Lists are made every 15 minutes. While the database is away the last list is answered, with `stale` true "
    "and its `as_of`.",
    answer=TrendingAnswer,
    parameters=(
        _parameter("content_type", "Also as `kind`.", {"enum": list(KINDS), "default": KINDS[0]}),
        _parameter("time_window", "How far back.", {"enum": list(WINDOWS), "default": DEFAULT_WINDOW}),
        _parameter("category", "Only items of this category.", {"type": "string"}),
        _parameter("language", "Only items in this language.", {"type": "string"}),
        _parameter("region", "Only engagement from this region.", {"type": "string"}),
        _parameter(
            "limit",
            "How many items at most.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    answer_example={
        "items": [
            {
                "rank": 1, "item_id": "video-42", "kind": "video", "author_id": "creator-7",
                "category": "music", "language": "en", "score": 210.5, "velocity": 128.4, "accounts": 1730,
                "direction": "rising", "growth": 2.69, "p_value": 3.1e-9, "q_value": 2.2e-7,
            }
        ],
        "count": 1, "content_type": "video", "time_window": "24h", "category": None, "language": None,
        "region": None, "as_of": "2026-11-20T12:15:00.412Z", "stale": False,
    },
    faults=(401, 422, 503),
)  # fmt: skip
