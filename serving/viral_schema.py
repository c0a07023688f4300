"""What the viral service is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.fields import STRICT, Count, Identifier, Moment, Seconds, Text, Word

MAX_BATCH = 100
MAX_EXPLAIN = 60
DEFAULT_EXPLAIN = 5

Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Explain = Annotated[
    bool | Annotated[int, Field(ge=0, le=MAX_EXPLAIN)],
    Field(description="How many features to explain the answer by (true: 5, false: 0)."),
]


@with_config(STRICT)
class Video(TypedDict):
    """A snapshot of a video: what is known of it now. A field that is absent or null is unknown, not zero."""

    views: Annotated[Count, Field(description="Views at this moment.")]
    video_id: NotRequired[
        Annotated[Identifier | None, Field(description="Ties the prediction to its outcome.")]
    ]
    taken_at: NotRequired[
        Annotated[Moment | None, Field(description="When the counts were read; default: now.")]
    ]
    likes: NotRequired[Count | None]
    comments: NotRequired[Count | None]
    shares: NotRequired[Count | None]
    bookmarks: NotRequired[Count | None]
    creator_id: NotRequired[Identifier | None]
    creator_followers: NotRequired[Count | None]
    creator_following: NotRequired[Count | None]
    creator_videos: NotRequired[
        Annotated[Count | None, Field(description="Videos that the creator has published.")]
    ]
    creator_verified: NotRequired[bool | None]
    published_at: NotRequired[Moment | None]
    title: NotRequired[Annotated[Text | None, Field(description="Title with its hashtags.")]]
    description: NotRequired[Text | None]
    category: NotRequired[Word | None]
    language: NotRequired[Word | None]
    country: NotRequired[Word | None]
    video_duration: NotRequired[Annotated[Seconds | None, Field(description="Seconds.")]]
    video_width: NotRequired[Pixels | None]
    video_height: NotRequired[Pixels | None]
    has_music: NotRequired[bool | None]
    song_duration: NotRequired[Annotated[Seconds | None, Field(description="Seconds.")]]
    is_original_sound: NotRequired[bool | None]
    sound_uses: NotRequired[Annotated[Count | None, Field(description="Videos that use the same sound.")]]
    previous_views: NotRequired[Annotated[Count | None, Field(description="Views at an earlier snapshot.")]]
    previous_taken_at: NotRequired[Annotated[Moment | None, Field(description="When that snapshot was taken.")]]


@with_config(STRICT)
class PredictRequest(Video):
    """One video, and how the answer is to be explained."""

    explain: NotRequired[Explain]


@with_config(STRICT)
class BatchRequest(TypedDict):
    """At most 100 videos."""

    videos: Annotated[list[Video], Field(min_length=1, max_length=MAX_BATCH)]
    explain: NotRequired[Explain]


class Probabilities(TypedDict):
    """Probability of each class by views at the horizon (7 days after the snapshot); they add up to 1."""

    low: float
    medium: float
    high: float
    ultra: float


class Prediction(TypedDict):
    """The answer for one video."""

    viral_class: Annotated[str, Field(description="low, medium, high or ultra.")]
    viral_score: Annotated[
        int, Field(ge=0, le=100, description="0-29 low, 30-59 medium, 60-84 high, 85-100 ultra.")
    ]
    confidence: Annotated[float, Field(description="Probability of viral_class.")]
    probabilities: Probabilities
    expected_views: Annotated[float, Field(description="Views to expect at the horizon.")]
    top_features: NotRequired[
        Annotated[
            list[dict[str, float]],
            Field(description="The strongest contributions to the growth expected, in log views."),
        ]
    ]
    model_version: Annotated[str, Field(description="Registry version that gave the answer.")]
    prediction_id: Annotated[str, Field(description="UUID under which the prediction is recorded.")]
    prediction_time_ms: Annotated[float, Field(description="Features and model, in milliseconds.")]


class BatchPrediction(TypedDict):
    """The answers in the order of the request. Each one's prediction_time_ms is its share of the batch."""

    predictions: list[Prediction]
    count: int
    model_version: str
    prediction_time_ms: float


EXAMPLE_VIDEO: dict[str, Any] = {
    "views": 150000,
    "likes": 12000,
    "comments": 450,
    "shares": 890,
    "bookmarks": 2300,
    "creator_followers": 85000,
    "creator_verified": False,
    "video_duration": 45,
    "title": "You won't believe this hack! #viral #fyp",
}
EXAMPLE_ANSWER: dict[str, Any] = {
    "viral_class": "high",
    "viral_score": 78,
    "confidence": 0.85,
    "probabilities": {"low": 0.02, "medium": 0.1, "high": 0.85, "ultra": 0.03},
    "expected_views": 1240000.0,
    "top_features": [{"views_log": 0.83}, {"views_per_hour": 0.41}],
    "model_version": "3",
    "prediction_id": "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "prediction_time_ms": 0.21,
}
