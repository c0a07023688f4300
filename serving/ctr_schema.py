"""What the CTR service is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.fields import STRICT, Count, Identifier, Moment, Seconds, Text, Word

MAX_CLIPS = 100
MAX_ROWS = 1000
MAX_EXPLAIN = 60
DEFAULT_EXPLAIN = 5

#: What every JSON reader takes for the same number.
Shown = Annotated[int, Field(ge=0, le=2**53)]
Hour = Annotated[int, Field(ge=0, le=23)]
Score = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Explain = Annotated[
    bool | Annotated[int, Field(ge=0, le=MAX_EXPLAIN)],
    Field(description="How many features to explain the answer by (true: 5; default: 0)."),
]


@with_config(STRICT)
class Place(TypedDict):
    """Where, when and to whom a clip is shown, and on what."""

    placement: NotRequired[Annotated[Word | None, Field(description="Where it is shown, such as feed.")]]
    audience: NotRequired[Annotated[Word | None, Field(description="To whom: a segment's name.")]]
    device: NotRequired[Annotated[Word | None, Field(description="On what, such as phone or tv.")]]
    hour: NotRequired[Annotated[Hour | None, Field(description="Hour of the day, UTC; absent: all day.")]]
    at: NotRequired[
        Annotated[
            Moment | None,
            Field(description="When it is shown (default: now). In the past: as known then."),
        ]
    ]


@with_config(STRICT)
class ClipFeatures(TypedDict):
    """What is known of a clip. A field that is absent or null is unknown, not zero."""

    group_id: NotRequired[
        Annotated[Identifier | None, Field(description="Clips of one group are variants of one thing.")]
    ]
    creator_id: NotRequired[Identifier | None]
    advertiser_id: NotRequired[Identifier | None]
    creative_id: NotRequired[Identifier | None]
    title: NotRequired[Text | None]
    hook_text: NotRequired[Annotated[Text | None, Field(description="What the first seconds say.")]]
    category: NotRequired[Word | None]
    language: NotRequired[Word | None]
    duration: NotRequired[Annotated[Seconds | None, Field(description="Seconds.")]]
    psychology_composite: NotRequired[Score | None]
    hook_strength: NotRequired[Score | None]
    novelty_score: NotRequired[Score | None]
    emotion_priority: NotRequired[Score | None]
    has_face: NotRequired[bool | None]
    composite_score: NotRequired[Score | None]
    published_at: NotRequired[Moment | None]


@with_config(STRICT)
class Question(Place, ClipFeatures):
    """One clip in one place. ``clip_id`` alone: its features as the platform knows them. With any other feature
    the question holds what there is to know, and the platform adds only past counts that it leaves out.
    """

    clip_id: NotRequired[Annotated[Identifier | None, Field(description="Ties the prediction to its outcome.")]]
    clip_impressions: NotRequired[Annotated[Count | None, Field(description="Of the clip's past, all places.")]]
    clip_clicks: NotRequired[Count | None]
    creator_impressions: NotRequired[Annotated[Count | None, Field(description="Of all the creator's clips.")]]
    creator_clicks: NotRequired[Count | None]
    advertiser_impressions: NotRequired[
        Annotated[Count | None, Field(description="Of all the advertiser's clips.")]
    ]
    advertiser_clicks: NotRequired[Count | None]


@with_config(STRICT)
class PredictRequest(Question):
    """One clip, and how the answer is to be explained."""

    explain: NotRequired[Explain]


@with_config(STRICT)
class BatchRequest(Place):
    """At most 100 clips. A place that is given beside them is that of each clip that gives none itself."""

    clips: Annotated[list[Question], Field(min_length=1, max_length=MAX_CLIPS)]
    explain: NotRequired[Explain]


class Prediction(TypedDict):
    """The answer for one clip."""

    predicted_ctr: Annotated[float, Field(ge=0, le=1, description="Clicks for each impression to expect.")]
    predicted_band: Annotated[str, Field(description="low, medium, high or viral: where predicted_ctr lies.")]
    ctr_low: Annotated[
        float | None,
        Field(description="The clip's true rate lies between ctr_low and ctr_high 9 times in 10."),
    ]
    ctr_high: float | None
    confidence: Annotated[
        float | None,
        Field(description="Probability that the true rate lies in predicted_band; null from the heuristic."),
    ]
    top_features: NotRequired[
        Annotated[list[dict[str, float]], Field(description="The strongest contributions, in log-odds.")]
    ]
    answered_by: Annotated[
        Literal["model", "heuristic"],
        Field(description="The heuristic answers until a version is in production."),
    ]
    model_version: Annotated[str, Field(description="Registry version that gave the answer, or heuristic.")]
    clip_id: str | None
    prediction_id: Annotated[str, Field(description="UUID under which the prediction is recorded.")]
    prediction_time_ms: Annotated[float, Field(description="Features and model, in milliseconds.")]


class BatchPrediction(TypedDict):
    """The answers in the order of the request. Each one's prediction_time_ms is its share of the batch."""

    predictions: list[Prediction]
    count: int
    answered_by: str
    model_version: str
    prediction_time_ms: float


