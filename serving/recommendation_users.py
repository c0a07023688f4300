"""What users did lately: in memory, read when they ask, and told at once of what is posted to this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, Protocol

from config.errors import DatabaseUnavailable
from models.recommendation.question import Interaction
from serving.lookup import Lookup

#: Memory is bounded by both: an interaction takes some 250 bytes.
MAX_USERS, MAX_INTERACTIONS = 100_000, 2_000_000
#: A request waits this long for the database at most, and is answered without.
PATIENCE_SECONDS = 0.15
#: What was read is as the database has it while the watcher of acts looks; without it, for this long.
WATCHED_SECONDS, FRESH_SECONDS = 300.0, 5.0
#: What was posted here and is not in the database yet (it waits on disk) is told beside what was read.
OWN_SECONDS = 3600.0
History = tuple[Interaction, ...]


class HistoryReader(Protocol):
    """The part of :class:`serving.recommendation_database.RecommendationDatabase` that is used here."""

    def histories(self, users: Sequence[str]) -> Mapping[str, History]:
        """The newest interactions of users, the newest first."""
        ...


class Known(NamedTuple):
    """A user's history, the newest first; ``degraded``: it is not as the database has it, which is away."""

    history: History
    degraded: bool = False


class _User:
    """What is kept of a user: read at ``read_at``; they acted elsewhere at ``acted_at`` (0: never)."""

    __slots__ = ("acted_at", "history", "merged", "own", "read_at")

    def __init__(self) -> None:
        self.history: History = ()
        #: What was posted here, and when; it is put into the history when that is asked for.
        self.own: list[tuple[float, Interaction]] = []
        self.merged = True
        self.read_at = 0.0
        self.acted_at = 0.0


class Histories:
    """The histories of one service process. :meth:`get` is for the event loop; the others for any thread.

    Args:
        database: reads histories.
        pool: threads that wait for it.
        length: so many interactions count.
        watched: whether somebody tells of other processes' users by :meth:`acted`, and looks right now.
    """

    def __init__(
        self, database: HistoryReader, pool: Executor, length: int, watched: Callable[[], bool]
    ) -> None:
        self._length = length
        self._watched = watched
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._interactions = 0
        self._all_acted_at = 0.0
        self._lock = threading.Lock()
        self._lookup: Lookup[str, History] = Lookup(
            database.histories, pool, fresh_seconds=0.0, stale_seconds=0.0, patience=PATIENCE_SECONDS
        )

    def known(self, user_id: str) -> Known | None:
        """The history, where it need not be read; None: :meth:`get` must."""
        user = self._users.get(user_id)
        if user is None or user.read_at <= max(user.acted_at, self._all_acted_at):
            return None
        age = time.monotonic() - user.read_at
        if age > (WATCHED_SECONDS if self._watched() else FRESH_SECONDS):
            return None
        return Known(self._whole(user))

    async def get(self, user_id: str) -> Known:
        """The history, read where it must be; that of memory, or an empty one, while the database is away."""
        known = self.known(user_id)
        if known is not None:
            return known
        began = time.monotonic()
        with self._lock:
            self._user(user_id)  # who acts while it is read is known by then
        try:
            found = (await self._lookup.get([user_id]))[user_id] or ()
        except DatabaseUnavailable:
            user = self._users.get(user_id)
            return Known(self._whole(user) if user else (), degraded=True)
        finally:
            self._lookup.forget([user_id])
        return Known(self._read(user_id, found, began))

    def add(self, user_id: str, interactions: Sequence[Interaction]) -> None:
        """What was posted to this process just now: the next answer counts it."""
        if not interactions:
            return
        now = time.monotonic()
        with self._lock:
            user = self._user(user_id)
            own = [*user.own, *((now, one) for one in interactions)]
            self._keep(user, user.history, own if len(own) <= 2 * self._length else own[-self._length :])
            user.merged = False
            self._shrink()

    def acted(self, user_ids: Iterable[str]) -> None:
        """Users who acted elsewhere: read anew when they ask."""
        now = time.monotonic()
        for user_id in user_ids:
            if (user := self._users.get(user_id)) is not None:
                user.acted_at = now

    def all_acted(self) -> None:
        """Anybody may have acted."""
        self._all_acted_at = time.monotonic()

    def clear(self) -> None:
        """Forget all users, what was posted here too: the database has what may still be told of them."""
        with self._lock:
            self._users.clear()
            self._interactions = 0
        self.all_acted()

    def _read(self, user_id: str, found: History, began: float) -> History:
        """Keep what was read, with what was posted here and may not be in it."""
        with self._lock:
            user = self._user(user_id)
            self._keep(user, found, [pair for pair in user.own if pair[0] > began - OWN_SECONDS])
            user.merged = not user.own
            user.read_at = began
            self._shrink()
        return self._whole(user)

    def _whole(self, user: _User) -> History:
        """The history with what was posted here."""
        if not user.merged:
            with self._lock:
                whole = _merged(user.history, [one for _, one in user.own], self._length)
                self._keep(user, whole, user.own)
                user.merged = True
        return user.history

    def _user(self, user_id: str) -> _User:
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = _User()
        self._users.move_to_end(user_id)
        return user

    def _keep(self, user: _User, history: History, own: list[tuple[float, Interaction]]) -> None:
        self._interactions += len(history) + len(own) - len(user.history) - len(user.own)
        user.history, user.own = history, own

    def _shrink(self) -> None:
        while len(self._users) > MAX_USERS or self._interactions > MAX_INTERACTIONS:
            _, gone = self._users.popitem(last=False)
            self._interactions -= len(gone.history) + len(gone.own)


def _merged(history: History, more: Sequence[Interaction], length: int) -> History:
    """Both, each interaction once, the newest first, at most ``length``."""
    if not more:
        return history[:length]
    there = {(one.item_id, one.kind, one.at_us) for one in history}
    added = [one for one in more if (one.item_id, one.kind, one.at_us) not in there]
    return tuple(sorted([*history, *added], key=lambda one: -one.at_us)[:length])
