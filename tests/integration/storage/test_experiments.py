"""The life of an experiment on a real PostgreSQL: who may do what when, and that all of it is on record."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseError, ExperimentConflict, ExperimentNotFound, InputError
from storage import experiments
from storage.database import transaction
from storage.experiment_decisions import NewDecision, record_decisions
from tests.experiments_world import make, thumbnails

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)


def definition(name: str = "hook", variants: tuple[str, ...] = ("calm", "loud"), **more: Any) -> dict[str, Any]:
    return {"id": name, "title": "Which hook", "variants": [{"name": one} for one in variants], **more}


def draft(engine: Engine, name: str = "hook", **more: Any) -> experiments.ExperimentRecord:
    return experiments.create(engine, definition(name, **more), actor="ada", at=AT)


def running(engine: Engine, name: str = "hook") -> experiments.ExperimentRecord:
    draft(engine, name)
    return experiments.change_state(engine, name, "start", actor="ada", at=AT)


def told(engine: Engine, name: str = "hook") -> list[tuple[str, str | None, str, str]]:
    """The record, the oldest first."""
    found = experiments.changes(engine, name)[::-1]
    return [(one.action, one.from_state, one.to_state, one.actor) for one in found]


def test_a_new_experiment_is_a_draft_with_its_variants_at_zero(engine: Engine) -> None:
    made = draft(engine)
    assert (made.state, made.revision, made.winner, made.started_at) == ("draft", 1, None, None)
    assert [(one["variant"], one["position"], one["decisions"]) for one in made.variants] == [
        ("calm", 0, 0), ("loud", 1, 0)
    ]  # fmt: skip
    assert experiments.get(engine, "hook") == made
    assert told(engine) == [("create", None, "draft", "ada")]


def test_an_id_is_taken_once(engine: Engine) -> None:
    draft(engine)
    with pytest.raises(ExperimentConflict, match="an experiment 'hook' already"):
        draft(engine, title="Another")
    assert experiments.get(engine, "hook").title == "Which hook"
    assert len(told(engine)) == 1


def test_it_runs_pauses_runs_again_and_ends_with_a_winner(engine: Engine) -> None:
    draft(engine)
    moves: tuple[experiments.Action, ...] = ("start", "pause", "resume")
    for hour, action in enumerate(moves, start=1):
        experiments.change_state(engine, "hook", action, actor="ada", at=AT + timedelta(hours=hour))
    ended = experiments.change_state(
        engine, "hook", "conclude", actor="bo", at=AT + timedelta(days=2), winner="loud",
        reason="It is better.", details={"figures": {"decisions": 0}},
    )  # fmt: skip
    assert (ended.state, ended.winner, ended.revision) == ("concluded", "loud", 5)
    assert (ended.started_at, ended.concluded_at) == (AT + timedelta(hours=1), AT + timedelta(days=2))
    assert told(engine) == [
        ("create", None, "draft", "ada"),
        ("start", "draft", "running", "ada"),
        ("pause", "running", "paused", "ada"),
        ("resume", "paused", "running", "ada"),
        ("conclude", "running", "concluded", "bo"),
    ]
    last = experiments.changes(engine, "hook")[0]
    assert last.reason == "It is better."
    assert last.details == {"figures": {"decisions": 0}, "winner": "loud"}


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), "pause"), ((), "resume"), (("start",), "start"), (("start",), "resume"),
        (("start", "pause"), "start"), (("start", "pause"), "pause"),
        (("start", "conclude"), "start"), (("start", "conclude"), "pause"),
        (("start", "conclude"), "resume"), (("start", "conclude"), "conclude"),
    ],
)  # fmt: skip
def test_what_its_state_does_not_allow_is_a_conflict_and_leaves_no_trace(
    engine: Engine, before: tuple[experiments.Action, ...], action: experiments.Action
) -> None:
    draft(engine)
    for one in before:
        experiments.change_state(engine, "hook", one, actor="ada", at=AT, reason="why")
    was, record = experiments.get(engine, "hook"), told(engine)
    with pytest.raises(ExperimentConflict, match=f"is {was.state}: it cannot {action} now"):
        experiments.change_state(engine, "hook", action, actor="bo", at=AT, reason="why")
    assert experiments.get(engine, "hook") == was
    assert told(engine) == record


def test_a_winner_is_a_variant_and_without_one_there_is_a_reason(engine: Engine) -> None:
    running(engine)

    def conclude(**how: Any) -> experiments.ExperimentRecord:
        return experiments.change_state(engine, "hook", "conclude", actor="ada", at=AT, **how)

    with pytest.raises(InputError, match="'purple' is no variant of 'hook'"):
        conclude(winner="purple")
    for nothing in (None, "", "  "):
        with pytest.raises(InputError, match="say why"):
            conclude(reason=nothing)
    assert experiments.get(engine, "hook").state == "running"
    ended = conclude(reason="No difference that matters.")
    assert (ended.state, ended.winner) == ("concluded", None)


def test_a_draft_can_be_given_up_but_has_no_winner(engine: Engine) -> None:
    draft(engine)
    with pytest.raises(ExperimentConflict, match="has not run"):
        experiments.change_state(engine, "hook", "conclude", actor="ada", at=AT, winner="calm")
    ended = experiments.change_state(engine, "hook", "conclude", actor="ada", at=AT, reason="A slip.")
    assert (ended.state, ended.started_at) == ("concluded", None)


def test_a_draft_is_edited_and_the_record_keeps_what_was_before(engine: Engine) -> None:
    draft(engine)
    changed = definition(variants=("loud", "calm", "odd"), title="Which hook of three")
    made = experiments.edit(engine, "hook", changed, actor="bo", at=AT, revision=1, reason="One more")
    assert (made.title, made.revision) == ("Which hook of three", 2)
    assert [one["variant"] for one in made.variants] == ["loud", "calm", "odd"]
    newest = experiments.changes(engine, "hook")[0]
    assert (newest.action, newest.actor, newest.reason) == ("edit", "bo", "One more")
    assert newest.details["before"] == definition()


def test_only_a_draft_is_edited_and_its_id_stays(engine: Engine) -> None:
    draft(engine)
    with pytest.raises(InputError, match="'hook', not 'other'"):
        experiments.edit(engine, "hook", definition("other"), actor="bo", at=AT)
    experiments.change_state(engine, "hook", "start", actor="ada", at=AT)
    for action in ("pause", "conclude"):
        with pytest.raises(ExperimentConflict, match="only a draft can be edited"):
            experiments.edit(engine, "hook", definition(title="New"), actor="bo", at=AT)
        experiments.change_state(engine, "hook", action, actor="ada", at=AT, reason="why")
    assert experiments.get(engine, "hook").title == "Which hook"


def test_who_decides_from_an_old_page_is_told(engine: Engine) -> None:
    seen = running(engine).revision
    experiments.change_state(engine, "hook", "pause", actor="bo", at=AT, revision=seen)
    with pytest.raises(ExperimentConflict, match="in the meantime: it is paused, at revision 3"):
        experiments.change_state(
            engine, "hook", "conclude", actor="ada", at=AT, winner="calm", revision=seen
        )  # fmt: skip
    assert experiments.get(engine, "hook").winner is None


def test_of_many_who_change_it_at_once_one_is_first(engine: Engine) -> None:
    seen = running(engine).revision

    def conclude(number: int) -> str | None:
        try:
            winner = "calm" if number % 2 else "loud"
            made = experiments.change_state(
                engine, "hook", "conclude", actor=f"admin {number}", at=AT, winner=winner, revision=seen
            )
        except ExperimentConflict:
            return None
        return made.winner

    with ThreadPoolExecutor(8) as pool:
        winners = [one for one in pool.map(conclude, range(8)) if one]
    assert winners == [experiments.get(engine, "hook").winner]
    assert len(told(engine)) == 3


def test_of_many_who_create_the_same_id_at_once_one_does(engine: Engine) -> None:
    def make(number: int) -> bool:
        try:
            experiments.create(engine, definition(title=f"Title {number}"), actor=f"admin {number}", at=AT)
        except ExperimentConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 1
    [created] = experiments.changes(engine, "hook")
    assert experiments.get(engine, "hook").title.removeprefix("Title") == created.actor.removeprefix("admin")


def test_a_pause_holds_from_its_end_on_however_many_decide(engine: Engine) -> None:
    definition = make(engine, thumbnails("busy"))
    paused, stop, after = Event(), Event(), []

    def decide(worker: int) -> int:
        count = 0
        for number in itertools.count():
            if stop.is_set():
                return count
            late = paused.is_set()
            row = NewDecision(
                str(uuid4()), "busy", definition.names[number % 3], f"{worker}-{number}", True, AT, 0.5, None, 1
            )
            [made] = record_decisions(engine, [row])
            count += made.refused is None
            after.append(late and made.refused is None)
        raise AssertionError("numbers do not end")

    with ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(decide, worker) for worker in range(4)]
        time.sleep(0.5)
        experiments.change_state(engine, "busy", "pause", actor="ada", at=AT)
        paused.set()
        time.sleep(0.2)
        stop.set()
        made = sum(one.result() for one in counts)
    assert made > 0
    assert not any(after)
    assert sum(one["decisions"] for one in experiments.get(engine, "busy").variants) == made


@pytest.mark.parametrize(
    "statement",
    [
        "update experiment_changes set actor = 'x'",
        "delete from experiment_changes",
        "truncate experiment_changes",
    ],
)
def test_the_record_cannot_be_changed(engine: Engine, statement: str) -> None:
    running(engine)
    before = told(engine)
    with pytest.raises(DatabaseError), transaction(engine) as connection:
        connection.execute(text(statement))
    assert told(engine) == before


def test_a_change_whose_record_cannot_be_written_is_not_made(engine: Engine) -> None:
    draft(engine)
    with pytest.raises(DatabaseError):
        experiments.change_state(engine, "hook", "start", actor="", at=AT)
    assert experiments.get(engine, "hook").state == "draft"


def test_an_alarm_is_put_on_record_once_a_run(engine: Engine) -> None:
    running(engine)

    def alarm(about: str = "loud/latency") -> bool:
        return experiments.alarm(
            engine, "hook", about=about, actor="guard", reason="Slower", at=AT, details={"low": 0.2}
        )

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: alarm(), range(4))) == 1
    assert alarm("loud/errors")
    for action in ("pause", "resume"):
        experiments.change_state(engine, "hook", action, actor="ada", at=AT)
    assert alarm()
    newest = experiments.changes(engine, "hook")[0]
    assert (newest.action, newest.from_state, newest.to_state) == ("alarm", "running", "running")
    assert newest.details == {"about": "loud/latency", "low": 0.2}


def test_all_are_listed_with_running_ones_first(engine: Engine) -> None:
    assert experiments.every(engine) == []
    for number, name in enumerate(("old-draft", "new-draft", "runs", "paused", "over")):
        experiments.create(engine, definition(name), actor="ada", at=AT + timedelta(hours=number))
    moves: dict[str, list[experiments.Action]] = {
        "runs": ["start"], "paused": ["start", "pause"], "over": ["start", "conclude"],
    }  # fmt: skip
    for name, actions in moves.items():
        for action in actions:
            experiments.change_state(engine, name, action, actor="ada", at=AT, reason="why")
    assert [one.id for one in experiments.every(engine)] == ["runs", "paused", "new-draft", "old-draft", "over"]
    assert [one.id for one in experiments.every(engine, state="paused")] == ["paused"]
    assert experiments.every(engine)[0] == experiments.get(engine, "runs")


@pytest.mark.parametrize("strange", ["a\0b", "\ud800", ""])
def test_what_no_id_can_be_is_not_there(engine: Engine, strange: str) -> None:
    with pytest.raises(ExperimentNotFound):
        experiments.get(engine, strange)
    with pytest.raises(ExperimentNotFound):
        experiments.changes(engine, strange)
    with pytest.raises(ExperimentNotFound):
        experiments.change_state(engine, strange, "start", actor="ada", at=AT)


def test_an_unknown_experiment_is_said_to_be_unknown(engine: Engine) -> None:
    for ask in (
        lambda: experiments.get(engine, "none"),
        lambda: experiments.changes(engine, "none"),
        lambda: experiments.change_state(engine, "none", "start", actor="ada", at=AT),
        lambda: experiments.edit(engine, "none", definition("none"), actor="ada", at=AT),
        lambda: experiments.alarm(engine, "none", about="x", actor="guard", reason="x", at=AT),
    ):
        with pytest.raises(ExperimentNotFound, match="no experiment 'none'"):
            ask()
