"""`assay flags` on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.errors import InputError
from config.settings import Settings
from storage.flags import read_flags

Call = Callable[..., Result]


@pytest.fixture
def call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command; an error of ours is raised, as `assay` itself then shows it."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def one(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["flags", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return one


def test_a_flag_is_rolled_out_step_by_step_and_every_step_is_on_record(call: Call, engine: Engine) -> None:
    told = call("set", "mlRecommendations", "--on", "--rollout", "10", "--reason", "a tenth first")
    assert "mlRecommendations is on for 10 % of the users; it was on for everybody." in told.output
    call("set", "mlRecommendations", "--rollout", "50", "-m", "it went well")
    call("set", "mlRecommendations", "--off", "-m", "complaints")
    assert read_flags(engine)["mlRecommendations"].rollout == 50, "the roll-out waits for the flag"
    record = json.loads(call("history", "mlRecommendations", "--json").stdout)
    assert [(one["enabled"], one["rollout"], one["reason"]) for one in record] == [
        (False, 50, "complaints"), (True, 50, "it went well"), (True, 10, "a tenth first"),
    ]  # fmt: skip
    shown = call("history").stdout
    assert "a tenth first" in shown
    assert "on for 10 % of the users" in shown


def test_the_list_says_for_whom_each_flag_is_on_and_what_it_does(call: Call) -> None:
    assert "everybody" in call("list").stdout
    call("set", "engagementRanking", "--off", "-m", "newest first")
    found = {one["name"]: one for one in json.loads(call("list", "--json").stdout)}
    assert list(found) == ["mlRecommendations", "personalizedFeed", "engagementRanking"]
    assert (found["engagementRanking"]["enabled"], found["engagementRanking"]["revision"]) == (False, 1)


def test_nothing_is_on_record_before_the_first_change(call: Call) -> None:
    assert "No flag has been changed yet" in call("history").stdout


def test_a_change_that_is_not_clear_is_refused(call: Call, engine: Engine) -> None:
    with pytest.raises(InputError, match="Say what to change"):
        call("set", "mlRecommendations", "-m", "why")
    with pytest.raises(InputError, match=r"no flag .ml.\. Flags: mlRecommendations"):
        call("set", "ml", "--on", "-m", "why")
    with pytest.raises(InputError, match="nothing would change"):
        call("set", "mlRecommendations", "--on", "-m", "why")
    assert call("set", "mlRecommendations", "--off").exit_code != 0, "a reason is asked for"
    assert call("set", "mlRecommendations", "--rollout", "101", "-m", "why").exit_code != 0
    assert read_flags(engine)["mlRecommendations"].revision == 0
