"""What is going on, read again and again by a thread, and handed to every request as one object.

While the database is away the last board stands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from models.recommendation.board import make_board
from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.question import EMPTY_BOARD, Board, Question
from models.recommendation.reading import BEFORE_VERSION, LIVE_ITEMS
from serving.experiments.ticker import Ticker
from serving.model_slot import ModelSlot, ServedModel

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


class BoardReader(Protocol):
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
    """Keeps :attr:`board`, and a model that knows of items younger than itself.

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
        self._engagement: Mapping[str, float] = {}
        self._engagement_at = -ENGAGEMENT_SECONDS
        self._items: dict[str, Row] = {}
        self._full_at = -FULL_SECONDS
        self._updated_at: datetime | None = None
        self._fresh_at = time.monotonic()
        self._ticker = Ticker("board-watcher", SECONDS, self.look)

    def predictor(self, model: ServedModel) -> Any:
        """The predictor of the served version, with the items that appeared since it was trained."""
        live = self._live
        return live[1] if live is not None and live[0] is model else model.predictor

    def look(self) -> None:
        """Read once. Raises DatabaseError; the last board stands then."""
        now, started = datetime.now(UTC), time.monotonic()
        if started - self._engagement_at >= ENGAGEMENT_SECONDS:
            self._engagement, self._engagement_at = self._database.engagement(now), started
        trending = self._database.trending()
        items = {row["id"]: row for row in self._database.newest(now)}
        missing = [one for one in {**trending, **self._engagement} if one not in items]
        items |= self._database.items(missing)
        board = make_board(map(_short, items.values()), trending, self._engagement)
        model, live = self._extended(now)
        self._warm(board, live, now)
        self.board, self._live = board, (model, live) if model is not None else None
        self._fresh_at = started

    def _extended(self, now: datetime) -> tuple[ServedModel | None, Any]:
        """The served version, and its predictor with what changed in the catalogue since it was trained."""
        model, before = self._slot.current, self._live
        same = before is not None and before[0] is model
        if not same or time.monotonic() - self._full_at >= FULL_SECONDS:
            changed = self._updated(_known_until(model, now))
            again = not same or changed != self._items
            news = list(changed.values()) if again else []
            predictor = before[1] if before is not None and not again else model.predictor if model else None
            self._items, self._full_at = changed, time.monotonic()
        else:
            changed = self._updated((self._updated_at or now) - OVERLAP)
            news = [row for one, row in changed.items() if self._items.get(one) != row]
            predictor = before[1] if before is not None else None
            self._items |= changed
        self._updated_at = now
        self.gone = frozenset(one.encode() for one, row in self._items.items() if row["removed"])
        return model, predictor.with_live(news) if predictor is not None and news else predictor

    def _updated(self, since: datetime) -> dict[str, Row]:
        return {row["id"]: row for row in self._database.updated(since, LIVE_ITEMS)}

    def _warm(self, board: Board, predictor: Any, now: datetime) -> None:
        """Let whoever answers make its own form of the board here, and not while a request waits."""
        question = Question(user_id="", at_us=int(now.timestamp() * 1e6), count=1)
        for one in (predictor, self._heuristic):
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
