"""`assay trending` on a real database."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.main import app
from config.settings import Settings
from tests.trending_world import items, known, send, tick


@pytest.fixture(autouse=True)
def _environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name, "COLUMNS": "160",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def call(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["trending", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return str(answer.stdout)


def test_before_the_first_run_it_says_how_to_start_one() -> None:
    assert "assay flows run refresh-trending" in call()
    assert json.loads(call("--json")) == []


def test_it_lists_what_trends_by_window_kind_and_category(engine: Engine, settings: Settings) -> None:
    items(engine, "song", category="music", author_id="ann")
    send(engine, [row for user in "ab" for row in known(user, "song", 20)])
    tick(engine, settings)
    table = call("--category", "music")
    assert "song" in table
    assert "ann" in table
    assert "Of the last 24h, as of 2026-03-10 12:07 UTC" in table
    assert "Nothing trends here" in call("--category", "music", "--window", "6h")
    (row,) = json.loads(call("--category", "music", "--kind", "video", "--json"))
    assert (row["item_id"], row["accounts"], row["window"]) == ("song", 2, "24h")
