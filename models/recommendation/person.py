"""What a question's history says of the person, as far as a board knows its items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from models.recommendation.options import RecommendationOptions
from models.recommendation.question import Board, Interaction, Question

#: So many categories are a person's own.
CATEGORIES = 3


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        user_id: who it is.
        out: ids that must not come: excluded, seen within the window, followed already.
        follows: authors whom they follow.
        categories: category -> the deed that says most for it (None: the question's context does).
        language: of the context, or the one of most of what they did; None: not known.
    """

    user_id: str
    out: frozenset[str]
    follows: frozenset[str]
    categories: Mapping[str, Interaction | None] = field(default_factory=dict)
    language: str | None = None

    @classmethod
    def of(cls, question: Question, board: Board, options: RecommendationOptions) -> Person:
        """The person who asks. Interactions later than the question's moment are not known to it."""
        known = [deed for deed in question.history if deed.at_us <= question.at_us]
        known.sort(key=lambda deed: -deed.at_us)
        deeds = known[: options.history]
        since = question.at_us - options.seen.total_seconds() * 1e6
        follows = frozenset(_author(deed.item_id, board) for deed in known if deed.kind == "follow")
        seen = {deed.item_id for deed in known if deed.at_us > since}
        taste: dict[str, float] = {}
        best: dict[str, tuple[float, Interaction]] = {}
        languages: dict[str, float] = {}
        for deed in deeds:
            item = board.items.get(deed.item_id)
            if item is None:
                continue
            weight = _weight(deed, question.at_us, options)
            if category := item.get("category"):
                taste[category] = taste.get(category, 0.0) + weight
                if weight > best.get(category, (0.0,))[0]:
                    best[category] = (weight, deed)
            if language := item.get("language"):
                languages[language] = languages.get(language, 0.0) + weight
        own: dict[str, Interaction | None] = {} if question.category is None else {question.category: None}
        liked = sorted((one for one in taste if taste[one] > 0), key=lambda one: (-taste[one], one))
        for category in liked[:CATEGORIES]:
            own[category] = best[category][1] if category in best else None
        spoken = max(languages, key=lambda one: (languages[one], one), default=None)
        return cls(
            question.user_id,
            question.exclude | seen | follows,
            follows,
            own,
            question.language or spoken,
        )

    def is_out(self, one: str, item: Mapping[str, Any]) -> bool:
        """Whether the item must not come: it is out, or their own, or they themselves."""
        return one in self.out or one == self.user_id or item.get("author_id") == self.user_id

    def likes(self, item: Mapping[str, Any]) -> bool:
        """Whether it is of a category of theirs, in a language of theirs or in none."""
        return item.get("category") in self.categories and self.understands(item)

    def understands(self, item: Mapping[str, Any]) -> bool:
        """Whether it is in their language, as far as both are known."""
        return self.language is None or item.get("language") in (None, self.language)

    def because(self, item: Mapping[str, Any]) -> Interaction | None:
        """The deed that speaks for an item that they like."""
        category = item.get("category")
        return self.categories.get(category) if category else None

    def own_language_first(self, order: Sequence[str], board: Board) -> Iterator[str]:
        """The order, with what they do not understand at its end."""
        if self.language is None:
            return iter(order)
        return chain(
            (one for one in order if self.understands(board.items[one])),
            (one for one in order if not self.understands(board.items[one])),
        )


def _author(item_id: str, board: Board) -> str:
    """Whom a follow is of: the user with that id, or the author of the item with it."""
    item = board.items.get(item_id)
    if item is None or item["kind"] == "user":
        return item_id
    return str(item.get("author_id") or item_id)


def _weight(deed: Interaction, at_us: int, options: RecommendationOptions) -> float:
    """What the deed says: its kind's weight, a view's times the watched share, halved by each half-life."""
    share = deed.watch_share if deed.kind == "view" and deed.watch_share is not None else 1.0
    age = (at_us - deed.at_us) / (options.half_life.total_seconds() * 1e6)
    return float(options.weights.get(deed.kind, 0.0) * share * 0.5**age)
