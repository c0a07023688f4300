"""What the pages show to Prometheus, out of a real database, with Prefect here and away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from config.errors import FlowUnavailable
from config.settings import Settings
from models.monitoring.contract import Finding
from serving.admin.figures import ASK_PREFECT_SECONDS, AdminFigures
from serving.metrics import ServiceMetrics
from storage.database import make_engine
from storage.monitor_findings import open_or_touch

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Prefect:
    """The calls that are made of a client; tests/integration/flows has the real one."""

    ended: dict[str, datetime | None] = field(default_factory=dict)
    away: bool = False
    paused: set[str] = field(default_factory=set)
    asked: int = 0

    @contextmanager
    def client(self) -> Iterator[Any]:
        yield self

    def deployments(self) -> list[Any]:
        self.asked += 1
        if self.away:
            raise FlowUnavailable("Prefect is away.")
        by_hand = SimpleNamespace(id="by-hand", name="by-hand", cron=None, paused=False)
        scheduled = (
            SimpleNamespace(id=name, name=name, cron="0 0 * * *", paused=name in self.paused)
            for name in self.ended
        )
        return [by_hand, *scheduled]

    def last_success(self, deployment: str) -> datetime | None:
        return self.ended[deployment]


@dataclass
class Pages:
    """The figures, what they read, and the time."""

    prefect: Prefect
    figures: AdminFigures
    now: list[float]

    def lines(self) -> set[str]:
        return set(self.figures.render().decode().splitlines())


def pages(engine: Engine, settings: Settings) -> Pages:
    prefect, now = Prefect({"collect-daily": AT, "retrain-face": None}), [0.0]
    parts: Any = SimpleNamespace(engine=engine, settings=settings, prefect=prefect.client)
    return Pages(prefect, AdminFigures(ServiceMetrics("admin"), parts, lambda: now[0]), now)


def test_open_findings_are_counted_and_those_that_ended_are_not(engine: Engine, settings: Settings) -> None:
    shown = pages(engine, settings)
    bad = Finding("drift", "viral", "views", "warning", "Views drifted.", None, {})
    disk = Finding("health", "", "disk", "critical", "The disk is full.", None, {})
    ran = {("drift", "viral"), ("health", "")}
    open_or_touch(engine, [bad, disk], ran=ran, at=AT)
    first = shown.lines()
    assert 'assay_monitor_findings{family="viral",service="admin",severity="warning"} 1.0' in first
    assert 'assay_monitor_findings{family="platform",service="admin",severity="critical"} 1.0' in first
    open_or_touch(engine, [disk], ran=ran, at=AT)
    after = shown.lines()
    assert not [line for line in after if line.startswith("assay_monitor_findings{") and "viral" in line]


def test_the_last_good_run_of_what_is_scheduled_is_asked_for_once_a_minute(
    engine: Engine, settings: Settings
) -> None:
    shown = pages(engine, settings)
    runs = [line for line in shown.lines() if line.startswith("assay_flow_last_success_timestamp_seconds{")]
    (line,) = runs
    assert 'deployment="collect-daily"' in line
    assert float(line.rsplit(" ", 1)[1]) == AT.timestamp()
    shown.lines()
    assert shown.prefect.asked == 1
    shown.now[0], shown.prefect.away = ASK_PREFECT_SECONDS, True
    away = shown.lines()
    assert shown.prefect.asked == 2
    assert 'assay_prefect_reachable{service="admin"} 0.0' in away
    assert line in away, "what was known last stays"


def test_a_deployment_that_somebody_paused_is_not_shown_until_it_goes_on(
    engine: Engine, settings: Settings
) -> None:
    shown = pages(engine, settings)
    shown.prefect.ended["retention"] = AT
    shown.prefect.paused = {"retention"}

    def deployments() -> set[str]:
        lines = [line for line in shown.lines() if line.startswith("assay_flow_last_success")]
        return {line.split('deployment="')[1].split('"')[0] for line in lines}

    assert deployments() == {"collect-daily"}
    shown.now[0], shown.prefect.paused = ASK_PREFECT_SECONDS, {"collect-daily"}
    assert deployments() == {"retention"}


def test_a_database_that_is_away_is_said_and_the_rest_is_shown(settings: Settings) -> None:
    gone = make_engine(settings.model_copy(update={"db_host": "127.0.0.1", "db_port": 9}), connect_seconds=1)
    lines = pages(gone, settings).lines()
    gone.dispose()
    assert {
        'assay_database_reachable{service="admin"} 0.0',
        'assay_prefect_reachable{service="admin"} 1.0',
    } <= lines
