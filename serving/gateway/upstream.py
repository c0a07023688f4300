"""The family services as the gateway asks them: kept connections, a time-out, a breaker, one more try where it
cannot do harm.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from config.context import passed_on
from config.settings import Settings
from serving.gateway.breaker import Breaker
from serving.gateway.figures import GatewayFigures
from serving.http import Response
from serving.problems import CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from aiohttp import ClientSession

logger = logging.getLogger(__name__)

CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 30.0
HEALTH_SECONDS = 1.0
#: Statuses that say that the service itself, not the question, is at fault.
FAULTS = frozenset({500, 502, 504})
#: Statuses that say that our key is not the service's: nothing that whoever asks can mend.
KEY_FAULTS = frozenset({401, 403})


class Unavailable(Exception):
    """A service did not answer; ``reason`` is a sentence without its end."""

    def __init__(self, service: str, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.reason = reason
        self.retry_after = retry_after

    def problem(self) -> Problem:
        """503, where nothing is left to answer with."""
        seconds = max(1, round(self.retry_after))
        return Problem(
            503,
            f"The {self.service} service cannot answer now: {self.reason}.",
            headers=((b"retry-after", b"%d" % seconds),),
            more={"unavailable": [self.service]},
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    body: bytes
    content_type: bytes

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 300

    def json(self) -> Any:
        """The body, read."""
        return orjson.loads(self.body)

    def response(self) -> Response:
        """The same answer, passed on."""
        return Response(self.body, self.status, self.content_type)

    def must_be_good(self) -> Answer:
        """Itself.

        Raises:
            Refused: the service refused the question; its problem document is passed on.
        """
        if not self.good:
            raise Refused(self)
        return self


class Refused(Problem):
    """The problem that a service answered with, passed on as it is."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, "refused by the service")
        self._body = answer.body if answer.content_type == CONTENT_TYPE else None

    def body(self) -> bytes:
        """Its document."""
        return self._body if self._body is not None else super().body()


class Service:
    """One family service.

    Args:
        name: as it stands in answers.
        url: without a slash at its end.
        figures: told of each question.
    """

    def __init__(self, name: str, url: str, settings: Settings, figures: GatewayFigures | None = None) -> None:
        self.name = name
        self._figures = figures
        self.url = url
        self._seconds = settings.gateway_timeout_seconds
        self.breaker = Breaker(settings.gateway_breaker_failures, settings.gateway_breaker_seconds)
        self._headers = {"content-type": "application/json"}
        if settings.ml_api_key is not None:
            self._headers["x-api-key"] = settings.ml_api_key.get_secret_value()
        self._session: ClientSession | None = None
        self.last_error: str | None = None
        if figures is not None:
            figures.stands(name, self.breaker.state)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        repeatable: bool = False,
        seconds: float | None = None,
    ) -> Answer:
        """One question.

        Args:
            method: of HTTP.
            path: with its query.
            body: sent as JSON.
            repeatable: asking twice is asking once, so that a broken connection is tried again.
            seconds: to wait; the setting unless given.

        Raises:
            Unavailable: no answer in time, a fault, 503, or the service is left alone for now.
        """
        if not self.breaker.enter():
            wait = self.breaker.retry_after
            self._count("refused")
            raise Unavailable(self.name, "it failed repeatedly and is left alone for a while", wait)
        data = orjson.dumps(body) if body is not None else None
        try:
            async with asyncio.timeout(seconds or self._seconds):
                answer = await self._tried(method, path, data, 2 if repeatable else 1)
        except asyncio.CancelledError:
            self.breaker.left()
            raise
        except TimeoutError:
            raise self._failed(f"no answer within {seconds or self._seconds:g} s") from None
        except OSError as error:
            raise self._failed(f"it cannot be reached ({error})") from None
        if answer.status in FAULTS:
            raise self._failed(f"it answered {answer.status}")
        self.breaker.succeeded()
        self.last_error = None
        self._count("answered")
        if answer.status == 503:
            raise Unavailable(self.name, _detail(answer))
        if answer.status in KEY_FAULTS:
            logger.error("%s refuses our key: ML_API_KEY must be the same for both", self.name)
            raise Unavailable(self.name, "it does not take the gateway's key")
        if self._figures is not None:
            self._figures.answered(self.name)
        return answer

    def stood_in(self, by: str) -> None:
        """Count an answer that something else gave in this service's place."""
        if self._figures is not None:
            self._figures.answered(self.name, by)

    async def health(self) -> dict[str, Any]:
        """What the service says of itself. Never raises; asked past the breaker, and it counts for nothing."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                answer = await self._send("GET", "/health", None)
            said = answer.json()
            return {"reachable": True, "breaker": self.breaker.state, **said}
        except (OSError, TimeoutError, orjson.JSONDecodeError, TypeError) as error:
            reason = f"{type(error).__name__} at {self.name}"
            return {
                "reachable": False, "breaker": self.breaker.state, "status": "unavailable",
                "detail": f"unavailable: {reason}",
            }  # fmt: skip

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tried(self, method: str, path: str, data: bytes | None, tries: int) -> Answer:
        while True:
            tries -= 1
            try:
                answer = await self._send(method, path, data)
            except ConnectionError:
                if tries <= 0:
                    raise
                continue
            if answer.status not in FAULTS or tries <= 0:
                return answer

    async def _send(self, method: str, path: str, data: bytes | None) -> Answer:
        """Raises ConnectionError whatever went wrong below."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=self._headers,
            )
        try:
            async with self._session.request(
                method, self.url + path, data=data, headers=passed_on(), allow_redirects=False
            ) as answer:
                body = await answer.read()
        except aiohttp.ClientError as error:
            raise ConnectionError(type(error).__name__) from error
        return Answer(answer.status, body, answer.headers.get("content-type", "").encode())

    def _count(self, outcome: str) -> None:
        if self._figures is not None:
            self._figures.asked(self.name, outcome, self.breaker.state)

    def _failed(self, reason: str) -> Unavailable:
        self.breaker.failed()
        self._count("failed")
        self.last_error = reason
        logger.warning("%s does not answer: %s", self.name, reason)
        return Unavailable(self.name, reason)


def _detail(answer: Answer) -> str:
    try:
        return str(answer.json()["detail"])[:300].rstrip(".")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it answered 503"
