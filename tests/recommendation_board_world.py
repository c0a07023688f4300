"""A small world to recommend from: sixty videos, some posts and users, and what goes on among them."""

from __future__ import annotations

from typing import Any

from models.recommendation.board import make_board
from models.recommendation.question import Board, Interaction, Question

#: 2026-11-20 12:00 UTC.
NOW_US = 1_795_176_000_000_000
DAY_US = 86_400_000_000
CATEGORIES = ("cooking", "sport", "music")
LANGUAGES = ("en", "de")


def video(number: int, **changed: Any) -> dict[str, Any]:
    """Video ``v<number>``: the higher the number, the older; authors a0 to a5, three categories."""
    return {
        "id": f"v{number}",
        "kind": "video",
        "author_id": f"a{number % 6}",
        "text": f"Video number {number}",
        "tags": [CATEGORIES[number % 3], f"tag{number % 5}"],
        "category": CATEGORIES[number % 3],
        "language": LANGUAGES[number % 2],
        "published_us": NOW_US - (number + 1) * DAY_US // 4,
        "removed": False,
    } | changed


def world_items() -> list[dict[str, Any]]:
    posts = [
        video(number, id=f"p{number}", kind="post", text=f"Post number {number}") for number in range(60, 66)
    ]
    users = [
        video(number, id=f"a{number}", kind="user", author_id=None, text=f"Author {number}", category=None)
        for number in range(6)
    ]
    return [*(video(number) for number in range(60)), *posts, *users]


def world_board() -> Board:
    """v7 trends most, then v20; v30 has the most engagement, then v5."""
    return make_board(
        world_items(), {"v7": 8.0, "v20": 4.0, "gone": 9.0}, {"v30": 400.0, "v5": 300.0, "v41": 90.0}
    )


def question(*history: Interaction, user_id: str = "u1", **changed: Any) -> Question:
    return Question(user_id=user_id, at_us=NOW_US, history=history, **changed)


def deed(item_id: str, kind: str = "like", days_ago: float = 1.0, share: float | None = None) -> Interaction:
    return Interaction(item_id, kind, NOW_US - int(days_ago * DAY_US), share)
