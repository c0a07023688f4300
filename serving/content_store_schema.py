"""What contents, media jobs, appeals, reviews and labels are asked and answered with."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.content_fields import MAX_TAGS, Key, Kind, Language
from serving.content_schema import Decision, ReasonAnswer, StoredDecision
from serving.fields import STRICT, Moment, Word

MAX_CONTENTS = 500
MAX_STORED_IMAGES = 20
MAX_NOTE = 10_000

ContentId = Annotated[str, Field(min_length=1, max_length=200)]
Body = Annotated[str, Field(max_length=50_000)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]
Label = Annotated[str, Field(min_length=1, max_length=20_000)]


@with_config(STRICT)
class ContentRequest(TypedDict):
    """A piece of content as it is now: a field that is left out is empty from now on."""

    id: Annotated[ContentId, Field(description="Yours; one for all kinds of content.")]
    kind: Kind
    creator_id: NotRequired[ContentId | None]
    title: NotRequired[Body | None]
    text: NotRequired[Body | None]
    tags: NotRequired[Annotated[list[Word] | None, Field(max_length=MAX_TAGS)]]
    video: NotRequired[Annotated[Key | None, Field(description="Key of its video in the media bucket.")]]
    images: NotRequired[
        Annotated[
            list[Key] | None,
            Field(max_length=MAX_STORED_IMAGES, description="Keys of its pictures in the media bucket."),
        ]
    ]
    created_at: NotRequired[Moment | None]


@with_config(STRICT)
class ContentsRequest(TypedDict):
    """Many pieces of content; a faulty one costs itself alone."""

    contents: Annotated[list[ContentRequest], Field(min_length=1, max_length=MAX_CONTENTS)]


class ContentResult(TypedDict):
    """What became of one piece of content."""

    index: int
    id: str | None
    status: Annotated[
        Literal["accepted", "unchanged", "queued", "rejected", "faulty"],
        Field(description="queued: the database is away; it is kept on disk and brought there later."),
    ]
    revision: NotRequired[Annotated[int, Field(description="Of its description, from 1.")]]
    detail: NotRequired[Annotated[str, Field(description="Why not, in one sentence.")]]
    errors: NotRequired[list[dict[str, str]]]


class ContentResults(TypedDict):
    """What became of each, in the order of the request, and how many became what."""

    results: list[ContentResult]
    counts: dict[str, int]


class JobAnswer(TypedDict):
    """A media job as it stands."""

    id: str
    kind: Literal["moderate-video", "captions", "thumbnails"]
    state: Literal["queued", "running", "done", "failed"]
    progress: Annotated[float, Field(ge=0, le=1)]
    attempts: int
    error: str | None
    content_id: str | None
    source: str
    result: Annotated[dict[str, Any] | None, Field(description="What was made, once it is done.")]
    files: Annotated[list[str], Field(description="Where its files are, once it is done.")]
    requested_at: str
    started_at: str | None
    finished_at: str | None


class ContentAnswer(TypedDict):
    """How a piece of content stands."""

    id: str
    kind: str
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
    decision_id: Annotated[str | None, Field(description="Of the decision: see /api/v1/moderation/{id}.")]
    moderated_at: str | None
    analysis: Annotated[dict[str, Any] | None, Field(description="As /api/v1/analyze answers.")]
    analyzed_at: str | None
    due: Annotated[list[str], Field(description="What this revision still waits for.")]
    error: Annotated[str | None, Field(description="Why the last try came to nothing.")]
    jobs: list[JobAnswer]


@with_config(STRICT)
class MediaRequest(TypedDict):
    """Work on a media file."""

    source: Annotated[Key, Field(description="Its key in the media bucket.")]
    content_id: NotRequired[ContentId | None]
    creator_id: NotRequired[ContentId | None]
    language: NotRequired[Language | None]


class JobAsked(TypedDict):
    """A job that was asked for."""

    job_id: str
    kind: str
    state: Literal["queued"]
    url: Annotated[str, Field(description="Where to see how it stands.")]


@with_config(STRICT)
class AppealRequest(TypedDict):
    """A creator's objection."""

    appellant_id: ContentId
    text: NotRequired[Note | None]


@with_config(STRICT)
class ReviewRequest(TypedDict):
    """What a reviewer says."""

    decision: Literal["approved", "rejected"]
    labels: NotRequired[
        Annotated[
            list[Literal["spam", "hate", "toxicity", "nsfw", "violence"]],
            Field(max_length=5, description="What holds for it; none of what is approved."),
        ]
    ]
    note: NotRequired[Note | None]
    reviewer: ContentId


class ReviewAnswer(TypedDict):
    """A review of a decision."""

    decision: str
    labels: list[str]
    note: str | None
    reviewer: str
    at: str


class AppealAnswer(TypedDict):
    """An objection to a decision."""

    appellant_id: str
    text: str | None
    at: str
    resolved_at: str | None
    outcome: Annotated[str | None, Field(description="upheld or overturned; null while it is open.")]


class DecisionAnswer(StoredDecision):
    """A decision, and what people said of it."""

    standing: Annotated[Decision, Field(description="What holds now: the latest review, or else the decision.")]
    reasons: list[ReasonAnswer]
    reviews: list[ReviewAnswer]
    appeals: list[AppealAnswer]


@with_config(STRICT)
class LabelRequest(TypedDict):
    """The right answer for a text, or for a piece of content that is known."""

    family: Literal["moderation", "sentiment", "topics", "entities"]
    label: Annotated[
        Label,
        Field(
            description="moderation: labels joined by +, or clean; sentiment: negative, neutral or positive; "
            "topics: a category; entities: BIO tags joined by spaces, or spans as JSON."
        ),
    ]
    labelled_by: ContentId
    text: NotRequired[Annotated[Body | None, Field(description="In place of content_id.")]]
    content_id: NotRequired[ContentId | None]
    language: NotRequired[Language | None]
    predicted: NotRequired[Annotated[Label | None, Field(description="The answer that was wrong.")]]


class LabelAnswer(TypedDict):
    """What became of a label."""

    status: Literal["saved", "forgotten"]
    family: str
    text_id: str
    label: Annotated[str, Field(description="As it is kept.")]


EXAMPLE_CONTENT: dict[str, Any] = {
    "id": "post-42",
    "kind": "post",
    "creator_id": "u-1001",
    "title": "The night train to Lisbon",
    "text": "I love the night train with one backpack #travel",
    "images": ["posts/42/station.jpg"],
}
EXAMPLE_JOB: dict[str, Any] = {
    "job_id": "1b6a1c3e-9a6f-4a63-8f0e-0f2f5d6a7b8c",
    "kind": "captions",
    "state": "queued",
    "url": "/api/v1/media/jobs/1b6a1c3e-9a6f-4a63-8f0e-0f2f5d6a7b8c",
}
EXAMPLE_REVIEW: dict[str, Any] = {
    "decision": "rejected",
    "labels": ["spam"],
    "note": "a known pattern",
    "reviewer": "mara",
}
EXAMPLE_LABEL: dict[str, Any] = {
    "family": "sentiment",
    "text": "not bad at all",
    "label": "positive",
    "labelled_by": "mara",
}
