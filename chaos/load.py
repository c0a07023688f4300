"""Fifty requests a second, as backends send them: each asked once, each with ids of its own, each written down.

Events and contents are what a backend must not lose: what was not acknowledged is sent again until it is, and
one in twenty that was acknowledged is sent again too, as a network that loses answers makes backends do.
"""

from __future__ import annotations

import asyncio
import base64
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from chaos.ledger import Ask, Book
from chaos.publishing import Answered, Post, Publisher
from config.settings import Settings

if TYPE_CHECKING:
    from aiohttp import ClientSession

RATE = 50.0
#: A backend's patience with one request.
TIMEOUT_SECONDS = 10.0
AGAIN_SECONDS, LONGER = 1.5, 3
REPEATED = 0.05
SHARES = {
    "viral": 15, "ctr": 15, "events": 10, "lists": 4, "gateway": 6, "contents": 1, "posts": 1, "styles": 1,
}  # fmt: skip


@dataclass
class Batch:
    """Events that are sent until they are acknowledged."""

    events: list[dict[str, Any]]
    due: float = 0.0
    sent: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(event["event_id"] for event in self.events)


class Load:
    """Asks in a thread of its own until it is stopped.

    Args:
        mark: begins every id, so that the suite finds its own rows.
        portraits: pictures, as files, that styles are asked of.
    """

    def __init__(
        self, settings: Settings, book: Book, seed: int, mark: str, portraits: Sequence[bytes]
    ) -> None:
        self._settings, self._book, self._mark = settings, book, mark
        self._draw = random.Random(seed)
        self._portraits = [base64.b64encode(one).decode() for one in portraits]
        key = settings.ml_api_key
        self._key = {"x-api-key": key.get_secret_value() if key else ""}
        self._publisher = Publisher(settings, book, self._draw)
        self._stopping = threading.Event()
        self._waiting: list[Batch | Post] = []
        self._numbers = 0
        self.given_up = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience: float = 60.0) -> None:
        """Ask nothing new, and send again what was not acknowledged, for at most ``patience`` seconds."""
        self._patience = time.monotonic() + patience
        self._stopping.set()
        self._thread.join(patience + 2 * TIMEOUT_SECONDS)
        self.given_up = len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether it asks."""
        return self._thread.is_alive()

    @property
    def posts(self) -> Sequence[Post]:
        """What it published, or tried to."""
        return self._publisher.posts

    # -- inside ----------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        import aiohttp

        headers = {"content-type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
            running: set[asyncio.Task[None]] = set()
            await self._pace(session, running)
            while running:
                await asyncio.wait(set(running), timeout=1.0)
            while self._waiting and time.monotonic() < self._patience:
                await asyncio.gather(*(self._again(session, one) for one in self._due()))
                await asyncio.sleep(0.2)

    async def _pace(self, session: ClientSession, running: set[asyncio.Task[None]]) -> None:
        start, count = time.monotonic(), 0
        names, weights = tuple(SHARES), tuple(SHARES.values())
        while not self._stopping.is_set():
            for one in self._due():
                self._begin(running, self._again(session, one))
            # what a busy machine made late is caught up, up to a second of it
            behind = int((time.monotonic() - start) * RATE) - count
            for _ in range(min(behind, int(RATE))):
                self._begin(running, self._ask(session, self._draw.choices(names, weights)[0]))
            count += behind
            await asyncio.sleep(1 / RATE)

    def _begin(self, running: set[asyncio.Task[None]], work: Any) -> None:
        task = asyncio.ensure_future(work)
        running.add(task)
        task.add_done_callback(running.discard)

    def _due(self) -> list[Batch | Post]:
        now = time.monotonic()
        due = [one for one in self._waiting if one.due <= now]
        self._waiting = [one for one in self._waiting if one.due > now]
        return due

    async def _again(self, session: ClientSession, one: Batch | Post) -> None:
        await (self._send(session, one) if isinstance(one, Batch) else self._publish(session, one))

    def _wait(self, one: Batch | Post) -> None:
        # creators wait longer each time: many at once would be refused for their number alone
        doubled = min(one.sent - 1, LONGER) if isinstance(one, Post) and one.sent else 0
        one.due = time.monotonic() + AGAIN_SECONDS * 2**doubled
        self._waiting.append(one)

    async def _ask(self, session: ClientSession, stream: str) -> None:
        self._numbers += 1
        makers: dict[str, Callable[[ClientSession, str], Awaitable[None]]] = {
            "viral": self._viral,
            "ctr": self._ctr,
            "events": self._events,
            "lists": self._lists,
            "gateway": self._gateway,
            "contents": lambda session, name: self._publish(session, self._publisher.new(name, "contents")),
            "posts": lambda session, name: self._publish(session, self._publisher.new(name, "posts")),
            "styles": self._styles,
        }
        await makers[stream](session, f"{self._mark}{self._numbers:07d}")

    async def _viral(self, session: ClientSession, name: str) -> None:
        await self._predict(session, "viral", "/predict", name, {"video_id": name, **self._video()})

    async def _ctr(self, session: ClientSession, name: str) -> None:
        clip = {
            "clip_id": name,
            "title": "First take #fyp",
            "placement": "feed",
            "duration": 21.0,
            "hook_strength": round(self._draw.random(), 2),
            "has_face": True,
        }
        await self._predict(session, "ctr", "/predict/ctr", name, clip)

    async def _styles(self, session: ClientSession, name: str) -> None:
        portrait = {"images": [self._draw.choice(self._portraits)], "user_id": name}
        await self._predict(session, "face", "/predict", name, portrait, "styles")

    async def _predict(
        self,
        session: ClientSession,
        family: str,
        path: str,
        name: str,
        body: dict[str, Any],
        stream: str | None = None,
    ) -> None:
        began = time.time()
        answer = await self._post(session, family, path, body)
        identity = answer.body.get("prediction_id")
        recorded = (str(identity),) if identity else ()
        self._book.write(
            Ask(
                stream or family,
                (name,),
                began,
                time.time(),
                answer.status,
                answer.reason,
                recorded,
                bool(identity),
            )
        )

    async def _gateway(self, session: ClientSession, name: str) -> None:
        body = {"content_id": name, "engagement_data": self._video(), "content_data": {"title": "Again #fyp"}}
        began = time.time()
        answer = await self._post(session, "gateway", "/api/v1/ml/viral-prediction", body)
        said = answer.body.get("model_version") is not None
        degraded = answer.status == 200 and not said
        self._book.write(
            Ask("gateway", (name,), began, time.time(), answer.status, answer.reason, (), said, degraded)
        )

    async def _lists(self, session: ClientSession, name: str) -> None:
        began = time.time()
        user = f"user-{self._draw.randrange(200):03d}"
        answer = await self._post(
            session, "recommendation", "/api/v1/recommend", {"user_id": user, "limit": 10}
        )
        # users ask again, and a list that is kept has the id of when it was made: no id of ours is on record
        identity = answer.body.get("recommendation_id")
        ask = Ask(
            "lists", (str(identity or name),), began, time.time(), answer.status, answer.reason,
            promised=bool(identity), degraded=bool(answer.body.get("degraded")),
            made=_moment(str(identity)) if identity else None,
        )  # fmt: skip
        self._book.write(ask)

    async def _events(self, session: ClientSession, name: str) -> None:
        at = datetime.now(UTC).isoformat()
        events = [
            {
                "event_id": f"{name}-{number}",
                "user_id": f"user-{self._draw.randrange(200):03d}",
                "item_id": f"video-{self._draw.randrange(300):03d}",
                "kind": "view",
                "at": at,
                "watch_share": round(self._draw.random(), 2),
            }
            for number in range(self._draw.randint(1, 3))
        ]
        await self._send(session, Batch(events))

    async def _send(self, session: ClientSession, batch: Batch) -> None:
        began = time.time()
        answer = await self._post(session, "recommendation", "/api/v1/events", {"events": batch.events})
        good = answer.status == 202 and answer.body.get("accepted") == len(batch.events)
        if answer.status == 202 and not good:
            answer = Answered(0, reason=f"only {answer.body.get('accepted')} of {len(batch.events)} taken")
        ask = Ask(
            "events", batch.keys, began, time.time(), answer.status, answer.reason, (), good,
            again=batch.sent > 0,
        )  # fmt: skip
        self._book.write(ask)
        batch.sent += 1
        if not good or (batch.sent == 1 and self._draw.random() < REPEATED):
            self._wait(batch)

    async def _publish(self, session: ClientSession, post: Post) -> None:
        if await self._publisher.send(post, partial(self._post, session)):
            self._wait(post)

    def _video(self) -> dict[str, Any]:
        views = self._draw.randrange(1_000, 1_000_000)
        return {"views": views, "likes": views // 12, "comments": views // 200, "shares": views // 90}

    async def _post(
        self,
        session: ClientSession,
        family: str,
        path: str,
        body: dict[str, Any],
        token: Mapping[str, str] | None = None,
    ) -> Answered:
        import aiohttp

        url = f"http://127.0.0.1:{self._settings.service_port(family)}{path}"
        try:
            async with session.post(url, data=orjson.dumps(body), headers=token or self._key) as answer:
                found = orjson.loads(await answer.read())
                reason = "" if answer.status < 300 else f"{answer.status} {str(found.get('detail', ''))[:80]}"
                return Answered(answer.status, found, reason)
        except TimeoutError:
            return Answered(0, reason=f"no answer within {TIMEOUT_SECONDS:g} s")
        except aiohttp.ClientConnectorError:
            return Answered(0, reason="connection refused")
        except aiohttp.ClientError as error:
            return Answered(0, reason=f"connection broken ({type(error).__name__})")
        except orjson.JSONDecodeError:
            return Answered(0, reason="the answer is not JSON")


def _moment(identity: str) -> float:
    """When an id of version 7 was drawn, in seconds since the epoch (RFC 9562, 5.7)."""
    return (uuid.UUID(identity).int >> 80) / 1000.0


def new_mark() -> str:
    """Begins the ids of one run of the suite."""
    return f"chaos-{uuid.uuid4().hex[:8]}-"
