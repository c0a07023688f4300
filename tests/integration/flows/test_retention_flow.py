"""Retention as a flow on real servers: it says first, and deletes where it is asked or set to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.retention_runs import list_runs
from tasks.platform import Platform
from tests.integration.flows.conftest import PREFECT_SOCKETS, Report
from tests.retention_world import ago, collected, count, predict

pytestmark = PREFECT_SOCKETS


@pytest.fixture(autouse=True)
def old(flow_settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_PREDICTIONS_DAYS", "30")
    parts = Platform(flow_settings)
    collected(parts, ["viral"], [ago(2).date()])
    parts.close()
    predict(engine, "viral", (40, 60, 2))


def run(**parameters: Any) -> dict[str, Any]:
    from flows.retention import retention

    return asyncio.run(retention(**parameters))


def test_it_says_first_and_deletes_just_that_when_it_is_asked_to(engine: Engine, report: Report) -> None:
    said = run()
    text = report("retention")
    with pytest.raises(InputError, match="has changed"):
        run(apply=True, expected="0" * 16)
    kept = count(engine, "predictions")
    done = run(apply=True, expected=said["digest"])

    assert not said["applied"]
    assert said["would_delete"]["predictions"]["rows"] == 4
    assert "Nothing was deleted" in text
    assert f"`{said['digest']}`" in text
    assert "| predictions | 4 | 0 |" in text
    assert "RETENTION_PREDICTIONS_DAYS: kept for 30 days" in text
    assert kept == 3
    assert done["deleted"]["predictions"] == 4
    assert count(engine, "predictions") == 1
    assert "Deleted: predictions 4." in report("retention")
    assert [(one.dry_run, one.actor) for one in list_runs(engine)] == [
        (False, "flow retention"), (False, "flow retention"), (True, "flow retention"),
    ]  # fmt: skip


def test_a_scheduled_run_deletes_only_where_it_is_set_to(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run()["applied"]
    monkeypatch.setenv("RETENTION_APPLY", "true")
    assert not run(apply=False)["applied"]
    assert count(engine, "predictions") == 3
    assert run()["applied"]
    assert count(engine, "predictions") == 1
