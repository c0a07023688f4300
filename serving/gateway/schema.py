"""What the gateway is asked; field names are those that the products' backends use already."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.content_fields import MAX_IMAGES, Image, Key, Kind, Language, Tags, Title
from serving.content_store_schema import JobAnswer
from serving.fields import STRICT, Count, Identifier, Moment, Seconds, Text, Word
from serving.gateway.services import MODELS
from serving.recommendation_schema import Explain, ItemKind

MAX_LIMIT, DEFAULT_LIMIT, MAX_EXCLUDED = 50, 20, 1000
MAX_PAIRS, MAX_PAIR_USERS = 500, 50
ContentId = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=2048, description="Not followed: nothing looks at it.")]


@with_config(STRICT)
class ContentData(TypedDict):
    """What there is of the content."""

    text: NotRequired[Text | None]
    title: NotRequired[Title | None]
    description: NotRequired[
        Annotated[Text | None, Field(description="Counts as the end of the text; both have 20,000 characters.")]
    ]
    tags: NotRequired[Tags | None]
    images: NotRequired[Annotated[list[Image] | None, Field(max_length=MAX_IMAGES)]]
    video_url: NotRequired[Url | None]
    image_url: NotRequired[Url | None]
    language: NotRequired[Language | None]
    creator_id: NotRequired[Identifier | None]


@with_config(STRICT)
class ModerationRequest(TypedDict):
    """Content to decide about."""

    content_id: Identifier
    content_type: NotRequired[Annotated[Kind, Field(description="Default: post.")]]
    content_data: ContentData


@with_config(STRICT)
class ContentAnalysisRequest(TypedDict):
    """Content to describe."""

    content_id: Identifier
    content_type: NotRequired[Annotated[Kind, Field(description="Default: post.")]]
    content_data: ContentData


@with_config(STRICT)
class ViralContent(TypedDict):
    """What is known of the video; what is left out is unknown, not zero."""

    title: NotRequired[Text | None]
    description: NotRequired[Text | None]
    duration: NotRequired[Annotated[Seconds | None, Field(description="Seconds.")]]
    category: NotRequired[Word | None]
    language: NotRequired[Word | None]
    country: NotRequired[Word | None]
    published_at: NotRequired[Moment | None]
    creator_id: NotRequired[Identifier | None]
    creator_followers: NotRequired[Count | None]
    creator_following: NotRequired[Count | None]
    creator_videos: NotRequired[Count | None]
    creator_verified: NotRequired[bool | None]
    has_music: NotRequired[bool | None]


@with_config(STRICT)
class Engagement(TypedDict):
    """Counts of one moment."""

    views: Count
    likes: NotRequired[Count | None]
    comments: NotRequired[Count | None]
    shares: NotRequired[Count | None]
    bookmarks: NotRequired[Count | None]
    taken_at: NotRequired[Annotated[Moment | None, Field(description="Default: now.")]]
    previous_views: NotRequired[Count | None]
    previous_taken_at: NotRequired[Moment | None]


@with_config(STRICT)
class ViralPredictionRequest(TypedDict):
    """A video and how it goes."""

    content_id: Identifier
    content_data: NotRequired[ViralContent]
    engagement_data: Engagement


@with_config(STRICT)
class ContentRequest(TypedDict):
    """A piece of content as it is now: what is left out is empty from now on."""

    content_id: ContentId
    content_type: Kind
    creator_id: NotRequired[Annotated[ContentId | None, Field(description="Default: whoever asks.")]]
    title: NotRequired[Annotated[str, Field(max_length=50_000)] | None]
    text: NotRequired[Annotated[str, Field(max_length=50_000)] | None]
    tags: NotRequired[Tags | None]
    video: NotRequired[Annotated[Key | None, Field(description="Key of its video in the media bucket.")]]
    images: NotRequired[Annotated[list[Key] | None, Field(max_length=20)]]
    created_at: NotRequired[Moment | None]


@with_config(STRICT)
class MediaRequest(TypedDict):
    """Work on the video of a piece of content; it may be left out."""

    source: NotRequired[Annotated[Key | None, Field(description="Its video unless given; admins alone may.")]]
    language: NotRequired[Language | None]


@with_config(STRICT)
class AppealRequest(TypedDict):
    """An objection to a decision, by the creator."""

    text: NotRequired[Annotated[str, Field(max_length=10_000)] | None]


@with_config(STRICT)
class TrainRequest(TypedDict):
    """Which family is to learn anew."""

    family: NotRequired[
        Annotated[Word, Field(description="Default: recommendation.", json_schema_extra={"enum": [*MODELS]})]
    ]
    force: NotRequired[Annotated[bool, Field(description="Promote what the gate would not pass.")]]


@with_config(STRICT)
class Pair(TypedDict):
    """A user and a post."""

    user_id: NotRequired[Annotated[Identifier, Field(description="Default: whoever asks.")]]
    post_id: Identifier


@with_config(STRICT)
class PredictRequest(TypedDict):
    """Pairs whose affinity is wanted."""

    pairs: Annotated[list[Pair], Field(min_length=1, max_length=MAX_PAIRS)]


@with_config(STRICT)
class RecommendRequest(TypedDict):
    """Who wants how many items of which kind."""

    user_id: NotRequired[Annotated[Identifier | None, Field(description="Default: whoever asks.")]]
    content_type: NotRequired[ItemKind | None]
    limit: NotRequired[Annotated[int, Field(ge=1, le=MAX_LIMIT)] | None]
    exclude_ids: NotRequired[Annotated[list[Identifier], Field(max_length=MAX_EXCLUDED)] | None]
    language: NotRequired[Word | None]
    region: NotRequired[Word | None]
    category: NotRequired[Word | None]
    explain: NotRequired[Explain]


class ModerationAnswer(TypedDict):
    """A decision; more of its members are those of the content service."""

    content_id: str
    content_type: str
    decision: Literal["approved", "flagged", "review_required", "rejected"]
    is_safe: bool
    flags: list[str]
    confidence: Annotated[float, Field(ge=0, le=1)]
    scores: dict[str, float]
    reasons: list[dict[str, Any]]
    not_looked_at: Annotated[
        list[str], Field(description="Members of content_data that nothing looked at; a person should.")
    ]


class AnalysisAnswer(TypedDict):
    """What the content is about; more of its members are those of the content service."""

    content_id: str
    content_type: str
    tags: list[str]
    categories: list[str]
    sentiment: str
    sentiment_score: Annotated[float, Field(ge=-1, le=1)]
    language: str | None
    topics: list[str]
    entities: list[dict[str, Any]]
    not_looked_at: list[str]


class Recommendations(TypedDict):
    """Ids for a user, the best first."""

    user_id: str
    content_type: ItemKind
    recommendations: list[str]
    count: int
    items: Annotated[list[dict[str, Any]], Field(description="The same with scores and reasons.")]
    recommendation_id: Annotated[str | None, Field(description="To be sent along with events that follow.")]
    answered_by: str
    model_version: str
    stale: Annotated[bool, Field(description="The service is away: this is the last list that was given.")]
    unavailable: list[str]


class Trending(TypedDict):
    """What trends, the first first."""

    content_type: ItemKind
    time_window: str
    items: list[dict[str, Any]]
    trending: Annotated[list[str], Field(description="The ids of items.")]
    count: int
    as_of: str | None
    stale: bool
    unavailable: list[str]


class Factors(TypedDict):
    """What was computed from the request; null: the request does not say."""

    engagement_rate: Annotated[float | None, Field(description="(likes + comments + shares) a view.")]
    like_rate: Annotated[float | None, Field(description="Likes a view.")]
    comment_rate: Annotated[float | None, Field(description="Comments a view.")]
    share_velocity: Annotated[float | None, Field(description="Shares a view.")]
    views_per_hour: Annotated[float | None, Field(description="Since published_at.")]
    timing_score: Annotated[float | None, Field(description="The part of its first 7 days that is ahead.")]


class ViralPrediction(TypedDict):
    """Whether a video will be seen by very many."""

    content_id: str
    viral_score: Annotated[
        float | None,
        Field(ge=0, le=1, description="Probability of the classes high and ultra; null: unavailable."),
    ]
    is_likely_viral: Annotated[bool | None, Field(description="Whether viral_score is 0.5 or more.")]
    factors: Factors
    confidence: Annotated[
        float | None, Field(ge=0, le=1, description="Probability that is_likely_viral is right.")
    ]
    viral_class: str | None
    probabilities: dict[str, float] | None
    expected_views: float | None
    model_version: str | None
    unavailable: list[str]


class ModelEntry(TypedDict):
    """One model."""

    name: str
    service: str
    loaded: Annotated[bool | None, Field(description="null: its service does not answer.")]
    model_version: str | None
    detail: str | None


class Models(TypedDict):
    """Every model behind the gateway."""

    models: list[ModelEntry]
    aliases: Annotated[dict[str, str], Field(description="Other names that load and unload take.")]
    unavailable: list[str]


class LoadAnswer(TypedDict):
    """How a model stands."""

    name: str
    loaded: bool
    model_version: str | None
    detail: str | None


class ContentTaken(TypedDict):
    """What became of a piece of content; moderation and analysis begin by themselves."""

    content_id: str
    status: Literal["accepted", "unchanged", "queued"]
    revision: int | None


class ContentStanding(TypedDict):
    """How a piece of content stands."""

    content_id: str
    content_type: str
    creator_id: str | None
    title: str | None
    text: str | None
    tags: list[str] | None
    video: str | None
    images: list[str] | None
    created_at: str
    received_at: str
    revision: int
    status: Annotated[
        Literal["pending", "approved", "flagged", "review_required", "rejected"],
        Field(description="What holds now; pending: nobody has looked yet."),
    ]
    flags: list[str]
    is_flagged: bool
    flag_reason: str | None
    decision_id: Annotated[str | None, Field(description="Of the decision: see moderation/{id}, and appeal.")]
    moderated_at: str | None
    analysis: Annotated[dict[str, Any] | None, Field(description="As analyze answers.")]
    analyzed_at: str | None
    due: Annotated[list[str], Field(description="What this revision still waits for.")]
    error: str | None
    jobs: list[JobAnswer]


class Prediction(TypedDict):
    """How well a post suits a user."""

    user_id: str
    post_id: str
    score: Annotated[
        float | None, Field(description="Orders the posts of one user; null: the post is not known.")
    ]


class Predictions(TypedDict):
    """In the order of the pairs."""

    predictions: list[Prediction]
    count: int
    model_version: str | None
    unavailable: list[str]


class MlStatus(TypedDict):
    """How everything behind the gateway stands."""

    status: Literal["ok", "degraded", "unavailable"]
    services: dict[str, dict[str, Any]]
    unavailable: list[str]


EXAMPLE_ID = "123e4567-e89b-12d3-a456-426614174000"
EXAMPLE_MODERATION: dict[str, Any] = {
    "content_id": EXAMPLE_ID,
    "content_type": "post",
    "content_data": {"text": "W1N a fr33 ph0ne now! Click http://win.example/42"},
}
EXAMPLE_ANALYSIS: dict[str, Any] = {
    "content_id": EXAMPLE_ID,
    "content_type": "video",
    "content_data": {"text": "Amazing AI tutorial", "video_url": "https://example.com/video.mp4"},
}
EXAMPLE_VIRAL: dict[str, Any] = {
    "content_id": EXAMPLE_ID,
    "content_data": {"title": "Amazing video", "duration": 120},
    "engagement_data": {"views": 1000, "likes": 100, "comments": 20, "shares": 50},
}
EXAMPLE_CONTENT: dict[str, Any] = {
    "content_id": "post-42",
    "content_type": "post",
    "title": "The night train to Lisbon",
    "text": "I love the night train with one backpack #travel",
    "images": ["posts/42/station.jpg"],
}
