"""Telling people of findings, each once: through Prefect's notification blocks, and as an event of Prefect.

A finding counts as told when at least one channel took it, and is then not told again unless it gets worse;
where none did, the next run tries again. A run that dies between sending and writing that down repeats an alert
once.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from config.errors import FlowError, SettingsError
from config.settings import Settings
from storage.database import advisory_guard
from storage.monitor import StoredFinding, due_alerts, mark_alerted
from tasks.alert_channels import channels
from tasks.flow_client import FlowClient
from tasks.platform import Platform

logger = logging.getLogger(__name__)

EVENT = "assay.finding"
#: More at once come as one message: a platform that is down has dozens.
MOST_SINGLE = 5
_EVENTS = uuid.UUID("6f0f4f0c-6b0a-5d0e-9a55-a55a7f1d1e57")


@dataclass(frozen=True)
class Message:
    """What is sent."""

    subject: str
    body: str


@dataclass(frozen=True)
class Told:
    """How many findings people were told of, by which channels, and a sentence for each that failed."""

    findings: int = 0
    channels: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def send_alerts(parts: Platform, at: dt.datetime) -> Told:
    """Tell of every open finding that nobody was told of yet, from ``ALERT_SEVERITY`` on.

    Runs at the same time take turns.

    Raises:
        DatabaseUnavailable: the database is away; nobody is told.
    """
    with advisory_guard(parts.engine)("alerts"):
        due = due_alerts(parts.engine, parts.settings.alert_severity)
        return _tell(parts, due, at) if due else Told()


def _tell(parts: Platform, due: Sequence[StoredFinding], at: dt.datetime) -> Told:
    try:
        blocks = channels(parts.settings)
    except SettingsError as error:
        return Told(failures=(f"Alerts cannot be sent: {error.message}",))
    failures: dict[str, str] = {}
    reached: set[str] = set()
    told: list[StoredFinding] = []
    emitted = emit_events(parts.settings, due, at)
    for group, message in messages(due, parts.settings.admin_ui_url):
        took = {
            name
            for name, block in blocks.items()
            if name not in failures and _sent(name, block, message, failures)
        }
        reached |= took
        if took or (emitted and not blocks):
            mark_alerted(parts.engine, group, at)
            told += group
    return Told(len(told) if blocks else 0, tuple(sorted(reached)), tuple(failures.values()))


def messages(due: Sequence[StoredFinding], pages: str) -> list[tuple[Sequence[StoredFinding], Message]]:
    """What to send: a message a finding, or of many one in all. ``pages`` is the address of the admin pages."""
    if len(due) <= MOST_SINGLE:
        return [([one], Message(_subject(one), _body(one, pages))) for one in due]
    critical = sum(one.severity == "critical" for one in due)
    subject = f"Assay: {len(due)} findings, {critical} of them critical"
    return [(due, Message(subject, "\n\n".join(f"{_subject(one)}\n{_body(one, pages)}" for one in due)))]


def emit_events(settings: Settings, due: Sequence[StoredFinding], at: dt.datetime) -> bool:
    """Tell Prefect of findings as events ``assay.finding``, for whoever makes automations of them.

    An event's id is made of what the finding is about and when it was seen first: Prefect drops one that it has
    already. Whether it took them.
    """
    try:
        with FlowClient(settings, timeout=5, connect_timeout=2, attempts=2) as client:
            client.emit([event(one, settings.admin_ui_url, at) for one in due])
    except FlowError as error:
        logger.warning("findings are not told to Prefect: %s", error.message)
        return False
    return True


def event(one: StoredFinding, pages: str, at: dt.datetime) -> dict[str, Any]:
    """A finding as an event of Prefect."""
    # not its number: a database that was restored or made anew gives numbers again, which Prefect had
    first = one.first_seen_at.astimezone(dt.UTC).isoformat()
    return {
        "id": str(uuid.uuid5(_EVENTS, f"{one.fingerprint}/{first}/{one.severity}")),
        "occurred": at.isoformat(),
        "event": EVENT,
        "resource": {
            "prefect.resource.id": f"{EVENT}.{one.fingerprint}",
            "prefect.resource.name": one.subject,
            "assay.severity": one.severity,
            "assay.family": one.family or "platform",
            "assay.check": one.kind,
        },
        "payload": {
            "sentence": one.sentence,
            "severity": one.severity,
            "check": one.kind,
            "family": one.family,
            "subject": one.subject,
            "link": _link(one, pages),
            "figures": one.figures,
        },
    }


def _sent(name: str, block: Any, message: Message, failures: dict[str, str]) -> bool:
    """Send by one channel. One that fails is left alone for the rest of the run."""

    def send() -> None:
        with block.raise_on_failure():
            block.notify(message.body, subject=message.subject, _sync=True)

    try:
        # in a thread of its own: beside the event loop of an async flow Prefect's Apprise blocks (3.8.8) make a
        # coroutine that nobody awaits, and send nothing without a word
        with ThreadPoolExecutor(1) as alone:
            alone.submit(send).result()
    except Exception as error:  # noqa: BLE001 - whatever the channel's library raises, the others go on
        failures[name] = f"Alerts by {name} failed: {_reason(error)}"
        return False
    return True


def _reason(error: Exception) -> str:
    """Why, without the address, which may hold a token."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"it answered {status}." if status else f"{type(error).__name__}."


def _subject(one: StoredFinding) -> str:
    return f"Assay, {one.severity}: {one.family or 'platform'}, {one.subject}"


def _body(one: StoredFinding, pages: str) -> str:
    link = _link(one, pages)
    return f"{one.sentence}\n{link}" if link else one.sentence


def _link(one: StoredFinding, pages: str) -> str | None:
    return f"{pages}{one.link}" if one.link and one.link.startswith("/") else one.link
