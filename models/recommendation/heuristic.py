"""What answers without a model: a feed out of what is new, liked and followed, by rules.

It reads the board alone, so that it answers for every user from the first day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from models.recommendation.diversity import spread
from models.recommendation.likeness import likeness
from models.recommendation.options import RecommendationOptions
from models.recommendation.person import Person
from models.recommendation.question import (
    CONTENT,
    EMPTY_BOARD,
    EXPLORATION,
    FOLLOWED,
    POPULAR,
    TRENDING,
    Board,
    Question,
)
from models.recommendation.ranked_board import RankedBoard, RankedBoards
from models.recommendation.reasons import UNKNOWN, alike, reason

#: The score of a rank is a place: this many decimals tell 1,000 apart.
_DECIMALS = 4
#: Candidates for each item of a list, so that runs of one author can be broken.
_SPARE = 4
_LEAST = 60
#: Items with less weighted engagement than this are new to almost everybody.
FEW = 10.0
Found = tuple[str, str]


class HeuristicPredictor:
    """Answers in the form of the model.

    Followed authors and what fits the person come first, in that order; trending items and, where engagement
    orders the rest, items that few have seen are mixed in at fixed places, as often as the options' shares say.
    A score tells the place in the list, from 1 down: items of different sources have no measure in common.

    Args:
        options: of the family; its shares, its window of what was seen, and its longest run of an author.
    """

    def __init__(self, options: RecommendationOptions) -> None:
        self.options = options
        self._boards = RankedBoards(options.half_life)
        self._trend_every = _every(options.mix[2])
        self._explore_every = _every(options.exploration)

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"family": "recommendation", "kind": "heuristic", "options": self.options.describe()}

    def recommend(
        self,
        question: Question,
        board: Board = EMPTY_BOARD,
        *,
        personalized: bool = True,
        engagement: bool = True,
    ) -> list[dict[str, Any]]:
        """At most ``question.count`` items, the best first.

        Args:
            question: who asks for what.
            board: what is going on.
            personalized: followed authors and own categories come first; else everybody gets the same, less
                what they have seen.
            engagement: ordered by engagement that halves with age; else the newest first.
        """
        ranked = self._boards.of(board)
        person = Person.of(question, board, self.options)
        found = list(
            islice(
                self._mixed(question, ranked, person, personalized, engagement),
                max(_LEAST, _SPARE * question.count),
            )
        )
        authors = [board.items[one].get("author_id") for one, _ in found]
        order = spread(range(len(found)), authors, self.options.author_run, question.count)
        return [
            self._entry(*found[at], _place(place, question.count), board, question, person)
            for place, at in enumerate(order)
        ]

    def rank(
        self,
        question: Question,
        items: Sequence[str],
        board: Board = EMPTY_BOARD,
        *,
        personalized: bool = True,
        engagement: bool = True,
    ) -> list[dict[str, Any]]:
        """Every id of ``items`` once, the best first; what the board does not know comes last, without a score.

        Seen and excluded items are ranked as all others are: the caller chose them.
        """
        ranked = self._boards.of(board)
        person = Person.of(question, board, self.options)
        asked = list(dict.fromkeys(items))
        known = [one for one in asked if one in board.items]
        sources = {one: self._source(one, ranked, person, personalized) for one in known}
        value = ranked.value if engagement else ranked.age_value
        known.sort(key=lambda one: (-_TIERS[sources[one]], -value(one), one))
        entries = [
            self._entry(one, sources[one], _place(place, len(known)), board, question, person)
            for place, one in enumerate(known)
        ]
        return entries + [_unknown(one) for one in asked if one not in board.items]

    def similar(
        self, item_id: str, count: int, item_kind: str | None = None, board: Board = EMPTY_BOARD
    ) -> list[dict[str, Any]] | None:
        """Items with most in common with ``item_id`` (tags, author, category, language); None: not known."""
        origin = board.items.get(item_id)
        if origin is None:
            return None
        ranked = self._boards.of(board)
        kind = item_kind or origin["kind"]
        scored = [
            (likeness(origin, board.items[one]), one) for one in ranked.engaged.get(kind, ()) if one != item_id
        ]
        best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])[:count]
        why = alike(CONTENT, origin.get("text"))
        return [
            _facts(one, board.items[one], round(score, _DECIMALS), CONTENT, why, None) for score, one in best
        ]

    def _mixed(
        self, question: Question, ranked: RankedBoard, person: Person, personalized: bool, engagement: bool
    ) -> Iterator[Found]:
        """Candidates in order, each once: the main feed with trending and new ones between."""
        taken: set[str] = set()
        kind = question.item_kind

        def usable(ids: Iterable[str], source: str | None = None) -> Iterator[Found]:
            for one in ids:
                item = ranked.board.items[one]
                if one not in taken and not person.is_out(one, item) and item["published_us"] <= question.at_us:
                    yield one, source or self._plain_source(one, ranked)

        order = (ranked.engaged if engagement else ranked.newest).get(kind, ())
        main = usable(order)
        if personalized:
            followed = usable(ranked.of_authors(person.follows, kind), FOLLOWED)
            own = usable((one for one in order if person.likes(ranked.board.items[one])), CONTENT)
            main = _chain(followed, own, usable(person.own_language_first(order, ranked.board)))
        trending = usable(ranked.trending.get(kind, ()), TRENDING)
        fresh = usable(one for one in ranked.newest.get(kind, ()) if ranked.engagement(one) < FEW)
        place = 0
        while True:
            place += 1
            turn = main
            if self._trend_every and place % self._trend_every == self._trend_every // 2:
                turn = trending
            elif engagement and self._explore_every and place % self._explore_every == 0:
                turn = fresh
            found = next(turn, None) or next(main, None) or next(trending, None)
            if found is None:
                return
            taken.add(found[0])
            yield found

    def _source(self, one: str, ranked: RankedBoard, person: Person, personalized: bool) -> str:
        item = ranked.board.items[one]
        if personalized and item.get("author_id") in person.follows:
            return FOLLOWED
        if personalized and person.likes(item):
            return CONTENT
        return TRENDING if one in ranked.board.trending else self._plain_source(one, ranked)

    @staticmethod
    def _plain_source(one: str, ranked: RankedBoard) -> str:
        return POPULAR if ranked.engagement(one) >= FEW else EXPLORATION

    @staticmethod
    def _entry(
        one: str, source: str, score: float, board: Board, question: Question, person: Person
    ) -> dict[str, Any]:
        item = board.items[one]
        because = person.because(item) if source == CONTENT else None
        if source == CONTENT and because is None:  # it fits the context, not a deed
            source = POPULAR
        said = reason(
            source,
            kind=because.kind if because else None,
            title=board.items.get(because.item_id, {}).get("text") if because else None,
            category=item.get("category") if source in (TRENDING, POPULAR) else None,
            language=question.language or item.get("language") if source in (TRENDING, POPULAR) else None,
        )
        cause = {"item_id": because.item_id, "kind": because.kind} if because else None
        return _facts(one, item, score, source, said, cause)


_TIERS = {FOLLOWED: 3, CONTENT: 2, TRENDING: 1, POPULAR: 0, EXPLORATION: 0}


def _every(share: float) -> int:
    """Each which place a share of the list is; 0: none."""
    return max(2, round(1 / share)) if share > 0 else 0


def _place(place: int, count: int) -> float:
    return round(1 - place / max(count, 1), _DECIMALS)


def _chain(*parts: Iterator[Found]) -> Iterator[Found]:
    for part in parts:
        yield from part


def _facts(
    one: str, item: Mapping[str, Any], score: float, source: str, said: str, because: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "id": one,
        "kind": item["kind"],
        "score": score,
        "source": source,
        "reason": said,
        "because": because,
        "author_id": item.get("author_id"),
    }


def _unknown(one: str) -> dict[str, Any]:
    return {
        "id": one,
        "kind": None,
        "score": None,
        "source": UNKNOWN,
        "reason": reason(UNKNOWN),
        "because": None,
        "author_id": None,
    }
