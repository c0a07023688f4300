"""`assay moderation` and `assay content` on a real database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.errors import InputError
from config.settings import Settings
from storage.contents import get_content
from storage.moderation import get_decision
from storage.moderation_trail import appeals_of, reviews_of
from tests.moderation_world import POST, VIDEO, fill

AT = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def world(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(settings, engine, AT)
    monkeypatch.setattr("config.settings.load_settings", lambda: settings)
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setenv("COLUMNS", "250")


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_the_queue_begins_with_the_appeal_and_is_filtered() -> None:
    rows = told("moderation", "queue")
    assert [one["id"] for one in rows[:2]] == [str(POST), str(VIDEO)]
    assert len(rows) == 5
    assert [one["id"] for one in told("moderation", "queue", "--label", "violence")] == [str(VIDEO)]
    assert len(told("moderation", "queue", "--not-appealed", "--kind", "comment", "--limit", "2")) == 2
    shown = run("moderation", "queue").stdout
    assert "rejected, appealed" in shown
    assert "spam 0.97" in shown


def test_a_review_is_kept_under_the_account_of_the_machine(engine: Engine) -> None:
    run("moderation", "review", str(POST), "--reject", "toxicity", "--reject", "spam", "--note", "rule 4")
    (said,) = reviews_of(engine, POST)
    assert (said.reviewer, said.decision, said.labels, said.note) == (
        "ana", "rejected", ("spam", "toxicity"), "rule 4",
    )  # fmt: skip
    shown = run("moderation", "show", str(POST)).stdout
    assert "rule 4" in shown
    assert "upheld" in shown
    assert told("moderation", "show", str(POST))["appeals"][0]["outcome"] == "upheld"


def test_several_are_approved_at_once(engine: Engine) -> None:
    run("moderation", "review", str(POST), str(VIDEO), "--approve")
    assert [reviews_of(engine, one)[0].labels for one in (POST, VIDEO)] == [(), ()]


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ((), "Say what to do"),
        (("--approve", "--reject", "spam"), "Say what to do"),
        (("--reject", "rude"), "none of"),
    ],
)
def test_a_review_that_is_not_clear_is_refused(options: tuple[str, ...], wrong: str, engine: Engine) -> None:
    with pytest.raises(InputError, match=wrong):
        CliRunner().invoke(app, ["moderation", "review", str(POST), *options], catch_exceptions=False)
    assert reviews_of(engine, POST) == []


def test_an_appeal_is_noted(engine: Engine) -> None:
    run("moderation", "appeal", str(VIDEO), "--by", "creator-0", "--text", "It is paint.")
    assert [(one.appellant_id, one.text) for one in appeals_of(engine, VIDEO)] == [
        ("creator-0", "It is paint.")
    ]
    found = get_decision(engine, VIDEO)
    assert found is not None
    assert found.appealed


def test_content_is_added_and_shown(engine: Engine) -> None:
    run("content", "add", "post-9", "--text", "hello", "--creator", "ada", "--tag", "a", "--tag", "b")
    found = get_content(engine, "post-9")
    assert found is not None
    assert (found.kind, found.text, found.creator_id, found.tags) == ("post", "hello", "ada", ["a", "b"])
    assert "pending" in run("content", "show", "post-9").stdout
    shown = run("content", "show", "video/1").stdout
    for said in ("positive", "The file has no sound.", "content.moderated"):
        assert said in shown
    assert len(told("content", "show", "video/1")["jobs"]) == 2


def test_what_is_not_there_is_said() -> None:
    for arguments in (["content", "show", "nobody"], ["content", "add", "empty"]):
        with pytest.raises(InputError):
            CliRunner().invoke(app, arguments, catch_exceptions=False)
