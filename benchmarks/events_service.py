"""``/events`` of the recommendation service alone, for uvicorn: without a model beside it."""

from __future__ import annotations

from functools import partial

from config.settings import load_settings
from serving.application import Application, Route
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from serving.recommendation_events import EventsApi
from serving.recommendation_store import BATCH_ROWS, take_events
from serving.security import ApiKey


def make() -> Application:
    """The application; its queue ships from here on."""
    settings = load_settings()
    metrics = ServiceMetrics("recommendation")
    folder = settings.home / "services" / "recommendation" / "events"
    inbox = Inbox("events", folder, settings, metrics, partial(take_events, settings), batch_rows=BATCH_ROWS)
    inbox.start()
    events = EventsApi(inbox, settings.max_body_bytes)
    return Application([Route("/api/v1/events", "POST", events.post)], ApiKey(settings), metrics)
