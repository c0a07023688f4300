"""Tells a service process of users who acted elsewhere: in another worker, on another machine, by an import.

One short question to the database a second, whose cost follows what is new. So what is in memory stays right
without being read again, and a user who acts anywhere is answered by it within seconds everywhere.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from serving.experiments.ticker import Ticker

if TYPE_CHECKING:
    from storage.recommendation_acts import Acts

SECONDS = 1.0
#: Without an answer for this long, what is in memory is not trusted for long any more.
LATE_SECONDS = 5.0
#: Events that were posted to this process, which knows of them.
OWN_EVENTS = 100_000


class ActListener(Protocol):
    """Who is told."""

    def elsewhere(self, users: Iterable[str]) -> None:
        """These users acted elsewhere."""
        ...

    def anybody(self) -> None:
        """Anybody may have acted elsewhere."""
        ...

    def forgotten(self) -> None:
        """Somebody was forgotten: nothing of what is in memory may be told any more."""
        ...

    def began(self) -> None:
        """From now on it is told who acts; of what was before, nothing is known."""
        ...


class ActWatcher:
    """Looks who acted.

    Args:
        read: the snapshot of the last look -> who acted since; may raise DatabaseUnavailable.
    """

    def __init__(self, read: Callable[[str | None], Acts]) -> None:
        self._read = read
        self._listener: ActListener | None = None
        self._snapshot: str | None = None
        self._erasures = ""
        self._looked_at = -LATE_SECONDS
        self._own: OrderedDict[str, None] = OrderedDict()
        self._ticker = Ticker("act-watcher", SECONDS, self.look)

    def looks(self) -> bool:
        """Whether it knows all who acted until a moment ago."""
        return time.monotonic() - self._looked_at < LATE_SECONDS

    def own(self, events: Iterable[str]) -> None:
        """Ids of events that this process took itself: of those nobody need tell it."""
        for one in events:
            self._own[one] = None
        while len(self._own) > OWN_EVENTS:
            self._own.popitem(last=False)

    def look(self) -> None:
        """Ask once. Raises DatabaseError; the next time tells what this one would have."""
        began, listener = time.monotonic(), self._listener
        found = self._read(self._snapshot)
        if listener is not None:
            users = {user for event, user in found.users.items() if event not in self._own}
            if self._snapshot is None:
                listener.began()
            elif found.erasures != self._erasures:
                listener.forgotten()
            elif not found.complete:
                listener.anybody()
            elif users:
                listener.elsewhere(users)
        self._snapshot, self._erasures, self._looked_at = found.snapshot, found.erasures, began

    def start(self, listener: ActListener) -> None:
        """Look once, and begin to tell ``listener``, from a thread. Never raises."""
        self._listener = listener
        self._ticker.tick()
        self._ticker.start()

    def stop(self) -> None:
        """End."""
        self._ticker.stop(timeout=0.5)
