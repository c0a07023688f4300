"""`assay experiments` on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.errors import ExperimentConflict, ExperimentNotFound, InputError
from config.settings import Settings
from models.experiments.advice import days_in_words
from tests.experiments_world import make, thumbnails, visit

Call = Callable[..., Result]
YAML = """
id: hooks
title: Which hook keeps people
variants:
  - {name: calm, share: 2}
  - name: loud
reward: {name: seconds, kind: number, low: 0, high: 60, missing: ignore}
guardrails:
  - {metric: errors, limit: 0.01}
"""


@pytest.fixture
def call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command; an error of ours is raised, as `assay` itself then shows it."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name, "COLUMNS": "200",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def one(*arguments: str, given: str | None = None) -> Result:
        result = CliRunner().invoke(app, ["experiments", *arguments], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return one


def test_an_experiment_goes_from_a_file_to_its_winner(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "hooks.yaml"
    file.write_text(YAML)
    made = json.loads(call("create", str(file), "--json").stdout)
    assert (made["state"], made["definition"]["variants"][0]["share"]) == ("draft", 2.0)
    call("edit", "hooks", str(file), "--reason", "same again")
    for action in ("start", "pause", "resume"):
        assert call(action, "hooks").exit_code == 0
    ended = json.loads(call("conclude", "hooks", "--winner", "loud", "-m", "keeps them", "--json").stdout)
    assert (ended["state"], ended["winner"]) == ("concluded", "loud")
    record = json.loads(call("history", "hooks", "--json").stdout)
    assert [one["action"] for one in record] == ["conclude", "resume", "pause", "start", "edit", "create"]
    assert record[0]["reason"] == "keeps them"
    assert record[0]["details"]["figures"]["decisions"] == 0
    shown = call("history", "hooks").stdout
    assert "keeps them" in shown
    assert "loud" in shown


def test_options_alone_define_one_and_it_can_start_at_once(call: Call) -> None:
    made = json.loads(
        call(
            "create", "--id", "colour", "--variant", "red=3", "--variant", "blue", "--policy", "thompson",
            "--low", "0", "--high", "5", "--reward", "stars", "--missing", "ignore", "--traffic", "0.5",
            "--minimum-effect", "0.1", "--start", "--json",
        ).stdout
    )  # fmt: skip
    definition = made["definition"]
    assert (made["state"], made["title"], definition["traffic"]) == ("running", "colour", 0.5)
    assert definition["reward"] == {
        "name": "stars", "kind": "number", "low": 0.0, "high": 5.0, "missing": "ignore", "window_hours": 24.0
    }  # fmt: skip
    assert (definition["policy"]["kind"], definition["policy"]["posterior"]) == ("thompson", "normal")
    assert [(one["name"], one["share"]) for one in definition["variants"]] == [("red", 3.0), ("blue", 1.0)]


def test_an_option_changes_what_the_file_says(call: Call) -> None:
    made = json.loads(call("create", "-", "--id", "other", "--traffic", "0.1", "--json", given=YAML).stdout)
    assert (made["id"], made["definition"]["traffic"], made["definition"]["reward"]["high"]) == (
        "other",
        0.1,
        60,
    )


@pytest.mark.parametrize(
    ("arguments", "given", "wrong"),
    [
        (("create",), None, "Say what to create"),
        (("create", "-"), "[1, 2]", "no object of fields"),
        (("create", "-"), "{a: [", "neither JSON nor YAML"),
        (("create", "nowhere.json"), None, "nowhere.json cannot be read"),
        (("create", "--id", "x", "--variant", "a"), None, "variants: "),
        (("create", "--id", "x", "--variant", "a=x", "--variant", "b"), None, "'x' is no share"),
        (("create", "--id", "x", "--variant", "a", "--variant", "a"), None, "two variants have the same name"),
        (("create", "--id", "a\0b", "--variant", "a", "--variant", "b"), None, "cannot be kept"),
        (("list", "--state", "odd"), None, "no state 'odd'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    call: Call, arguments: tuple[str, ...], given: str | None, wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong):
        call(*arguments, given=given)


def test_what_is_not_there_or_cannot_be_now_is_said(call: Call) -> None:
    with pytest.raises(ExperimentNotFound):
        call("stats", "nothing")
    call("create", "--id", "x", "--variant", "a", "--variant", "b")
    with pytest.raises(ExperimentConflict, match="is draft: it cannot pause now"):
        call("pause", "x")
    with pytest.raises(ExperimentConflict, match="already"):
        call("create", "--id", "x", "--variant", "a", "--variant", "b")
    call("start", "x")
    with pytest.raises(InputError, match="say why"):
        call("conclude", "x")
    with pytest.raises(ExperimentConflict, match="only a draft can be edited"):
        call("edit", "x", "-", given='{"title": "X", "variants": [{"name": "a"}, {"name": "b"}]}')


def test_figures_are_shown_and_as_json(call: Call, engine: Engine) -> None:
    definition = make(engine, thumbnails())
    visit(engine, definition, {"plain": 0.05, "face": 0.3, "text": 0.1}, 400)
    found = json.loads(call("stats", "thumbnails", "--json").stdout)
    assert found["decisions"] == 400
    assert sum(one["decisions"] for one in found["variants"]) == 400
    assert {one["metric"] for one in found["metrics"]} == {"load_seconds"}
    shown = call("stats", "thumbnails").output
    assert "thumbnails is running: 400 decisions" in shown
    assert f"{days_in_words(found['days_needed'])} more needed." in shown
    for word in ("plain (control)", "against the control", "load_seconds", found["recommendation"]):
        assert word in shown.replace("\n", " ")
    listed = call("list", "--state", "running").stdout
    assert "thumbnails" in listed
    assert json.loads(call("list", "--json").stdout)[0]["id"] == "thumbnails"
    assert "load_seconds at most 0.2 higher, from 0 to 5 (alarm)" in call("show", "thumbnails").stdout


def test_other_policies_are_estimated_from_the_log(call: Call, engine: Engine) -> None:
    definition = make(engine, thumbnails())
    visit(engine, definition, {"plain": 0.05, "face": 0.3, "text": 0.1}, 400)
    found = json.loads(call("off-policy", "thumbnails", "--json").stdout)
    assert found["rows"] == 400
    values = {one["variant"]: one["snips"]["value"] for one in found["policies"]}
    assert values["face"] == pytest.approx(0.3, abs=0.1)
    shown = call("off-policy", "thumbnails").output
    assert "always face" in shown
    assert "uniform split" in shown


def test_an_experiment_that_is_over_gives_no_advice(call: Call, engine: Engine) -> None:
    make(engine, thumbnails())
    call("conclude", "thumbnails", "--reason", "no budget")
    found = json.loads(call("stats", "thumbnails", "--json").stdout)
    assert found["recommendation"] == "It is concluded: everybody gets the control, plain."
    assert found["days_needed"] is None
