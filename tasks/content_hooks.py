"""Telling the product what came of its content: signed posts, tried again until it has answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from config.errors import AssayError
from config.settings import Settings
from storage.webhooks import SIGNATURE, DueDelivery, claim_deliveries, delivered, failed, nobody_to_tell, sign

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)

AT_ONCE = 10
SECONDS = 5.0
#: What is due is told at the latest after this.
POLL_SECONDS = 1.0
Clock = Callable[[], datetime]


class Teller:
    """Tells the product what is due until it is told to stop; in a thread of its own, since a product that
    answers slowly must hold up nothing else.
    """

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        self._engine, self._settings, self._clock = engine, settings, clock
        self._stop = threading.Event()

    def run(self) -> None:
        """Post, wait. What fails is logged, and tried again."""
        with new_client() as client:
            while not self._stop.is_set():
                try:
                    more = deliver_due(self._engine, self._settings, client, self._clock) == AT_ONCE
                except AssayError as error:
                    logger.warning("webhooks wait: %s", error)
                    more = False
                except Exception:
                    logger.exception("telling the product failed, and goes on")
                    more = False
                if not more:
                    self._stop.wait(POLL_SECONDS)

    def stop(self) -> None:
        """End :meth:`run` soon; what was not told is due again."""
        self._stop.set()


def deliver_due(engine: Engine, settings: Settings, client: httpx.Client, clock: Clock) -> int:
    """Post what is due, and write down what became of each; how many there were.

    A post is answered by any status from 200 to 299. It may come more than once: the id says which it is. No
    redirect is followed, since a signed body goes to the address of the settings and nowhere else.

    Raises:
        DatabaseUnavailable: those that were claimed are due again when their lease is over.
    """
    if settings.content_webhook_url is None:
        return nobody_to_tell(engine, at=clock())
    due = claim_deliveries(engine, limit=AT_ONCE, at=clock())
    for one in due:
        problem = _post(settings, client, one, clock())
        if problem is None:
            delivered(engine, [one.id], clock())
        elif failed(engine, one, problem, clock()):
            logger.error("webhook %s (%s) is given up: %s", one.id, one.event, problem)
    return len(due)


def new_client() -> httpx.Client:
    """A client for the posts."""
    import httpx

    return httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False)


def _post(settings: Settings, client: httpx.Client, one: DueDelivery, at: datetime) -> str | None:
    """Why a delivery was not taken; None: it was."""
    import httpx

    secret = settings.content_webhook_secret
    assert secret is not None  # noqa: S101 - the settings refuse an address without one
    body = one.body
    headers = {
        "content-type": "application/json",
        "user-agent": "Assay-Webhook/1",
        "x-assay-delivery": str(one.id),
        "x-assay-event": one.event,
        SIGNATURE: sign(secret.get_secret_value().encode(), int(at.timestamp()), body),
    }
    try:
        answer = client.post(str(settings.content_webhook_url), content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.is_success else f"HTTP {answer.status_code}"
