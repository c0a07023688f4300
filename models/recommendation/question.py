"""A question to the recommender, and what an answer is made of. The same for a model and for the heuristic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: What can be recommended.
ITEM_KINDS = ("video", "post", "user")
#: Where a recommended item came from; each has a sentence in ``reasons.py``.
COLLABORATIVE, CONTENT, TRENDING, FOLLOWED, EXPLORATION, POPULAR = (
    "collaborative", "content", "trending", "followed", "exploration", "popular",
)  # fmt: skip
SOURCES = (COLLABORATIVE, CONTENT, TRENDING, FOLLOWED, EXPLORATION, POPULAR)


class Interaction(NamedTuple):
    """One interaction of the user: with which item, which kind, when (microseconds since 1970, UTC), and of a
    view, which share was watched.
    """

    item_id: str
    kind: str
    at_us: int
    watch_share: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what.

    Attributes:
        user_id: who it is for.
        at_us: the moment, in microseconds since 1970, UTC. Nothing later than it is known.
        history: the user's interactions, in any order; the options' ``history`` newest count, and what is in
            any of them has been seen.
        count: how many items.
        item_kind: of which kind.
        exclude: ids that must not come.
        language, region, category: of the context, where known; for users of whom little is known.
    """

    user_id: str
    at_us: int
    history: Sequence[Interaction] = ()
    count: int = 20
    item_kind: str = "video"
    exclude: frozenset[str] = frozenset()
    language: str | None = None
    region: str | None = None
    category: str | None = None


@dataclass(frozen=True, eq=False)
class Board:
    """What is going on, for all users: what trends now, and what was published and liked lately.

    A service reads it every few seconds and hands the same object to every question until the next one.

    Attributes:
        trending: item id -> how strongly it trends, in (0, 1].
        items: item id -> its description (``kind``, ``author_id``, ``text``, ``category``, ``language``,
            ``published_us``), of everything named here.
        newest: ids of the newest items, the newest first.
        engagement: item id -> weighted engagement of the last days.
        by_author: author -> ids of their newest items, the newest first.
    """

    trending: Mapping[str, float] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    newest: Sequence[str] = ()
    engagement: Mapping[str, float] = field(default_factory=dict)
    by_author: Mapping[str, Sequence[str]] = field(default_factory=dict)


EMPTY_BOARD = Board()
