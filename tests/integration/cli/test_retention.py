"""`assay retention` on a real database: it says, it asks, it deletes, and it may be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError, SettingsError
from config.settings import Settings
from storage.retention_runs import list_runs
from tasks.platform import Platform
from tests.retention_world import ago, collected, count, predict


@pytest.fixture(autouse=True)
def world(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name, "COLUMNS": "160",
        "RETENTION_PREDICTIONS_DAYS": "30",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    parts = Platform(settings)
    collected(parts, ["viral"], [ago(1).date()])
    parts.close()


def call(*arguments: str, code: int = 0) -> Any:
    answer = CliRunner().invoke(app, ["retention", *arguments], catch_exceptions=False)
    assert answer.exit_code == code, answer.output
    return answer


def test_without_a_word_it_says_what_would_go_and_leaves_it(engine: Engine) -> None:
    predict(engine, "viral", (40, 60, 1))

    said = call().stdout

    assert "predictions" in said
    assert "RETENTION_PREDICTIONS_DAYS: kept for 30 days" in said
    assert "RETENTION_EVENTS_MONTHS: kept for ever" in said
    assert count(engine, "predictions") == 3
    assert list_runs(engine) == []


def test_it_deletes_when_it_is_told_to_and_says_what(engine: Engine) -> None:
    predict(engine, "viral", (40, 60, 1))
    plan = json.loads(call("--json").stdout)["plan"]
    assert plan["totals"]["predictions"]["rows"] == 4

    done = json.loads(call("--apply", "--yes", "--expected", plan["digest"], "--json").stdout)

    assert done["deleted"]["predictions"] == 4
    assert done["left"] == []
    assert count(engine, "predictions") == 1
    assert "Deleted: nothing." in call("--apply", "--yes").output
    (_, _, _, first) = list_runs(engine)
    assert first.plan["digest"] == plan["digest"]


def test_where_nobody_can_be_asked_it_deletes_nothing(engine: Engine) -> None:
    predict(engine, "viral", (40,))
    with pytest.raises(InputError, match="nobody can be asked"):
        call("--apply")
    assert count(engine, "predictions") == 1


def test_a_setting_that_is_too_short_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_PREDICTIONS_DAYS", "3")
    predict(engine, "viral", (40,))
    with pytest.raises(SettingsError, match="must be at least 18"):
        call("--apply", "--yes")
    assert count(engine, "predictions") == 1


def test_killed_half_way_and_run_again_it_completes(engine: Engine) -> None:
    rows = 30_000
    predict(engine, "viral", [32 + number / 1000 for number in range(rows)] + [1.0, 2.0])
    command = [sys.executable, "-m", "cli", "retention", "--apply", "--yes"]
    process = subprocess.Popen(command, env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while count(engine, "predictions") > rows - 1 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    left = count(engine, "predictions")
    assert 2 < left < rows  # it was killed in the middle, and what was done stays done
    assert count(engine, "shadow_answers") == left  # each batch whole
    (begun,) = list_runs(engine)
    assert (begun.deleted, begun.plan["totals"]["predictions"]["rows"]) == ({}, 2 * rows)

    call("--apply", "--yes")

    assert count(engine, "predictions") == count(engine, "shadow_answers") == 2
    assert list_runs(engine)[0].deleted["deleted"]["predictions"] == 2 * (left - 2)
