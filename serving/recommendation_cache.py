"""Answers that are kept: per user, dropped when the user acts, shared by all replicas where there is a Redis.

An answer is kept beside the user's token of that moment, and is good while the user has that token. An act
gives the user a new one: one write, after which no answer of before is given any more, also none that is only
being computed. Tokens outlive answers, and none comes twice. One more token is everybody's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
import warnings
from collections import OrderedDict
from itertools import count, islice
from typing import NamedTuple

from cashews import Cache
from cashews.exceptions import CacheError

from config.settings import Settings
from serving.redis_keys import key_prefix

logger = logging.getLogger(__name__)

#: Of this process, where there is no Redis: a list of 20 takes some 5 KB.
ENTRIES = 20_000
#: A Redis that is not there costs no request more than this, and only one in PAUSE_SECONDS.
REDIS_SECONDS = 0.05
PAUSE_SECONDS = 2.0
CONNECTIONS = 32
#: Users whose drop the store did not take yet; past it everybody's answers are void.
OWED, AT_ONCE = 100_000, 200
MARGIN_SECONDS = 60.0
#: Where there is no token yet; as long as one.
NO_TOKEN = b"-" * 17
_FAULTS = (CacheError, OSError, TimeoutError)


class Found(NamedTuple):
    """What is there: the answer (None: not there), and the token to keep a new one under (None: keep none)."""

    body: bytes | None
    token: bytes | None


MISSING = Found(None, None)


class AnswerCache:
    """Answers of one service process. For one event loop; what drops answers may be called in any thread.

    Args:
        settings: ``recommendation_cache_seconds`` (0: nothing is kept) and ``redis_url``.
    """

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.recommendation_cache_seconds
        self.shared = settings.redis_url is not None
        self._cache = Cache()
        self._not_before = 0.0
        self._prefix = key_prefix(settings, "recommendation")
        self._everybody = f"{self._prefix}token"
        #: user -> the number of the drop that is owed; of everybody's: 0 where none is.
        self._owed: dict[str, int] = {}
        self._all_owed = 0
        self._drops = count(1)
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settling: asyncio.Task[None] | None = None
        self.last_error: str | None = None
        if settings.redis_url is not None:
            self._cache.setup(
                settings.redis_url.get_secret_value(),
                suppress=False,
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
                wait_for_connection_timeout=REDIS_SECONDS,
                max_connections=CONNECTIONS,
                pickle_type="null",
                check_repr=False,
            )
        else:
            # no sweep: it would look at every entry each second, in the event loop; the size bounds memory
            self._cache.setup("mem://", size=ENTRIES, check_interval=0, pickle_type="null", check_repr=False)

    async def get(self, user: str, key: str) -> Found:
        """The answer that is kept for the user under ``key``. Never raises."""
        if not self._seconds or self._paused():
            return MISSING
        self._loop = asyncio.get_running_loop()
        if self._owes(user) and (not await self._drop(user) or self._owes(user)):
            return MISSING
        keys = (self._everybody, self._token_key(user), self._body_key(user, key))
        try:
            everybody, own, kept = await self._cache.get_many(*keys)
        except _FAULTS as error:
            self._failed(error)
            return MISSING
        self.last_error = None
        token = (everybody or NO_TOKEN) + (own or NO_TOKEN)
        self._note(user)  # of one who is only given what is kept, too: it is to be dropped when they act
        if kept is not None and kept.startswith(token):
            return Found(kept[len(token) :], token)
        return Found(None, token)

    async def put(self, user: str, key: str, body: bytes, token: bytes | None) -> None:
        """Keep an answer under the token that :meth:`get` gave before it was computed. Never raises."""
        if token is None or self._paused():
            return
        try:
            await self._cache.set(self._body_key(user, key), token + body, expire=self._seconds)
        except _FAULTS as error:
            self._failed(error)

    def dropping(self, user: str) -> None:
        """From now on this process gives the user no answer of before; :meth:`settle` tells the others."""
        if not self._seconds or not (self.shared or user in self._asked):
            return  # in this process nothing is kept of who did not ask
        with self._lock:
            self._owed[user] = next(self._drops)
        if len(self._owed) > OWED:
            self.dropping_all()

    def dropping_all(self) -> None:
        """From now on this process gives nobody an answer of before."""
        with self._lock:
            self._all_owed = next(self._drops)
            self._owed.clear()

    def settle(self) -> None:
        """Begin to tell the store who acted; what it does not take stays owed. In any thread."""
        if self._loop is not None and (self._owed or self._all_owed) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return [f"Redis does not answer ({self.last_error}): no list is kept"] if self.last_error else []

    async def close(self) -> None:
        """Let the connections go."""
        with warnings.catch_warnings():  # cashews calls them by a name that redis-py has given up
            warnings.simplefilter("ignore", DeprecationWarning)
            await self._cache.close()

    def _begin(self) -> None:
        if (self._settling is None or self._settling.done()) and not self._paused():
            self._settling = asyncio.get_running_loop().create_task(self._settle())

    async def _settle(self) -> None:
        while (self._owed or self._all_owed) and await self._drop(*self._some()):
            await asyncio.sleep(0)

    def _some(self) -> list[str]:
        with self._lock:
            return list(islice(self._owed, AT_ONCE))

    async def _drop(self, *users: str) -> bool:
        """Give users new tokens; False: the store did not take them."""
        everybody, owed = self._all_owed, {user: self._owed.get(user) for user in users}
        keys = [*map(self._token_key, users), *([self._everybody] if everybody else [])]
        tokens = {key: b"t" + secrets.token_hex(8).encode() for key in keys}
        if self._paused():
            return False
        try:
            await self._cache.set_many(tokens, expire=self._seconds + MARGIN_SECONDS)
        except _FAULTS as error:
            self._failed(error)
            return False
        with self._lock:  # who acted meanwhile is owed another one: a list of before may have the new token
            if self._all_owed == everybody:
                self._all_owed = 0
            for user, drop in owed.items():
                if self._owed.get(user) == drop:
                    self._owed.pop(user, None)
        return True

    def _owes(self, user: str) -> bool:
        return self._all_owed > 0 or user in self._owed

    def _note(self, user: str) -> None:
        """An answer of theirs is kept, or is going to be."""
        if self.shared:
            return
        self._asked[user] = None
        self._asked.move_to_end(user)
        if len(self._asked) > 2 * ENTRIES:
            self._asked.popitem(last=False)

    def _token_key(self, user: str) -> str:
        return f"{self._everybody}:{user}"

    def _body_key(self, user: str, key: str) -> str:
        return f"{self._prefix}list:{len(user)}:{user}:{key}"

    def _paused(self) -> bool:
        return time.monotonic() < self._not_before

    def _failed(self, error: BaseException) -> None:
        cause = error.__cause__ or error
        if self.last_error is None:
            logger.warning("the cache does not answer, lists are computed each time: %r", cause)
        self.last_error = type(cause).__name__
        self._not_before = time.monotonic() + PAUSE_SECONDS
