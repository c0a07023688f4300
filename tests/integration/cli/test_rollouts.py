"""`assay models canary`, `shadow`, `rollouts` and `stop` on a real database and a real MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.errors import GateFailed, ModelNotFound
from config.settings import Settings
from storage.rollouts import list_rollouts
from tasks.platform import Platform
from tests.integration.tasks.rollout_world import promote, register

Call = Callable[..., Result]


@pytest.fixture
def call(ml_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command; an error of ours is raised, as `assay` itself then shows it."""
    password = ml_settings.db_password.get_secret_value() if ml_settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(ml_settings.home), "DB_HOST": str(ml_settings.db_host),
        "DB_PORT": str(ml_settings.db_port), "DB_USER": ml_settings.db_user, "DB_PASSWORD": password,
        "DB_NAME": ml_settings.db_name, "MLFLOW_TRACKING_URI": ml_settings.mlflow_url, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def one(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["models", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return one


def test_a_version_is_tried_compared_and_stopped(call: Call, ml_settings: Settings, engine: Engine) -> None:
    parts = Platform(ml_settings)
    promote(parts, register(parts))
    second = register(parts, champion="1")
    parts.close()
    assert "No version was ever tried" in call("rollouts").output

    told = call("canary", "viral", second, "--share", "0.05", "-m", "a twentieth first").output
    assert "Version 2 of viral answers 5 % of the questions, beside version 1." in told
    shown = call("rollouts", "viral").output
    assert "Not decided yet" in shown
    assert "a twentieth first" in shown
    found = json.loads(call("rollouts", "viral", "--json").stdout)
    assert (found["rollout"]["mode"], found["losses"]) == ("canary", None)
    assert "Version 2 of viral is tried no more; version 1 answers everything." in call("stop", "viral").output
    assert (
        "is asked, unseen, 100 % of the questions" in call("shadow", "viral", second, "-m", "and unseen").output
    )
    ran = json.loads(call("rollouts", "--json").stdout)
    assert [(one["mode"], one["outcome"]) for one in ran] == [("shadow", None), ("canary", "stopped")]
    call("stop", "viral")
    with pytest.raises(ModelNotFound):
        call("stop", "viral")


def test_a_canary_asks_for_the_gate_or_for_force(call: Call, ml_settings: Settings, engine: Engine) -> None:
    parts = Platform(ml_settings)
    promote(parts, register(parts))
    late = register(parts)  # judged while nothing was in production
    parts.close()
    with pytest.raises(GateFailed):
        call("canary", "viral", late, "-m", "a tenth")
    assert list_rollouts(engine) == []
    call("canary", "viral", late, "-m", "a tenth", "--force")
    assert [one.share for one in list_rollouts(engine)] == [0.1]
