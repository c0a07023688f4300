"""What the analysis is asked and what it answers; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from serving.content_fields import MAX_IMAGES, Key, Kind, Tags, Title
from serving.content_schema import FaultyItem
from serving.fields import STRICT, Identifier, Text

MAX_ITEMS = 500
MAX_URL = 2048


@with_config(STRICT)
class ContentData(TypedDict):
    """What there is to look at."""

    text: NotRequired[Text | None]
    title: NotRequired[Title | None]
    tags: NotRequired[Annotated[Tags | None, Field(description="That the author gave.")]]
    images: NotRequired[
        Annotated[
            list[Key] | None,
            Field(max_length=MAX_IMAGES, description="Keys in the media bucket; not looked at."),
        ]
    ]
    video_url: NotRequired[
        Annotated[
            str | None, Field(max_length=MAX_URL, description="Not followed: captions are a job of theirs.")
        ]
    ]


@with_config(STRICT)
class AnalyzeRequest(TypedDict):
    """One piece of content."""

    content_id: NotRequired[Identifier | None]
    content_type: NotRequired[Annotated[Kind | None, Field(description="Default: post.")]]
    content_data: ContentData


@with_config(STRICT)
class AnalyzeBatch(TypedDict):
    """Many pieces of content; a faulty one costs itself alone."""

    items: Annotated[list[AnalyzeRequest], Field(min_length=1, max_length=MAX_ITEMS)]


class Entity(TypedDict):
    """A name in the text."""

    text: str
    type: str
    start: Annotated[int, Field(description="Characters of the title, a line break and the text.")]
    end: int


class LanguageShare(TypedDict):
    """A language of the text, and how much of it is in it."""

    language: str
    share: float


class AnalyzeAnswer(TypedDict):
    """What a text is about."""

    content_id: str | None
    content_type: str
    tags: Annotated[list[str], Field(description="The author's, hashtags, and keywords.")]
    categories: Annotated[list[str], Field(description="The most probable first; none without a version.")]
    sentiment: Annotated[str, Field(description="negative, neutral or positive.")]
    sentiment_score: Annotated[float, Field(ge=-1, le=1)]
    language: Annotated[str | None, Field(description="ISO 639-1; null: there is too little to tell.")]
    languages: list[LanguageShare]
    topics: list[str]
    entities: list[Entity]
    category_scores: dict[str, float]
    topic_scores: dict[str, float]
    parts: Annotated[
        dict[str, str], Field(description="What answered each part: a version, or the simple way in its place.")
    ]


class AnalyzeAnswers(TypedDict):
    """The answers in the order of the request."""

    results: list[AnalyzeAnswer | FaultyItem]
    count: int
    faulty: int
    took_ms: float


EXAMPLE_REQUEST: dict[str, Any] = {
    "content_id": "123e4567-e89b-12d3-a456-426614174000",
    "content_type": "video",
    "content_data": {
        "title": "Amazing AI tutorial",
        "text": "I love how OpenAI explains machine learning #ai",
        "video_url": "https://example.com/video.mp4",
    },
}
EXAMPLE_ANSWER: dict[str, Any] = {
    "content_id": "123e4567-e89b-12d3-a456-426614174000",
    "content_type": "video",
    "tags": ["ai", "machine learning", "tutorial"],
    "categories": ["technology"],
    "sentiment": "positive",
    "sentiment_score": 0.8,
    "language": "en",
    "languages": [{"language": "en", "share": 1.0}],
    "topics": ["artificial intelligence"],
    "entities": [{"text": "OpenAI", "type": "organization", "start": 31, "end": 37}],
    "category_scores": {"technology": 0.91},
    "topic_scores": {"artificial intelligence": 0.74},
    "parts": {
        "language": "lingua 2.1.1 (trigrams and common words)",
        "tags": "rules",
        "sentiment": "2",
        "categories": "2",
        "topics": "2",
        "entities": "1",
    },
}
