"""Lists ahead: what users of the last days would be recommended now, stored for the services."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from config.errors import InputError, ModelInvalid
from config.settings import Settings
from models.recommendation.board import make_board
from models.recommendation.predictor import RecommendationPredictor
from models.recommendation.question import ITEM_KINDS, Board, Question
from models.recommendation.reading import BEFORE_VERSION, LIVE_ITEMS, described, interactions, moment_us
from registry.records import LoadedModel
from storage.events import active_users, history
from storage.items import items
from storage.recommendation_board import updated_items
from storage.recommendation_lists import MadeList, Saved, prune_lists, save_lists
from storage.trending import trend_scores
from tasks.platform import platform
from tasks.policy import networked
from tasks.runtime import now
from tasks.training import Champion

#: So many users at a time: their histories and lists are in memory together, some 100 KB for each at most.
BLOCK = 500
#: One run makes the lists of so many users, for so long; the next one begins an hour later.
MOST_USERS, MOST_SECONDS = 200_000, 3000.0
#: Lists of users for whom none are made any more are kept for so long.
KEPT = dt.timedelta(days=2)
#: So many of what trends of each kind.
TRENDING = 300
MOST_ITEMS = 200
Clock = Callable[[], dt.datetime]


@dataclass(frozen=True)
class Maker:
    """Who makes lists, of what, and how long they are."""

    predictor: RecommendationPredictor
    board: Board
    item_kinds: Sequence[str]
    count: int

    def lists(
        self, users: Sequence[str], histories: Mapping[str, Sequence[Any]], moment: dt.datetime
    ) -> list[MadeList]:
        """A list of each kind for each user; some may be empty."""
        made, at_us = [], moment_us(moment)
        for user in users:
            known = interactions(histories.get(user, ()))
            for kind in self.item_kinds:
                question = Question(user, at_us, known, self.count, kind)
                entries = self.predictor.recommend(question, self.board)
                people = [_people(entry, self.predictor) for entry in entries]
                made.append(MadeList(user, kind, entries, people))
        return made


@dataclass
class Tally:
    """What one run did. ``sources``: entries of lists by where they came from. ``left_out``: lists by why they
    were not written; users for whom there was no time or no room count as one list each.
    """

    users: int = 0
    lists: int = 0
    entries: int = 0
    without_history: int = 0
    forgotten_entries: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, users: int, strangers: int, made: Sequence[MadeList], saved: Saved) -> None:
        """Count the users of a block, those without a history, what was made, and what became of it."""
        self.users += users
        self.without_history += strangers
        self.lists += saved.written
        self.forgotten_entries += saved.entries
        empty = sum(not one.items for one in made)
        self.left_out.update(
            {"forgotten": saved.forgotten, "newer": saved.newer, "nothing to recommend": empty}
        )
        for one in made:
            self.entries += len(one.items)
            self.sources.update(entry["source"] for entry in one.items)


def nothing_to_ask(champion: Champion) -> str | None:
    """Why no lists can be made, where that is no failure: None where a version is in production.

    Raises:
        ModelInvalid: the version in production is damaged.
    """
    if champion.version is None:
        return "No version is in production: the service answers by its heuristic, which needs no lists."
    if champion.model is None:
        raise ModelInvalid(champion.problem)
    return None


@networked("refresh lists")
def refresh_lists(
    champion: Champion, user_ids: list[str] | None, item_kinds: list[str], count: int
) -> dict[str, Any]:
    """Make and store the lists, by :func:`refresh`."""
    if champion.model is None:
        raise ModelInvalid(champion.problem)
    with platform() as parts:
        return refresh(parts.engine, parts.settings, champion.model, now, user_ids, item_kinds, count)


def refresh(
    engine: Engine,
    settings: Settings,
    model: LoadedModel,
    clock: Clock,
    user_ids: Sequence[str] | None = None,
    item_kinds: Sequence[str] = ("video",),
    count: int = 50,
) -> dict[str, Any]:
    """Store a list of each kind for each user, block by block; those of an earlier moment make room.

    Args:
        engine: the platform's database.
        settings: how long somebody counts as active, and how long a history is.
        model: the version that is asked.
        clock: tells the time; a block is of the moment that its histories are read.
        user_ids: whose; None: of users who were active lately, and then old lists of others go.
        item_kinds: of which kinds.
        count: how many items at most.

    Returns:
        Figures: ``version``, ``as_of``, ``users``, ``lists``, ``entries``, ``without_history``, ``sources``
        (entries of lists), ``left_out`` (lists by reason), ``forgotten_entries``, ``pruned``, ``live_items``
        (told to the version beside what it learned from), ``seconds`` and ``users_a_second``.

    Raises:
        InputError: there is no such kind, or ``count`` is out of bounds.
        DatabaseUnavailable: the server cannot be reached.
    """
    _check(item_kinds, count)
    began, as_of, tally = time.monotonic(), clock(), Tally()
    users = _users(engine, settings, as_of, user_ids, tally)
    predictor, live = _with_live(engine, model)
    maker = Maker(predictor, _board(engine, item_kinds), list(dict.fromkeys(item_kinds)), count)
    for block in _blocks(users, tally, began):
        moment, histories = clock(), history(engine, block, limit=predictor.options.remembered)
        made = maker.lists(block, histories, moment)
        filled = [one for one in made if one.items]
        saved = save_lists(engine, filled, moment, model.version.version, settings=settings)
        tally.add(len(block), len(block) - len(histories), made, saved)
    pruned = prune_lists(engine, as_of - KEPT) if user_ids is None else 0
    seconds = time.monotonic() - began
    return {
        "version": model.version.version,
        "as_of": as_of.isoformat(),
        "users": tally.users,
        "lists": tally.lists,
        "entries": tally.entries,
        "without_history": tally.without_history,
        "sources": dict(tally.sources.most_common()),
        "left_out": {reason: lists for reason, lists in sorted(tally.left_out.items()) if lists},
        "forgotten_entries": tally.forgotten_entries,
        "pruned": pruned,
        "live_items": live,
        "seconds": round(seconds, 2),
        "users_a_second": round(tally.users / max(seconds, 1e-9), 1),
    }


def _check(item_kinds: Sequence[str], count: int) -> None:
    strange = [kind for kind in item_kinds if kind not in ITEM_KINDS]
    if strange:
        raise InputError(
            f"There are no items of the kind '{strange[0]}'.", hint=f"Kinds: {', '.join(ITEM_KINDS)}."
        )
    if not 1 <= count <= MOST_ITEMS:
        raise InputError(f"A list of {count} items is not made.", hint=f"Ask for 1 to {MOST_ITEMS}.")


def _users(
    engine: Engine, settings: Settings, as_of: dt.datetime, user_ids: Sequence[str] | None, tally: Tally
) -> list[str]:
    if user_ids is not None:
        return list(dict.fromkeys(user_ids))
    since = as_of - dt.timedelta(days=settings.recommendation_active_days)
    found = active_users(engine, since, MOST_USERS + 1)
    if len(found) > MOST_USERS:
        tally.left_out["too many users"] = 1
    return found[:MOST_USERS]


def _blocks(users: Sequence[str], tally: Tally, began: float) -> Iterator[Sequence[str]]:
    """The users, those who were active last first, as long as there is time."""
    for start in range(0, len(users), BLOCK):
        if time.monotonic() - began > MOST_SECONDS:
            tally.left_out["no time"] = len(users) - start
            return
        yield users[start : start + BLOCK]


def _with_live(engine: Engine, model: LoadedModel) -> tuple[RecommendationPredictor, int]:
    """The version with what changed in the catalogue since it was trained, as the service knows it."""
    predictor = model.predictor
    if not isinstance(predictor, RecommendationPredictor):
        raise ModelInvalid(f"Version {model.version.version} is no recommender.")
    changed = updated_items(engine, model.version.created_at - BEFORE_VERSION, LIVE_ITEMS)
    known = len(predictor.catalogue)
    if changed:
        predictor = predictor.with_live([described(row) for row in changed])
    return predictor, len(predictor.catalogue) - known


def _board(engine: Engine, item_kinds: Sequence[str]) -> Board:
    trending: dict[str, float] = {}
    for kind in item_kinds:
        trending |= trend_scores(engine, kind, TRENDING)
    return make_board(map(described, items(engine, list(trending)).values()), trending, {})


def _people(entry: dict[str, Any], predictor: RecommendationPredictor) -> frozenset[str]:
    """Whom an entry names: its author, the user that it is, and the author of what speaks for it."""
    named = {entry["author_id"]}
    if entry["kind"] == "user":
        named.add(entry["id"])
    if entry["because"] is not None:
        names = predictor.catalogue
        place = names.places[entry["because"]["item_id"]]
        named.add(names.author_names.value(int(names.authors[place])))
        if ITEM_KINDS[names.kinds[place]] == "user":
            named.add(names.ids[place])
    return frozenset(one for one in named if one is not None)
