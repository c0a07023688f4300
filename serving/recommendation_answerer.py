"""Who answers a user: the served version, a list that was made ahead, or the heuristic; and their answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from config.errors import DatabaseUnavailable
from models.recommendation.diversity import spread
from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.question import Question
from models.recommendation.reasons import reason
from serving.flags import FlagWatcher
from serving.lookup import Lookup
from serving.model_slot import ModelSlot
from serving.recommendation_board import BoardWatcher
from serving.recommendation_experiment import Choice, Chooser
from serving.shadow import Asked
from serving.trial import Trial

if TYPE_CHECKING:
    from storage.recommendation_lists import StoredList

logger = logging.getLogger(__name__)

MODEL, HEURISTIC, PRECOMPUTED = "model", "heuristic", "precomputed"
ML, PERSONALIZED, ENGAGEMENT = "mlRecommendations", "personalizedFeed", "engagementRanking"
#: Lists are made ahead each hour; one that is older tells that this has stopped.
LIST_AGE = timedelta(hours=6)
PATIENCE_SECONDS, FRESH_SECONDS, STALE_SECONDS = 0.1, 30.0, 3600.0
Entry = dict[str, Any]


class ListReader(Protocol):
    """The part of :class:`serving.recommendation_database.RecommendationDatabase` that is used here."""

    def lists(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], StoredList]:
        """Lists that were computed ahead, of (user, kind of item)."""
        ...


@dataclass(frozen=True, slots=True)
class Who:
    """Who answers one request, from its beginning to its end.

    Attributes:
        by: model, heuristic or precomputed.
        version: registry version, or ``heuristic``.
        predictor: of the version.
        flags: whether each flag is on for the user.
        choice: the decision of an experiment that this follows.
        instead: who answers where this one, which is only tried, fails.
    """

    by: str
    version: str
    predictor: Any
    flags: Mapping[str, bool]
    choice: Choice | None = None
    instead: Who | None = None

    @property
    def key(self) -> str:
        """Stands for it in the key of a kept answer."""
        flags = "".join("01"[on] for on in self.flags.values())
        return f"{self.by}|{self.version}|{flags}|{self.choice.decision_id if self.choice else ''}"


@dataclass(frozen=True, slots=True)
class Answered:
    """Items, and who gave them in the end."""

    items: list[Entry] = field(default_factory=list)
    by: str = HEURISTIC
    version: str = HEURISTIC


class Answerer:
    """Chooses who answers, and asks them."""

    def __init__(
        self,
        slot: ModelSlot,
        board: BoardWatcher,
        flags: FlagWatcher,
        heuristic: HeuristicPredictor,
        chooser: Chooser,
        database: ListReader,
        pool: Executor,
        trial: Trial,
    ) -> None:
        self._slot = slot
        self._trial = trial
        self._board = board
        self._flags = flags
        self._heuristic = heuristic
        self._chooser = chooser
        self._lists: Lookup[tuple[str, str], StoredList] = Lookup(
            database.lists,
            pool,
            fresh_seconds=FRESH_SECONDS,
            stale_seconds=STALE_SECONDS,
            patience=PATIENCE_SECONDS,
        )

    @property
    def gone(self) -> frozenset[bytes]:
        """Ids of items that were taken down lately."""
        return self._board.gone

    async def who(self, user_id: str, *, decide: bool = True) -> Who:
        """Who answers this user now; without ``decide`` no experiment is asked, and a decision that is
        remembered is followed.
        """
        flags, model = self._flags.current.for_user(user_id), self._slot.current
        if not flags[ML]:
            return Who(HEURISTIC, HEURISTIC, self._heuristic, flags)
        if model is None:
            return Who(PRECOMPUTED, PRECOMPUTED, self._heuristic, flags)
        # with the version, before anything is awaited: of one that was replaced the board keeps none, and what
        # it was trained with holds items that were taken down since
        predictor = self._board.predictor(model)
        choice = None
        if self._chooser.active:
            choice = self._chooser.known(user_id)
            if choice is None and decide:
                choice = await self._chooser.choose(user_id)
        if choice is not None and choice.variant == HEURISTIC:
            return Who(HEURISTIC, HEURISTIC, self._heuristic, flags, choice)
        served = Who(MODEL, model.version, predictor, flags, choice)
        rollout = self._slot.rollout
        if rollout is None or not self._trial.takes(rollout, user_id):
            return served
        tried = rollout.model
        return Who(MODEL, tried.version, self._board.predictor(tried), flags, choice, served)

    def recommend_now(self, who: Who, question: Question) -> Answered:
        """Items for a user, by the version or by the heuristic; the latter also where the former fails."""
        if who.by == MODEL:
            try:
                return Answered(who.predictor.recommend(question, self._board.board), MODEL, who.version)
            except Exception:
                if who.instead is not None:
                    logger.exception("version %s, which is tried, failed to answer", who.version)
                    return self.recommend_now(who.instead, question)
                logger.exception("version %s failed to answer, the heuristic answers", who.version)
        items = self._heuristic.recommend(
            question,
            self._board.board,
            personalized=who.flags[PERSONALIZED],
            engagement=who.flags[ENGAGEMENT],
        )
        return Answered(items)

    async def recommend(self, who: Who, question: Question) -> Answered:
        """The same; while there is no version, out of the list that was made ahead, where one is fresh."""
        if who.by == PRECOMPUTED and (found := await self._made_ahead(question)):
            return found
        return self.recommend_now(who, question)

    def rank(self, who: Who, question: Question, items: Sequence[str]) -> Answered:
        """Items in order."""
        board = self._board.board
        if who.by == MODEL:
            try:
                return Answered(who.predictor.rank(question, items, board), MODEL, who.version)
            except Exception:
                if who.instead is not None:
                    logger.exception("version %s, which is tried, failed to rank", who.version)
                    return self.rank(who.instead, question, items)
                logger.exception("version %s failed to rank, the heuristic answers", who.version)
        return Answered(
            self._heuristic.rank(
                question,
                items,
                board,
                personalized=who.flags[PERSONALIZED],
                engagement=who.flags[ENGAGEMENT],
            )
        )

    def judge_tried(
        self, who: Who, asked: Asked, question: Question, answered: Answered, *, ranked: bool
    ) -> None:
        """While a version is tried: count what a canary did, or have a shadow asked the same, unseen.

        Args:
            who: who was to answer.
            asked: the question as it is recorded.
            question: it.
            answered: the answer that was given.
            ranked: items were given, to be put in order. A shadow is not asked that: every version answers
                with the same items, so that there is nothing to compare.
        """
        rollout = self._slot.rollout
        if rollout is None or who.by != MODEL:
            return
        if who.instead is not None:
            self._trial.count(rollout, answered.version == who.version)
            return
        if ranked:
            return
        model, board = rollout.model, self._board

        def ask(_predictor: Any, _places: list[int]) -> list[Entry]:
            found = board.predictor(model).recommend(question, board.board)
            return [{"items": [one["id"] for one in found], "sources": [one["source"] for one in found]}]

        self._trial.unseen(rollout, [asked], ask)

    async def _made_ahead(self, question: Question) -> Answered | None:
        """What is left of the stored list: what was seen since, excluded or taken down does not come."""
        key = (question.user_id, question.item_kind)
        try:
            stored = (await self._lists.get([key]))[key]
        except DatabaseUnavailable:
            return None
        if stored is None or datetime.now(UTC) - stored.made_at > LIST_AGE:
            return None
        out = question.exclude | {one.item_id for one in question.history}
        items = [
            self._entry(one, question)
            for one in stored.items
            if one["id"] not in out and one["id"].encode() not in self.gone
        ]
        order = spread(
            range(len(items)),
            [one["author_id"] for one in items],
            self._heuristic.options.author_run,
            question.count,
        )
        if not order:
            return None
        return Answered([items[at] for at in order], PRECOMPUTED, stored.model_version)

    def _entry(self, one: Mapping[str, Any], question: Question) -> Entry:
        item = self._board.board.items.get(one["id"], {})
        source = str(one.get("source") or "popular")
        return {
            "id": one["id"],
            "kind": one.get("kind") or question.item_kind,
            "score": one.get("score"),
            "source": source,
            "reason": one.get("reason") or reason(source),
            "because": one.get("because"),
            "author_id": one.get("author_id") or item.get("author_id"),
        }
