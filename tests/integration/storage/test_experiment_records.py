"""Decisions, rewards, their sums, and learning, on a real database."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseUnavailable, ExperimentNotFound
from config.settings import Settings
from models.experiments.definition import Definition, parse_definition
from storage.experiment_decisions import (
    NewDecision,
    NewReward,
    Recorded,
    open_connection,
    record_decisions,
    record_rewards,
)
from storage.experiment_learning import LoggedDecision, learn
from storage.experiment_log import decision_log, tallies, timeline
from storage.experiments import change_state, create

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
_numbers = itertools.count(1)


def experiment(engine: Engine, *, start: bool = True, **fields: Any) -> Definition:
    definition = parse_definition(
        {"id": f"x{next(_numbers)}", "title": "X", "variants": [{"name": "a"}, {"name": "b"}], **fields}
    )
    create(engine, definition.as_dict(), actor="test", at=AT)
    if start:
        change_state(engine, definition.id, "start", actor="test", at=AT)
    return definition


def decision(definition: Definition, subject: str | None = None, **fields: Any) -> NewDecision:
    values = {"variant": "a", "at": AT, "propensity": 0.5, "context": None, "policy_version": 0}
    sticky = subject is not None
    return NewDecision(str(uuid.uuid4()), definition.id, subject_id=subject, sticky=sticky, **(values | fields))


def decide(engine: Engine, definition: Definition, *subjects: str | None, **fields: Any) -> list[Recorded]:
    return record_decisions(engine, [decision(definition, subject, **fields) for subject in subjects])


def reward(definition: Definition, decided: Recorded | str, value: float, **fields: Any) -> NewReward:
    identity = decided if isinstance(decided, str) else decided.id
    rest: dict[str, Any] = {"at": AT + HOUR, "window_seconds": 24 * 3600, **fields}
    return NewReward(identity, definition.id, value, definition.reward.scaled(value), **rest)


def counts(engine: Engine, definition: Definition) -> dict[str, tuple[int, int, float]]:
    query = text(
        "select variant, decisions, rewarded, reward_sum from experiment_variants where experiment_id = :id"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"id": definition.id}).all()
    return {row[0]: (row[1], row[2], float(row[3])) for row in rows}


def test_a_decision_is_counted_once_however_often_it_is_sent(engine: Engine) -> None:
    shop = experiment(engine)
    rows = [decision(shop, "ann"), decision(shop, None, variant="b"), decision(shop, None)]
    first = record_decisions(engine, rows)
    assert [each.repeated for each in first] == [False] * 3
    assert record_decisions(engine, rows) == first
    assert counts(engine, shop) == {"a": (2, 0, 0.0), "b": (1, 0, 0.0)}


def test_a_subject_keeps_its_first_variant_also_within_one_group(engine: Engine) -> None:
    shop = experiment(engine)
    found = record_decisions(
        engine, [decision(shop, "ann", variant=name, propensity=0.5) for name in ("a", "b", "a", "b")]
    )
    assert len({each.id for each in found}) == 1
    assert sorted(each.repeated for each in found) == [False, True, True, True]
    later = decide(engine, shop, "ann", variant="b", propensity=0.9)[0]
    assert (later.id, later.variant, later.propensity, later.repeated) == (
        found[0].id,
        found[0].variant,
        0.5,
        True,
    )
    assert sum(number for number, _, _ in counts(engine, shop).values()) == 1


def test_only_a_running_experiment_takes_decisions(engine: Engine) -> None:
    draft, running, paused = experiment(engine, start=False), experiment(engine), experiment(engine)
    change_state(engine, paused.id, "pause", actor="test", at=AT)
    absent = NewDecision(str(uuid.uuid4()), "nowhere", "a", None, False, AT, 0.5, None, 0)
    rows = [decision(draft), decision(running), decision(paused), absent]
    assert [each.refused for each in record_decisions(engine, rows)] == ["draft", None, "paused", "missing"]
    assert counts(engine, paused)["a"] == (0, 0, 0.0)


def test_a_pause_waits_for_decisions_on_their_way_and_none_comes_after_it(engine: Engine) -> None:
    shop, stop = experiment(engine), threading.Event()
    refused: list[str | None] = []

    def go_on() -> None:
        while not stop.is_set():
            refused.append(decide(engine, shop, None)[0].refused)

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(refused) < 30:
        stop.wait(0.01)
    change_state(engine, shop.id, "pause", actor="test", at=AT)
    at_pause = counts(engine, shop)["a"][0]
    stop.wait(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert counts(engine, shop)["a"][0] == at_pause == refused.count(None)
    assert set(refused) == {None, "paused"}


def test_the_first_reward_stands(engine: Engine) -> None:
    shop = experiment(engine)
    ann, ben = decide(engine, shop, "ann", "ben")
    found = record_rewards(engine, [reward(shop, ann, 1), reward(shop, ann, 1), reward(shop, ann, 0)])
    assert [each.status for each in found] == ["counted", "repeated", "conflict"]
    found = record_rewards(engine, [reward(shop, ann, 0), reward(shop, ben, 0), reward(shop, ann, 1)])
    assert [each.status for each in found] == ["conflict", "counted", "repeated"]
    assert [each.value for each in found] == [1.0, 0.0, 1.0]
    assert counts(engine, shop)["a"] == (2, 2, 1.0)


def test_a_late_reward_is_kept_and_counts_nowhere(engine: Engine) -> None:
    shop = experiment(engine)
    ann, ben = decide(engine, shop, "ann", "ben")
    rows = [reward(shop, ann, 1, at=AT + 24 * HOUR), reward(shop, ben, 1, at=AT + 24.01 * HOUR)]
    assert [each.status for each in record_rewards(engine, rows)] == ["counted", "late"]
    assert [each.status for each in record_rewards(engine, rows)] == ["repeated", "repeated"]
    assert counts(engine, shop)["a"] == (2, 1, 1.0)


def test_a_reward_of_another_experiment_or_of_nothing_is_unknown(engine: Engine) -> None:
    shop, other = experiment(engine), experiment(engine)
    ann = decide(engine, shop, "ann")[0]
    rows = [reward(other, ann, 1), reward(shop, str(uuid.uuid4()), 1)]
    assert [each.status for each in record_rewards(engine, rows)] == ["unknown", "unknown"]
    assert counts(engine, shop)["a"] == (1, 0, 0.0)


def test_tallies_are_the_sums_over_the_decisions(engine: Engine) -> None:
    shop = experiment(
        engine, reward={"kind": "number", "low": -1, "high": 3}, guardrails=[{"metric": "slow", "limit": 0.1}]
    )
    made = decide(engine, shop, "ann", "ben", propensity=0.25) + decide(engine, shop, "cat", variant="b")
    record_rewards(engine, [reward(shop, made[0], 2.0, metrics={"slow": 0.5})])
    first, second = tallies(engine, shop.id, AT + HOUR)
    r, zero = 0.75, 0.25  # scaled: 2 and the 0 that no reward means
    assert (first["variant"], first["decisions"], first["rewarded"], first["counted"]) == ("a", 2, 1, 2)
    assert (first["pending"], second["pending"]) == (1, 1)
    assert first["reward_sum"] == pytest.approx(r + zero)
    assert first["reward_squares"] == pytest.approx(r * r + zero * zero)
    assert (first["weights"], first["weight_squares"]) == (8, 32)
    assert first["weighted_rewards"] == pytest.approx(4 * (r + zero))
    assert first["weighted_reward_squares"] == pytest.approx(16 * (r * r + zero * zero))
    assert first["weighted_cross"] == pytest.approx(16 * (r + zero))
    assert (first["metrics"], second["metrics"]) == ({"slow": (1, 0.5, 0.25)}, {})
    assert tallies(engine, shop.id, AT + 25 * HOUR)[0]["pending"] == 0
    with pytest.raises(ExperimentNotFound):
        tallies(engine, "nowhere", AT)


def test_without_a_meaning_for_silence_only_rewards_count(engine: Engine) -> None:
    shop = experiment(engine, reward={"missing": "ignore"})
    ann, _ = decide(engine, shop, "ann", "ben")
    record_rewards(engine, [reward(shop, ann, 1)])
    row = tallies(engine, shop.id, AT)[0]
    assert (row["decisions"], row["counted"], row["reward_sum"], row["weights"]) == (2, 1, 1.0, 2.0)
    assert decision_log(engine, shop.id)["reward"].tolist() == [1.0]


def test_the_timeline_grows_to_the_totals(engine: Engine) -> None:
    shop = experiment(engine)
    assert timeline(engine, shop.id) == []
    made = [decide(engine, shop, f"s{hour}", at=AT + hour * HOUR)[0] for hour in range(5)]
    record_rewards(engine, [reward(shop, made[4], 1, at=AT + 5 * HOUR)])
    points = [point for point in timeline(engine, shop.id, points=4) if point["variant"] == "a"]
    assert [point["decisions"] for point in points] == [1, 2, 3, 5]
    assert [point["reward_sum"] for point in points] == [0, 0, 0, 1]
    assert [point["at"] for point in points] == [AT + hour * HOUR for hour in range(1, 5)]
    assert len(timeline(engine, shop.id, points=4)) == 8


def test_the_log_has_what_off_policy_estimates_need(engine: Engine) -> None:
    shop = experiment(engine, context=[{"name": "country"}])
    for at, name in ((AT, "a"), (AT + HOUR, "b")):
        decide(engine, shop, None, at=at, variant=name, propensity=0.25, context={"country": name})
    log = decision_log(engine, shop.id)
    assert log["variant"].tolist() == [0, 1]
    assert log["propensity"].tolist() == [0.25, 0.25]
    assert log["context"] == [{"country": "a"}, {"country": "b"}]
    assert decision_log(engine, shop.id, limit=1)["variant"].tolist() == [1]


def teach(state: bytes | None, rows: Sequence[LoggedDecision]) -> bytes:
    """A model that is the list of what it was taught."""
    return (state or b"") + "".join(f"{row.id}={row.reward};" for row in rows).encode()


def learned(engine: Engine, definition: Definition) -> list[str]:
    query = text("select model from experiment_models where experiment_id = :id")
    with engine.connect() as connection:
        model = connection.execute(query, {"id": definition.id}).scalar()
    return bytes(model or b"").decode().split(";")[:-1]


def test_each_decision_teaches_once(engine: Engine) -> None:
    shop = experiment(engine)
    ann, ben, cat = decide(engine, shop, "ann", "ben", "cat")
    record_rewards(engine, [reward(shop, ann, 1)])
    done = learn(engine, shop.id, teach, now=AT)
    assert done is not None
    assert (done.decisions, done.version, done.total, done.more) == (1, 1, 1, False)
    record_rewards(engine, [reward(shop, ben, 0)])
    learn(engine, shop.id, teach, now=AT)
    assert learned(engine, shop) == [f"{ann.id}=1.0", f"{ben.id}=0.0"]
    closed = (AT - HOUR, AT + HOUR)
    done = learn(engine, shop.id, teach, now=AT, closed=closed)
    assert done is not None
    assert (done.decisions, done.version, done.total) == (1, 3, 3)
    again = learn(engine, shop.id, teach, now=AT, closed=closed)
    assert again is not None
    assert (again.decisions, again.version) == (0, 3)
    assert learned(engine, shop)[-1] == f"{cat.id}=None"


def test_what_was_learned_as_no_reward_takes_one_only_as_late(engine: Engine) -> None:
    shop = experiment(engine)
    ann = decide(engine, shop, "ann")[0]
    learn(engine, shop.id, teach, now=AT, closed=(AT - HOUR, AT))
    assert record_rewards(engine, [reward(shop, ann, 1)])[0].status == "late"
    assert counts(engine, shop)["a"] == (1, 0, 0.0)


def test_a_learner_that_fails_in_the_middle_has_learned_nothing(engine: Engine) -> None:
    shop = experiment(engine)
    ann = decide(engine, shop, "ann")[0]
    record_rewards(engine, [reward(shop, ann, 1)])

    def fail(state: bytes | None, rows: Sequence[LoggedDecision]) -> bytes:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        learn(engine, shop.id, fail, now=AT)
    assert learned(engine, shop) == []
    learn(engine, shop.id, teach, now=AT)
    assert learned(engine, shop) == [f"{ann.id}=1.0"]


LEARNER = """
import sys, time
from datetime import UTC, datetime
from sqlalchemy import create_engine
from storage.experiment_learning import learn

