"""`assay monitor` on real stores: what it prints, and what its exit code says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.settings import Settings
from local.ports import free_port
from storage.monitor import latest_figures, open_findings


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as a command reads them; everything but the database and the object store is away."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    nowhere = f"http://127.0.0.1:{free_port()}"
    names = ("viral", "ctr", "recommendation", "face", "content", "gateway")
    chosen = {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
        "MLFLOW_TRACKING_URI": nowhere, "PREFECT_API_URL": f"{nowhere}/api", "ADMIN_PORT": str(free_port()),
        "MONITOR_DISK_FREE": "0",
        **{f"{name.upper()}_URL": nowhere for name in names},
    }  # fmt: skip
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return settings


def assay(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["monitor", *arguments])


def document(result: Result) -> Any:
    return json.loads(result.stdout)


def test_with_prefect_away_health_says_so_and_the_exit_code_is_one(
    environment: Settings, engine: Engine
) -> None:
    result = assay("--check", "health", "--json")
    assert result.exit_code == 1
    said = document(result)
    subjects = {one["subject"] for one in said["findings"]}
    assert {"Prefect", "MLflow", "service viral", "service admin"} <= subjects
    assert "PostgreSQL" not in subjects
    assert said["figures"]["platform"]["database: connections"]["value"] >= 1
    assert said["failures"] == []
    assert (
        {one.subject for one in open_findings(engine)}
        == subjects
        == {one.removeprefix("health/platform/") for one in said["new"]}
    )
    assert all(one.alerted_at is None for one in open_findings(engine))


def test_a_family_that_is_well_is_exit_code_zero_and_its_figures_are_a_table(
    environment: Settings, engine: Engine
) -> None:
    result = assay("--check", "stats", "--family", "viral")
    assert result.exit_code == 0, result.output
    assert "predictions" in result.stdout
    assert "Nothing is wrong." in result.stdout
    assert "predictions" in latest_figures(engine, "viral")


def test_what_is_only_looked_at_is_not_kept(environment: Settings, engine: Engine) -> None:
    assert assay("--check", "health", "--no-keep").exit_code == 1
    assert (open_findings(engine), latest_figures(engine, "")) == ([], {})


def test_what_cannot_be_looked_at_is_said_and_is_exit_code_one(environment: Settings) -> None:
    result = assay("--check", "drift", "--family", "viral", "--json")
    assert result.exit_code == 0, result.output  # nothing was ever promoted, so MLflow is not asked
    result = assay("--check", "freshness", "--json")
    assert result.exit_code == 1
    assert any("Prefect" in one for one in document(result)["failures"])


def test_without_a_database_it_still_says_how_things_are(
    environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PORT", str(free_port()))
    result = assay("--check", "health", "--json")
    assert result.exit_code == 1
    said = document(result)
    assert "PostgreSQL" in {one["subject"] for one in said["findings"]}
    assert any(one.startswith("Nothing is kept") for one in said["failures"])
    assert said["new"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "dirft"),
        ("--family", "virl"),
        ("--day", "2999-01-01"),
        ("--version", "3"),
        ("--family", "viral", "--version", "3", "--run"),
    ],
)
def test_what_makes_no_sense_is_a_fault_of_usage(environment: Settings, arguments: tuple[str, ...]) -> None:
    from config.errors import InputError

    result = assay(*arguments)
    assert isinstance(result.exception, InputError)  # cli.main.main makes it one sentence and exit code 2
