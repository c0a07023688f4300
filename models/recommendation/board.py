"""What is going on, put together for the recommender out of what the platform read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from models.recommendation.question import Board

#: So many of the newest items, and of an author's newest, are told.
NEWEST, PER_AUTHOR = 2000, 30


def make_board(
    items: Iterable[Mapping[str, Any]],
    trending: Mapping[str, float],
    engagement: Mapping[str, float],
    *,
    newest: int = NEWEST,
    per_author: int = PER_AUTHOR,
) -> Board:
    """A board of these items; what was taken down is left out of all its parts.

    Args:
        items: with ``id``, ``kind``, ``author_id``, ``text``, ``category``, ``language``, ``published_us``, and
            maybe ``removed``; each id once.
        trending: item id -> how strongly it trends, of any size; put into (0, 1] by the strongest.
        engagement: item id -> weighted engagement of the last days.
        newest: at most so many ids stand in ``newest``.
        per_author: at most so many ids stand for one author.
    """
    known = {item["id"]: item for item in items if not item.get("removed")}
    ordered = sorted(known, key=lambda one: (-known[one]["published_us"], one))
    by_author: dict[str, list[str]] = {}
    for one in ordered:
        author = known[one].get("author_id")
        if author is not None and len(theirs := by_author.setdefault(author, [])) < per_author:
            theirs.append(one)
    strongest = max(trending.values(), default=1.0)
    return Board(
        trending={one: value / strongest for one, value in trending.items() if one in known and value > 0},
        items=known,
        newest=tuple(ordered[:newest]),
        engagement={one: value for one, value in engagement.items() if one in known},
        by_author=by_author,
    )