def teach(state, rows):
    print("learning", flush=True)
    time.sleep(60)

learn(create_engine(sys.argv[1]), sys.argv[2], teach, now=datetime.now(UTC))
"""


def test_a_learner_that_is_killed_in_the_middle_has_learned_nothing(settings: Settings, engine: Engine) -> None:
    shop = experiment(engine)
    ann = decide(engine, shop, "ann")[0]
    record_rewards(engine, [reward(shop, ann, 1)])
    command = [sys.executable, "-c", LEARNER, settings.database_url(), shop.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "learning\n"
        assert learn(engine, shop.id, teach, now=AT) is None
        killed.kill()
    deadline = time.monotonic() + 10
    while learn(engine, shop.id, teach, now=AT) is None:  # the server notices that the other end is gone
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert learned(engine, shop) == [f"{ann.id}=1.0"]


def test_of_two_learners_at_once_one_is_turned_away(engine: Engine) -> None:
    shop = experiment(engine)
    record_rewards(engine, [reward(shop, decide(engine, shop, "ann")[0], 1)])
    others: list[object] = []

    def slow(state: bytes | None, rows: Sequence[LoggedDecision]) -> bytes:
        others.append(learn(engine, shop.id, teach, now=AT))
        return teach(state, rows)

    assert learn(engine, shop.id, slow, now=AT) is not None
    assert others == [None]
    assert len(learned(engine, shop)) == 1


def test_a_reward_that_comes_while_silence_is_learned_from_is_not_lost(engine: Engine) -> None:
    shop = experiment(engine)
    ann = decide(engine, shop, "ann")[0]

    def meanwhile(state: bytes | None, rows: Sequence[LoggedDecision]) -> bytes:
        assert record_rewards(engine, [reward(shop, ann, 1)])[0].status == "counted"
        return teach(state, rows)

    assert learn(engine, shop.id, meanwhile, now=AT, closed=(AT - HOUR, AT)) is None
    learn(engine, shop.id, teach, now=AT)
    assert learned(engine, shop) == [f"{ann.id}=1.0"]


def test_a_connection_that_was_cut_says_so_and_the_same_rows_can_be_sent_again(engine: Engine) -> None:
    shop = experiment(engine)
    rows = [decision(shop, "ann")]
    with open_connection(engine) as connection:
        first = record_decisions(connection, rows)
        pid = connection.execute(text("select pg_backend_pid()")).scalar()
        with engine.connect() as other:
            other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DatabaseUnavailable):
            record_decisions(connection, [*rows, decision(shop, "ben")])
        connection.invalidate()
    with open_connection(engine) as connection:
        assert record_decisions(connection, rows) == first
    assert counts(engine, shop)["a"] == (1, 0, 0.0)
