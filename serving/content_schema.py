"""What moderation is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.content_fields import MAX_IMAGES, Image, Kind, Language, Title
from serving.fields import STRICT, Identifier, Text

MAX_ITEMS = 1000
#: Pictures in all items of one request.
MAX_BATCH_IMAGES = 100
DEFAULT_KIND = "post"

Decision = Literal["approved", "flagged", "review_required", "rejected"]
Chance = Annotated[float, Field(ge=0, le=1)]


@with_config(STRICT)
class ModerateRequest(TypedDict):
    """One piece of content: its text, title and pictures, whichever there are."""

    content_id: NotRequired[
        Annotated[Identifier | None, Field(description="Ties the decision to the content, where it is known.")]
    ]
    content_type: NotRequired[Annotated[Kind | None, Field(description="Default: post.")]]
    text: NotRequired[Text | None]
    title: NotRequired[Title | None]
    images: NotRequired[
        Annotated[
            list[Image] | None, Field(max_length=MAX_IMAGES, description="Pictures, or frames of a video.")
        ]
    ]
    creator_id: NotRequired[Identifier | None]
    language: NotRequired[Language | None]
    record: NotRequired[
        Annotated[bool, Field(description="Keep the decision (default). False: it is answered and forgotten.")]
    ]


@with_config(STRICT)
class ModerateBatch(TypedDict):
    """Many pieces of content; a faulty one costs itself alone."""

    items: Annotated[list[ModerateRequest], Field(min_length=1, max_length=MAX_ITEMS)]


class ReasonAnswer(TypedDict):
    """One cause of a decision."""

    label: Annotated[str, Field(description="The label; or text or image, which nothing could look at.")]
    score: Annotated[float | None, Field(description="Calibrated probability of the label.")]
    threshold: Annotated[float | None, Field(description="The score from which on content is rejected.")]
    spans: Annotated[
        list[list[int]],
        Field(
            description="[start, end] characters of what weighed most, in the title, a line break and the text."
        ),
    ]
    frames: Annotated[list[float], Field(description="Seconds of the frames that weighed most.")]
    text: Annotated[str, Field(description="A sentence for people.")]


class ImageAnswer(TypedDict):
    """What is known of one picture."""

    index: Annotated[int, Field(ge=0, description="Which picture of the request, from 0.")]
    scores: Annotated[dict[str, float] | None, Field(description="null: nothing could look at it.")]
    reason: Annotated[str | None, Field(description="Why its scores alone do not approve it.")]


class Versions(TypedDict):
    """The registry versions that answered; null: none is in production, or it was not asked."""

    moderation: str | None
    imagery: str | None


class ModerateAnswer(TypedDict):
    """A decision with what caused it."""

    id: Annotated[str, Field(description="UUID under which the decision is kept: for appeals and reviews.")]
    content_id: str | None
    content_type: str
    decision: Decision
    is_safe: Annotated[bool, Field(description="Whether it is approved.")]
    flags: Annotated[list[str], Field(description="The labels behind the decision, the hardest first.")]
    confidence: Annotated[Chance, Field(description="0: a person may well decide otherwise; 1: hardly.")]
    scores: Annotated[dict[str, float], Field(description="Calibrated probability of each label.")]
    reasons: list[ReasonAnswer]
    images: NotRequired[list[ImageAnswer]]
    language: str | None
    versions: Versions
    at: str


class StoredDecision(TypedDict):
    """A decision as it is kept."""

    id: str
    content_id: str | None
    content_kind: str
    creator_id: str | None
    at: str
    text: str | None
    language: str | None
    images: Annotated[list[str], Field(description="Keys of the pictures that were looked at.")]
    decision: Decision
    scores: dict[str, float]
    uncertainty: Chance
    version: Annotated[str | None, Field(description="Of the text model.")]
    image_version: str | None
    received_at: str
    open: Annotated[bool, Field(description="Whether a person should look.")]
    appealed: bool
    reviewed_at: str | None
    reviewed_decision: str | None


class FaultyItem(TypedDict):
    """An item that cannot be answered."""

    index: int
    content_id: str | None
    status: Literal["faulty"]
    detail: Annotated[str, Field(description="What is wrong, in one sentence.")]
    errors: NotRequired[list[dict[str, str]]]


class ModerateAnswers(TypedDict):
    """The answers in the order of the request."""

    results: list[ModerateAnswer | FaultyItem]
    count: Annotated[int, Field(description="Items that were answered.")]
    faulty: int
    versions: Versions
    took_ms: float


EXAMPLE_REQUEST: dict[str, Any] = {
    "content_id": "comment-77",
    "content_type": "comment",
    "text": "W1N a fr33 ph0ne now! Click http://win.example/42",
    "creator_id": "u-1001",
    "language": "en",
}
EXAMPLE_ANSWER: dict[str, Any] = {
    "id": "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "content_id": "comment-77",
    "content_type": "comment",
    "decision": "rejected",
    "is_safe": False,
    "flags": ["spam"],
    "confidence": 0.86,
    "scores": {"spam": 0.972, "hate": 0.004, "toxicity": 0.031},
    "reasons": [
        {
            "label": "spam",
            "score": 0.972,
            "threshold": 0.8,
            "spans": [[0, 16], [28, 49]],
            "frames": [],
            "text": "The content is very probably spam.",
        }
    ],
    "language": "en",
    "versions": {"moderation": "3", "imagery": None},
    "at": "2026-11-20T12:00:00Z",
}
