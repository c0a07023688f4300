"""Whether a user gets the model or the heuristic, where an experiment of the CTR service decides that."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any, NamedTuple
from urllib.parse import quote

from config.context import passed_on
from config.settings import Settings

logger = logging.getLogger(__name__)

VARIANTS = ("model", "heuristic")
#: A list waits for the decision this long at most; then the flag decides.
PATIENCE_SECONDS = 0.1
#: A decision is asked for again after this long: the experiment may have ended.
REMEMBERED_SECONDS = 120.0
#: After a failure the CTR service is let alone for this long, and a user who is in no experiment for the other.
PAUSE_SECONDS, OUTSIDE_SECONDS = 5.0, 30.0
MAX_USERS = 100_000
CONNECTIONS = 32


class Choice(NamedTuple):
    """A decision that an answer follows."""

    experiment: str
    variant: str
    decision_id: str


class Chooser:
    """Asks ``POST /experiments/{id}/select`` of the CTR service; remembers each user's decision for a while.

    For one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._experiment = settings.recommendation_experiment
        self._url = experiment_url(settings, "select")
        self._headers = key_header(settings)
        #: Made at the start: the first request must not wait for it.
        self._client: Any = _client(self._headers) if self.active else None
        self._remembered: OrderedDict[str, tuple[Choice | None, float]] = OrderedDict()
        self._not_before = 0.0
        self.last_error: str | None = None

    @property
    def active(self) -> bool:
        """Whether an experiment is to decide."""
        return self._experiment is not None

    def known(self, user_id: str) -> Choice | None:
        """The decision that is remembered."""
        choice, until = self._remembered.get(user_id, (None, 0.0))
        return choice if time.monotonic() < until else None

    async def choose(self, user_id: str) -> Choice | None:
        """The user's decision; None: the user is in no experiment, or it cannot be told now. Never raises."""
        _, until = self._remembered.get(user_id, (None, 0.0))
        now = time.monotonic()
        if now < until:
            return self.known(user_id)
        if now < self._not_before:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                choice = await self._ask(user_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the list is worth more than the experiment
            self._failed(error)
            return None
        self.last_error = None
        self._remembered[user_id] = (
            choice,
            time.monotonic() + (REMEMBERED_SECONDS if choice else OUTSIDE_SECONDS),
        )
        self._remembered.move_to_end(user_id)
        while len(self._remembered) > MAX_USERS:
            self._remembered.popitem(last=False)
        return choice

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        if self.last_error is None:
            return []
        return [f"the experiment {self._experiment} does not decide ({self.last_error}): the flag does"]

    async def _ask(self, user_id: str) -> Choice | None:
        answer = await self._client.post(self._url, json={"subject_id": user_id}, headers=passed_on())
        if answer.status_code != 200:
            raise RuntimeError(f"it answered {answer.status_code}")
        body = answer.json()
        if not body["in_experiment"] or body["decision_id"] is None:
            return None
        if body["variant"] not in VARIANTS:
            raise RuntimeError(f"its variant {body['variant']!r} is neither model nor heuristic")
        return Choice(body["experiment"], body["variant"], body["decision_id"])

    def _failed(self, error: Exception) -> None:
        said = str(error) if isinstance(error, RuntimeError) else type(error).__name__
        if self.last_error is None:
            logger.warning("the experiment %s does not decide: %s", self._experiment, said)
        self.last_error = said[:200]
        self._not_before = time.monotonic() + PAUSE_SECONDS


def _client(headers: dict[str, str]) -> Any:
    import httpx

    # trust_env off: a proxy must not stand between this machine and itself
    limits = httpx.Limits(max_connections=CONNECTIONS)
    return httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, headers=headers, limits=limits)


def experiment_url(settings: Settings, action: str, experiment: str | None = None) -> str:
    """Where the CTR service takes ``action`` for the experiment of recommendations, or for another."""
    name = quote(experiment or settings.recommendation_experiment or "", safe="")
    return f"{settings.ctr_service_url}/experiments/{name}/{action}"


def key_header(settings: Settings) -> dict[str, str]:
    """The header by which the CTR service knows this one."""
    return {"X-API-Key": settings.ml_api_key.get_secret_value()} if settings.ml_api_key else {}
