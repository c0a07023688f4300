"""What is going on, read again and again by a thread, and handed to every request as one object.

While the database is away the last board stands.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from config.errors import AssayError
from models.recommendation.board import make_board
from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.question import EMPTY_BOARD, Board, Question
from models.recommendation.reading import BEFORE_VERSION, LIVE_ITEMS
from serving.experiments.ticker import Ticker
from serving.model_slot import ModelSlot, ServedModel
from serving.recommendation_forgotten import ForgottenAuthors, ForgottenReader

logger = logging.getLogger(__name__)

SECONDS = 10.0
#: Engagement is read this often.
ENGAGEMENT_SECONDS = 60.0
#: All items that the model may not know are read this often, and between only those that changed lately.
FULL_SECONDS = 600.0
OVERLAP = timedelta(minutes=5)
#: Longer than a list is kept.
KEPT = timedelta(days=1)
STALE_SECONDS = 60.0
LONGEST_TEXT = 200
Row = dict[str, Any]


class BoardReader(ForgottenReader, Protocol):
    """The part of :class:`serving.recommendation_database.RecommendationDatabase` that is used here."""

    def trending(self) -> Mapping[str, float]:
        """Item -> how strongly it trends."""
        ...

    def engagement(self, now: datetime) -> Mapping[str, float]:
        """Item -> weighted engagement."""
        ...

    def newest(self, now: datetime) -> list[Row]:
        """The newest items."""
        ...

    def items(self, ids: list[str]) -> Mapping[str, Row]:
        """Items by id."""
        ...

    def updated(self, since: datetime, limit: int) -> list[Row]:
        """Items that changed."""
        ...


class BoardWatcher:
    """Keeps :attr:`board`, and a model that knows of items younger than itself, and of none of people who were
    forgotten since.

    Args:
        database: is read.
        slot: holds the served version.
        heuristic: answers without one.
    """

    def __init__(self, database: BoardReader, slot: ModelSlot, heuristic: HeuristicPredictor) -> None:
        #: What is going on; replaced as a whole.
        self.board: Board = EMPTY_BOARD
        self._database = database
        self._slot = slot
        self._heuristic = heuristic
        #: Ids of items that were taken down lately.
        self.gone: frozenset[bytes] = frozenset()
        self._live: tuple[ServedModel, Any] | None = None
        #: The same of a version that is about to be put in service.
        self._next: tuple[ServedModel, Any] | None = None
        #: The same of a version that is tried beside the one in service.
        self._tried: tuple[ServedModel, Any] | None = None
        #: Items that changed since the look before.
        self._news: list[Row] = []
        self._forgotten = ForgottenAuthors(database)
        self._untold = False
        #: Called when somebody was forgotten and what answers here knows it: lists that are kept do not.
        self.on_forgotten: Callable[[], None] = lambda: None
        self._engagement: Mapping[str, float] = {}
        self._engagement_at = -ENGAGEMENT_SECONDS
        self._items: dict[str, Row] = {}
        self._full_at = -FULL_SECONDS
        self._updated_at: datetime | None = None
        self._fresh_at = time.monotonic()
        self._lock = threading.Lock()
        self._ticker = Ticker("board-watcher", SECONDS, self.look)
        slot.before, slot.before_rollout = self.prepare, self.prepare_tried

    def predictor(self, model: ServedModel) -> Any:
        """The predictor of a version that answers, with the items that appeared since it was trained."""
        live = self._live_of(model)
        return model.predictor if live is None else live[1]

    def prepare(self, model: ServedModel) -> None:
        """Let a version know what it must before it answers anybody. Never raises: while the database is away
        it is told what was known last.
        """
        with self._lock:
            try:
                self._untold |= self._forgotten.look()
                live = self._extended(model, datetime.now(UTC))
            except Exception as error:
                said = "version %s is told what was known last of items: %s"
                logger.warning(said, model.version, error, exc_info=not isinstance(error, AssayError))
                self._full_at = -FULL_SECONDS
                live = self._last_known(model.predictor)
            self._next = model, live

    def prepare_tried(self, model: ServedModel) -> None:
        """The same of a version that is to be tried: it is told what is known of items now. Never raises: while
        the database is away, who was forgotten is asked at the next look.
        """
        with self._lock:
            try:
                self._tried = model, self._told(model.predictor)
            except Exception as error:
                said = "version %s is told what was known last of items: %s"
                logger.warning(said, model.version, error, exc_info=not isinstance(error, AssayError))
                self._tried = model, self._extend_tried(model.predictor, list(self._items.values()))
                self._untold = True

    def _told(self, predictor: Any) -> Any:
        rows = self._items | self._forgotten.items_of(predictor)
        return self._extend_tried(predictor, list(rows.values()))

    def _extend_tried(self, predictor: Any, rows: list[Row]) -> Any:
        try:
            return predictor.with_live(rows) if rows else predictor
        except Exception:
            logger.exception("a version that is tried could not be told of items")
            return predictor

    def _tell_tried(self, now: datetime) -> None:
        """Let the version that is tried know what changed, or let it go."""
        rollout, tried = self._slot.rollout, self._tried
        if rollout is None:
            # one that was prepared a moment ago is about to be tried
            if tried is not None and now - tried[0].since > timedelta(seconds=STALE_SECONDS):
                self._tried = None
        elif tried is None or tried[0] is not rollout.model or self._untold:
            self._tried = rollout.model, self._told(rollout.model.predictor)
        elif self._news:
            self._tried = tried[0], self._extend_tried(tried[1], self._news)

    def look(self) -> None:
        """Read once. Raises DatabaseError; the last board stands then."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        now, started = datetime.now(UTC), time.monotonic()
        if started - self._engagement_at >= ENGAGEMENT_SECONDS:
            self._engagement, self._engagement_at = self._database.engagement(now), started
        self._untold |= self._forgotten.look()
        trending = self._database.trending()
        items = {row["id"]: row for row in self._database.newest(now)}
        missing = [one for one in {**trending, **self._engagement} if one not in items]
        items |= self._database.items(missing)
        items = self._forgotten.taken_down(items)
        board = make_board(map(_short, items.values()), trending, self._engagement)
        # one that was prepared is in service by the end of this
        model = self._next[0] if self._next is not None else self._slot.current
        live = self._extended(model, now)
        self._tell_tried(now)
        self._warm(board, [live, self._tried[1] if self._tried else None], now)
        self.board, self._live = board, (model, live) if model is not None else None
        self._next = None
        self._fresh_at = started
        if self._untold:
            self._untold = False
            self.on_forgotten()

    def _last_known(self, predictor: Any) -> Any:
        try:
            return predictor.with_live(list(self._items.values())) if self._items else predictor
        except Exception:
            logger.exception("a version could not be told of items")
            return predictor

    def _live_of(self, model: ServedModel | None) -> tuple[ServedModel, Any] | None:
        for live in (self._live, self._next, self._tried):
            if live is not None and live[0] is model:
                return live
        return None

    def _extended(self, model: ServedModel | None, now: datetime) -> Any:
        """The predictor of a version with what changed in the catalogue since it was trained."""
        before = self._live_of(model)
        same = before is not None
        if not same or time.monotonic() - self._full_at >= FULL_SECONDS:
            changed = self._updated(_known_until(model, now), model)
            again = not same or changed != self._items
            news = list(changed.values()) if again else []
            predictor = before[1] if before is not None and not again else model.predictor if model else None
            self._items, self._full_at = changed, time.monotonic()
        else:
            changed = self._updated((self._updated_at or now) - OVERLAP, model)
            news = [row for one, row in changed.items() if self._items.get(one) != row]
            predictor = before[1] if before is not None else None
            self._items |= changed
        self._updated_at, self._news = now, news
        self.gone = frozenset(one.encode() for one, row in self._items.items() if row["removed"])
        return predictor.with_live(news) if predictor is not None and news else predictor

    def _updated(self, since: datetime, model: ServedModel | None) -> dict[str, Row]:
        """Items that changed since then; those of forgotten people that are known already, as taken down."""
        rows = {row["id"]: row for row in self._database.updated(since, LIVE_ITEMS)}
        known = self.predictor(model) if model is not None else None
        return self._forgotten.taken_down(rows) | self._forgotten.items_of(known)

    def _warm(self, board: Board, predictors: list[Any], now: datetime) -> None:
        """Let whoever answers make its own form of the board here, and not while a request waits."""
        question = Question(user_id="", at_us=int(now.timestamp() * 1e6), count=1)
        for one in (*predictors, self._heuristic):
            try:
                if one is not None:
                    one.recommend(question, board)
            except Exception:
                logger.exception("what is going on could not be prepared")

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        if time.monotonic() - self._fresh_at <= STALE_SECONDS:
            return []
        return ["what trends and what is new is as it was a while ago: the database does not tell it"]

    def start(self) -> None:
        """Look once, and begin to watch. Never raises."""
        self._ticker.tick()
        self._ticker.start()

    def stop(self) -> None:
        """End the thread."""
        self._ticker.stop(timeout=0.5)


def _short(item: Row) -> Row:
    """An item as a board has it: of its text what a reason quotes."""
    text = item["text"]
    return item if text is None or len(text) <= LONGEST_TEXT else item | {"text": text[:LONGEST_TEXT]}


def _known_until(model: ServedModel | None, now: datetime) -> datetime:
    """Before this moment the version knows the catalogue; without one, what lists that are kept may hold."""
    if model is None:
        return now - KEPT
    try:
        made = datetime.fromisoformat(str(model.facts["created_at"]))
    except (KeyError, ValueError):
        made = now - timedelta(days=30)
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) - BEFORE_VERSION
