"""What the recommendation service is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.fields import STRICT, Identifier, Word

MAX_ITEMS, DEFAULT_ITEMS = 100, 20
MAX_EXCLUDED, MAX_RANKED = 1000, 500

ItemKind = Literal["video", "post", "user"]
User = Annotated[Identifier, Field(description="Whom it is for.")]
Language = Annotated[
    Word | None, Field(description="Of the context, such as en; serves users of whom little is known.")
]
Region = Annotated[Word | None, Field(description="Of the context.")]
Category = Annotated[Word | None, Field(description="Of the context, such as cooking.")]
Explain = Annotated[bool | None, Field(description="Add to each item the features that it was ranked by.")]


@with_config(STRICT)
class RecommendRequest(TypedDict):
    """Who wants how many items of which kind."""

    user_id: User
    limit: NotRequired[
        Annotated[
            Annotated[int, Field(ge=1, le=MAX_ITEMS)] | None, Field(description="How many items; default: 20.")
        ]
    ]
    content_type: NotRequired[Annotated[ItemKind | None, Field(description="Default: video.")]]
    item_kind: NotRequired[Annotated[ItemKind | None, Field(description="The same as content_type.")]]
    exclude_ids: NotRequired[
        Annotated[
            Annotated[list[Identifier], Field(max_length=MAX_EXCLUDED)] | None,
            Field(description="Items that must not come, such as those on the screen."),
        ]
    ]
    language: NotRequired[Language]
    region: NotRequired[Region]
    category: NotRequired[Category]
    explain: NotRequired[Explain]
    preview: NotRequired[
        Annotated[
            bool | None,
            Field(
                description="Only look what the user would get: nothing is kept or recorded, and no experiment "
                "counts it. Needs the API key."
            ),
        ]
    ]


@with_config(STRICT)
class RankRequest(TypedDict):
    """Who wants which items in order."""

    user_id: User
    items: Annotated[list[Identifier], Field(min_length=1, max_length=MAX_RANKED)]
    language: NotRequired[Language]
    region: NotRequired[Region]
    category: NotRequired[Category]
    explain: NotRequired[Explain]


class Because(TypedDict):
    """What the user did to the item that speaks for this one."""

    item_id: str
    kind: str


class RecommendedItem(TypedDict):
    """One item, and why it is there."""

    id: str
    kind: Annotated[str | None, Field(description="video, post or user; null where nothing is known of it.")]
    score: Annotated[
        float | None,
        Field(description="Orders the items of one answer alone; null where nothing is known of it."),
    ]
    source: Annotated[
        str,
        Field(
            description="collaborative, content, trending, followed, exploration or popular; unknown: "
            "nothing is known of it."
        ),
    ]
    reason: Annotated[str, Field(description="A sentence that a person can be shown.")]
    because: Because | None
    author_id: str | None
    features: NotRequired[
        Annotated[dict[str, Any] | None, Field(description="With explain, where a version answers.")]
    ]


class Experiment(TypedDict):
    """The decision of an experiment that the answer follows."""

    experiment: str
    variant: str
    decision_id: str


class RecommendationAnswer(TypedDict):
    """Items for a user, the best first."""

    user_id: str
    items: list[RecommendedItem]
    count: int
    answered_by: Annotated[
        Literal["model", "heuristic", "precomputed"],
        Field(description="precomputed: a list that was made ahead, while no version is in service."),
    ]
    model_version: Annotated[str, Field(description="Registry version that gave the answer, or heuristic.")]
    recommendation_id: Annotated[
        str | None,
        Field(description="To be sent along with the events that follow from it; null of a preview."),
    ]
    flags: Annotated[dict[str, bool], Field(description="Feature flags, and which are on for this user.")]
    experiment: NotRequired[Experiment]
    preview: NotRequired[Annotated[bool, Field(description="true where a preview was asked for.")]]
    degraded: Annotated[
        bool, Field(description="The user's history could not be read: the answer knows less than usual.")
    ]
    cached: Annotated[bool, Field(description="Computed before, with the same recommendation_id.")]


class RankAnswer(RecommendationAnswer):
    """Each item that was asked about once, the best first; those of which nothing is known come last."""


class SimilarItems(TypedDict):
    """Items that are close to one, the closest first."""

    item_id: str
    items: list[RecommendedItem]
    count: int
    answered_by: Literal["model", "heuristic"]
    model_version: str


class ModelStatus(TypedDict):
    """What is served, and what answers besides."""

    model_version: str | None
    answered_by: Literal["model", "heuristic"]
    serving_since: str | None
    source: str | None
    why: Annotated[str | None, Field(description="Why no version answers, where none does.")]
    registry: dict[str, Any]
    model: Annotated[dict[str, Any] | None, Field(description="Facts of the version.")]
    flags: Annotated[dict[str, Any], Field(description="Feature flags: enabled, and for how many percent.")]
    experiment: str | None
    board: Annotated[dict[str, int], Field(description="How many items trend, are new, and are engaging now.")]
    degraded: list[str]


class ModelFigures(TypedDict):
    """What was measured of the served version on rows that it had not seen."""

    model_version: str
    dataset: str
    rows: dict[str, int]
    metrics: dict[str, float]
    intervals: Annotated[dict[str, list[float]], Field(description="95 % interval of each metric.")]
    baselines: Annotated[dict[str, dict[str, float]], Field(description="The same metrics of its rivals.")]
    against_champion: Annotated[
        dict[str, Any] | None,
        Field(description="Against the version in production at its training, on the same rows."),
    ]
    gate: dict[str, Any]
    complete: Annotated[
        bool, Field(description="false: MLflow is away, so that intervals and rivals are left out.")
    ]


class UserFeatures(TypedDict):
    """What a history says of its user."""

    user_id: str
    interactions: int
    liked_items: int
    seen_items: int
    followed_authors: int
    language: str | None
    categories: Annotated[dict[str, float], Field(description="Shares of the user's taste.")]
    authors: dict[str, float]
    taste: Annotated[list[dict[str, Any]], Field(description="The items that say most, and how much.")]
    degraded: bool


class ItemFeatures(TypedDict):
    """What the model knows of an item."""

    item_id: str
    kind: ItemKind
    title: str | None
    author_id: str | None
    category: str | None
    language: str | None
    published_us: Annotated[int | None, Field(description="Microseconds since 1970, UTC.")]
    popularity: float
    users: int
    trend: float
    removed: bool


class InteractionFeatures(TypedDict):
    """The features by which the item is ranked for the user, each under its name."""

    user_id: str
    item_id: str
    seen: bool
    degraded: bool


EXAMPLE_ID = "019a9c3e-5a70-7c11-9d5e-0242ac120002"
EXAMPLE_QUESTION: dict[str, Any] = {"user_id": "user-77", "limit": 2, "content_type": "video", "language": "en"}
EXAMPLE_ITEMS: list[dict[str, Any]] = [
    {
        "id": "video-42",
        "kind": "video",
        "score": 0.913,
        "source": "collaborative",
        "reason": 'because you liked "Sourdough in one day"',
        "because": {"item_id": "video-17", "kind": "like"},
        "author_id": "author-3",
    },
    {
        "id": "video-99",
        "kind": "video",
        "score": 0.655,
        "source": "trending",
        "reason": "trending in cooking",
        "because": None,
        "author_id": "author-8",
    },
]
EXAMPLE_ANSWER: dict[str, Any] = {
    "user_id": "user-77",
    "items": EXAMPLE_ITEMS,
    "count": 2,
    "answered_by": "model",
    "model_version": "7",
    "recommendation_id": EXAMPLE_ID,
    "flags": {"mlRecommendations": True, "personalizedFeed": True, "engagementRanking": True},
    "degraded": False,
    "cached": False,
}
EXAMPLE_RANK: dict[str, Any] = {"user_id": "user-77", "items": ["video-99", "video-42"]}
EXAMPLE_SIMILAR: dict[str, Any] = {
    "item_id": "video-17",
    "items": EXAMPLE_ITEMS[:1],
    "count": 1,
    "answered_by": "model",
    "model_version": "7",
}
