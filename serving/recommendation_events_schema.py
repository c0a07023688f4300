"""Interactions and items as backends send them; the OpenAPI document is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field, with_config
from typing_extensions import TypedDict

from serving.fields import STRICT, Identifier, Moment, Text, Word

MAX_EVENTS = 1000
MAX_ITEMS = 500
MAX_TAGS = 100

EventKind = Literal["view", "like", "comment", "share", "bookmark", "follow", "skip"]
ItemKind = Literal["video", "post", "user"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


Name = Annotated[Identifier, AfterValidator(_not_blank)]


@with_config(STRICT)
class Event(TypedDict):
    """One interaction of a user with an item."""

    event_id: NotRequired[
        Annotated[
            Name | None,
            Field(description="Yours; a repetition is known by it and `at`. Absent: made of the content."),
        ]
    ]
    user_id: Name
    item_id: Annotated[Name, Field(description="Of a follow: whom.")]
    item_kind: NotRequired[
        Annotated[ItemKind | None, Field(description="Default: user of a follow, video of anything else.")]
    ]
    kind: EventKind
    at: NotRequired[
        Annotated[Moment | None, Field(description="When it happened (default: now); needed with event_id.")]
    ]
    watch_share: NotRequired[Annotated[Share | None, Field(description="Of a view: how much was watched.")]]
    region: NotRequired[Annotated[Word | None, Field(description="Where the user is, such as DE.")]]
    recommendation_id: NotRequired[
        Annotated[Identifier | None, Field(description="Of the recommendation that it followed from.")]
    ]


@with_config(STRICT)
class Events(TypedDict):
    """Many events; faulty ones are told, and the others taken."""

    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]


class RejectedEvent(TypedDict):
    """An event that was not taken."""

    index: Annotated[int, Field(description="Its place in the request, from 0.")]
    field: Annotated[str, Field(description="What is wrong in it; empty where it is no object.")]
    reason: str


class AcceptedEvents(TypedDict):
    """What was taken: it is on disk, and in the database within a second while that is there."""

    accepted: int
    rejected: list[RejectedEvent]
    ids: Annotated[
        list[str | None],
        Field(description="The id of each event, in the order of the request; null where it was not taken."),
    ]


@with_config(STRICT)
class Item(TypedDict):
    """An item to remember, or what has changed of it. A field that is absent or null stays as it is known."""

    item_id: Name
    kind: NotRequired[Annotated[ItemKind | None, Field(description="Of a new item; default: video.")]]
    author_id: NotRequired[Name | None]
    text: NotRequired[Annotated[Text | None, Field(description="Title, caption and what else it says.")]]
    tags: NotRequired[Annotated[list[Tag] | None, Field(max_length=MAX_TAGS)]]
    category: NotRequired[Word | None]
    language: NotRequired[Word | None]
    region: NotRequired[Word | None]
    published_at: NotRequired[Annotated[Moment | None, Field(description="Of a new item; default: now.")]]
    removed: NotRequired[
        Annotated[bool | None, Field(description="true: never recommend it any more; false: do so again.")]
    ]


@with_config(STRICT)
class Items(TypedDict):
    """Many items: all are saved, or none."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)]


class SavedItem(TypedDict):
    """What became of one item."""

    item_id: str
    status: Annotated[
        Literal["new", "changed", "unchanged", "conflict", "forgotten"],
        Field(
            description="conflict: the id names something of another kind, and stays. forgotten: it is, or is "
            "by, somebody who asked to be forgotten, and nothing is kept."
        ),
    ]


class SavedItems(TypedDict):
    """What became of each item, in the order of the request, and how many became what."""

    results: list[SavedItem]
    counts: dict[str, int]


class ItemKnowledge(TypedDict):
    """An item as it was last described."""

    item_id: str
    kind: ItemKind
    author_id: str | None
    text: str | None
    tags: list[str] | None
    category: str | None
    language: str | None
    region: str | None
    published_at: datetime
    updated_at: datetime
    removed_at: datetime | None


EXAMPLE_EVENT: dict[str, Any] = {
    "event_id": "view-8f14e45f",
    "user_id": "user-17",
    "item_id": "video-42",
    "kind": "view",
    "at": "2026-11-20T12:00:00Z",
    "watch_share": 0.85,
    "region": "DE",
}
EXAMPLE_ITEM: dict[str, Any] = {
    "item_id": "video-42",
    "author_id": "user-3",
    "text": "What nobody tells you about sourdough",
    "tags": ["baking", "bread"],
    "category": "food",
    "language": "en",
    "published_at": "2026-11-20T08:30:00Z",
}