@with_config(STRICT)
class Clip(ClipFeatures):
    """A clip to remember, or what has changed of it."""

    clip_id: Identifier


@with_config(STRICT)
class Clips(TypedDict):
    """Many clips."""

    clips: Annotated[list[Clip], Field(min_length=1, max_length=MAX_ROWS)]


class SavedClip(TypedDict):
    """What became of one clip."""

    clip_id: str
    status: Annotated[
        Literal["new", "changed", "unchanged", "forgotten"],
        Field(description="forgotten: its creator asked to be forgotten, and nothing is kept."),
    ]


class SavedClips(TypedDict):
    """What became of each clip, in the order of the request."""

    results: list[SavedClip]
    new: int
    changed: int
    unchanged: int
    forgotten: int


class ClipKnowledge(ClipFeatures):
    """What is known of a clip, with final counts of the past: null where nothing was ever counted."""

    clip_id: str
    clip_impressions: int | None
    clip_clicks: int | None
    creator_impressions: int | None
    creator_clicks: int | None
    advertiser_impressions: int | None
    advertiser_clicks: int | None


@with_config(STRICT)
class Outcome(TypedDict):
    """Impressions and clicks of a clip in one span of time, placement, audience and device."""

    key: Annotated[
        Identifier, Field(description="Yours, for this clip, span and place: a repetition is known by it.")
    ]
    clip_id: Identifier
    date: NotRequired[Annotated[date, Field(description="A day in UTC, in place of started_at and ended_at.")]]
    started_at: NotRequired[Moment]
    ended_at: NotRequired[Moment]
    placement: NotRequired[Word | None]
    audience: NotRequired[Word | None]
    device: NotRequired[Word | None]
    impressions: Shown
    clicks: Annotated[Shown, Field(description="At most as many as there are impressions.")]
    replace: NotRequired[
        Annotated[bool, Field(description="Let other counts under the same key take the place of the first.")]
    ]


@with_config(STRICT)
class Outcomes(TypedDict):
    """Many outcomes; faulty ones are told, and the others taken."""

    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=MAX_ROWS)]


class SavedOutcome(TypedDict):
    """What became of the outcome."""

    key: str
    status: Literal["new", "repeated", "revised", "forgotten", "queued"]


class OutcomeResult(TypedDict):
    """What became of one outcome."""

    index: int
    key: str | None
    status: Annotated[
        Literal["new", "repeated", "revised", "conflict", "unknown clip", "forgotten", "faulty", "queued"],
        Field(
            description="queued: the database is away; it is kept on disk and brought there later. "
            "forgotten: the clip's creator asked to be forgotten, and nothing is kept."
        ),
    ]
    detail: NotRequired[Annotated[str, Field(description="What is wrong, in one sentence.")]]
    errors: NotRequired[list[dict[str, str]]]


class OutcomeResults(TypedDict):
    """What became of each outcome, in the order of the request, and how many became what."""

    results: list[OutcomeResult]
    counts: dict[str, int]


class TrainingRun(TypedDict):
    """A training that was asked for."""

    run_id: str
    run_url: Annotated[str, Field(description="Where to watch it: Prefect's own page.")]
    name: str
    state: Annotated[str, Field(description="Prefect's, such as SCHEDULED.")]


EXAMPLE_QUESTION: dict[str, Any] = {
    "clip_id": "clip-42",
    "placement": "feed",
    "audience": "new-users",
    "creator_id": "creator-7",
    "advertiser_id": "brand-3",
    "title": "What nobody tells you about sourdough",
    "duration": 21.5,
    "psychology_composite": 0.71,
    "hook_strength": 0.8,
    "novelty_score": 0.42,
    "emotion_priority": 0.6,
    "has_face": True,
    "composite_score": 0.68,
    "creator_impressions": 182_000,
    "creator_clicks": 6_900,
}
EXAMPLE_ANSWER: dict[str, Any] = {
    "predicted_ctr": 0.0412,
    "predicted_band": "medium",
    "ctr_low": 0.0305,
    "ctr_high": 0.0533,
    "confidence": 0.86,
    "answered_by": "model",
    "model_version": "3",
    "clip_id": "clip-42",
    "prediction_id": "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "prediction_time_ms": 0.11,
}
EXAMPLE_OUTCOME: dict[str, Any] = {
    "key": "clip-42|2026-11-19|feed|",
    "clip_id": "clip-42",
    "date": "2026-11-19",
    "placement": "feed",
    "impressions": 5200,
    "clicks": 214,
}
