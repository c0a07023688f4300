"""Alerts on a real database, a real Prefect, a real web server and a real mail server: each finding once."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from config.settings import Settings
from local.ports import free_port
from models.monitoring.contract import Finding
from storage.monitor import open_findings, open_or_touch
from tasks.alerts import EVENT, MOST_SINGLE, Told, emit_events, send_alerts
from tasks.platform import Platform
from tests.receivers import Post, Web, mail_server, web_server

AT = dt.datetime(2026, 11, 3, 5, 30, tzinfo=dt.UTC)
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <(socket|_Selector|ssl)"),
]


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def hook() -> Iterator[Web]:
    with web_server() as made:
        yield made


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as made:
        yield made


Make = Callable[..., Platform]


@pytest.fixture
def made(settings: Settings) -> Iterator[Make]:
    """Platforms with channels; Prefect is away unless said otherwise."""
    opened = []

    def make(**changed: Any) -> Platform:
        given = {"prefect_api_url": f"http://127.0.0.1:{free_port()}/api"} | changed
        parts = Platform(settings.model_copy(update=given))
        opened.append(parts)
        return parts

    yield make
    for one in opened:
        one.close()


def found(subject: str = "feature views", severity: Any = "warning", **changed: Any) -> Finding:
    sentence = f'{subject} has shifted: "twice" as much.'
    return Finding("drift", "viral", subject, severity, sentence, "/monitoring/viral", **changed)


def run(parts: Platform, *findings: Finding, days: int = 0) -> Told:
    """A run of the monitor: what it found is kept, then told."""
    at = AT + dt.timedelta(days=days)
    open_or_touch(parts.engine, findings, ran=[("drift", "viral")], at=at)
    return send_alerts(parts, at)


def to(hook: Web) -> dict[str, Any]:
    return {"alert_webhook_url": SecretStr(f"{hook.url}/hook?token=secret")}


def test_a_finding_is_told_once_over_many_runs(made: Make, hook: Web) -> None:
    parts = made(**to(hook))
    told = [run(parts, found(), days=day) for day in range(3)]

    assert told == [Told(1, ("webhook",)), Told(), Told()]
    assert hook.asked == [
        (
            "/hook?token=secret",
            {
                "source": "assay",
                "subject": "Assay, warning: viral, feature views",
                "text": 'feature views has shifted: "twice" as much.\n'
                f"{parts.settings.admin_ui_url}/monitoring/viral",
            },
        )
    ]
    [one] = open_findings(parts.engine)
    assert (one.alerted_severity, one.alerted_at) == ("warning", AT)


def test_it_is_told_again_when_it_gets_worse_and_when_it_comes_back(made: Make, hook: Web) -> None:
    parts = made(**to(hook))
    run(parts, found())
    run(parts, found(severity="critical"), days=1)
    run(parts, days=2)
    run(parts, found(), days=3)
    assert [body["subject"].split(":")[0] for _, body in hook.asked] == [
        "Assay, warning", "Assay, critical", "Assay, warning",
    ]  # fmt: skip


def test_what_is_less_severe_than_wanted_is_not_told(made: Make, hook: Web) -> None:
    parts = made(**to(hook), alert_severity="critical")
    assert run(parts, found(), found("b", "info")) == Told()
    assert hook.asked == []


def test_a_channel_that_fails_is_named_without_its_address_and_tried_again_by_the_next_run(
    made: Make, hook: Web
) -> None:
    hook.status = 503
    parts = made(**to(hook))
    assert run(parts, found()) == Told(0, (), ("Alerts by webhook failed: it answered 503.",))
    assert open_findings(parts.engine)[0].alerted_at is None

    hook.status = 200
    assert run(parts, found(), days=1) == Told(1, ("webhook",))
    assert len(hook.asked) == 2


def test_many_findings_are_one_message(made: Make, hook: Web) -> None:
    parts = made(**to(hook))
    many = [found(f"feature {number}") for number in range(MOST_SINGLE + 1)]
    assert run(parts, *many).findings == len(many)
    assert [body["subject"] for _, body in hook.asked] == ["Assay: 6 findings, 0 of them critical"]
    assert run(parts, *many, days=1) == Told()


def test_a_mail_goes_to_all_receivers_and_one_channel_that_works_is_enough(
    made: Make, hook: Web, post: Post
) -> None:
    hook.status = 500
    parts = made(
        **to(hook),
        alert_email_to="ops@example.org, ml@example.org",
        alert_email_from="assay@example.org",
        alert_smtp_host="127.0.0.1",
        alert_smtp_port=post.port,
    )
    told = run(parts, found())
    assert told == Told(1, ("email",), ("Alerts by webhook failed: it answered 500.",))
    assert sorted(receiver for _, receivers, _ in post.mails for receiver in receivers) == [
        "ml@example.org", "ops@example.org",
    ]  # fmt: skip
    sender, _, text = post.mails[0]
    assert sender == "assay@example.org"
    assert "Assay, warning: viral, feature views" in text
    assert run(parts, found(), days=1) == Told()


def test_a_mail_leaves_an_async_flow_too(made: Make, post: Post) -> None:
    parts = made(
        alert_email_to="ops@example.org",
        alert_email_from="assay@example.org",
        alert_smtp_host="127.0.0.1",
        alert_smtp_port=post.port,
    )

    async def flow() -> Told:
        return run(parts, found())

    assert asyncio.run(flow()) == Told(1, ("email",))
    assert len(post.mails) == 1


def test_mail_without_a_server_is_said_and_everything_waits(made: Make) -> None:
    told = run(made(alert_email_to="ops@example.org"), found())
    assert told.failures == (
        "Alerts cannot be sent: ALERT_EMAIL_TO is set, but not by which server mails go, or whose they are.",
    )


def test_without_a_channel_and_without_prefect_nobody_is_told_and_the_finding_waits(made: Make) -> None:
    parts = made()
    assert run(parts, found()) == Told()
    assert open_findings(parts.engine)[0].alerted_at is None


def test_prefect_learns_of_each_finding_once_whatever_is_repeated(
    made: Make, prefect_url: str, settings: Settings
) -> None:
    subject = f"feature {settings.db_name}"
    parts = made(prefect_api_url=prefect_url)
    for day in range(3):
        run(parts, found(subject, figures={"psi": 0.4}), days=day)
    [stored] = open_findings(parts.engine)
    assert stored.alerted_at == AT
    assert emit_events(parts.settings, [stored], AT)  # as a run does that died before it wrote it down

    # as a database does that was emptied or restored beside the same Prefect: numbers come again
    later = replace(stored, first_seen_at=AT + dt.timedelta(hours=1))
    assert emit_events(parts.settings, [replace(later, fingerprint=f"other {stored.fingerprint}")], AT)

    [event] = events(prefect_url, stored.fingerprint)
    assert event["payload"]["sentence"] == stored.sentence
    assert event["payload"]["figures"] == {"psi": 0.4}
    assert event["resource"]["assay.severity"] == "warning"
    assert len(events(prefect_url, f"other {stored.fingerprint}")) == 1


def events(prefect_url: str, fingerprint: str) -> list[dict[str, Any]]:
    """The events about a finding, once Prefect shows the first and had time for another."""
    body = {
        "filter": {
            "event": {"name": [EVENT]},
            "resource": {"id": [f"{EVENT}.{fingerprint}"]},
            "occurred": {"since": "2026-11-01T00:00:00Z", "until": "2026-12-31T00:00:00Z"},
        }
    }
    deadline = time.monotonic() + 20
    seen: list[dict[str, Any]] = []
    while time.monotonic() < deadline and not seen:
        time.sleep(0.5)
        answer = httpx.post(f"{prefect_url}/events/filter", json=body, trust_env=False, timeout=10)
        seen = answer.raise_for_status().json()["events"]
    time.sleep(1.5)
    answer = httpx.post(f"{prefect_url}/events/filter", json=body, trust_env=False, timeout=10)
    found: list[dict[str, Any]] = answer.json()["events"]
    return found
