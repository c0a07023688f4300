"""The endpoints of experiments, on a real database."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.erasure import remember, subject_hash
from tests.integration.serving.conftest import eventually
from tests.integration.serving.experiment_world import (
    DEFINITION,
    Tunnel,
    World,
    counted_rows,
    make_world,
    stored_counts,
)


@pytest.fixture
def gate(settings: Settings) -> Iterator[Tunnel]:
    made = Tunnel("127.0.0.1", settings.database_port)
    yield made
    made.close()


@pytest.fixture
def world(settings: Settings, gate: Tunnel) -> Iterator[World]:
    made = make_world(settings, db_port=gate.port, experiment_guard_seconds=0.3, experiment_learn_seconds=0.2)
    made.service.start()
    yield made
    made.service.stop()


def test_a_decision_is_on_record_when_it_is_answered(world: World, engine: Engine) -> None:
    world.create()
    answer = world.select(subject_id="ann")
    assert answer == {
        "variant": answer["variant"],
        "propensity": 0.5,
        "decision_id": answer["decision_id"],
        "experiment": "shop",
        "in_experiment": True,
        "repeated": False,
    }
    query = text("select variant, propensity, subject_id, sticky_subject, context from experiment_decisions")
    with engine.connect() as connection:
        assert connection.execute(query).one() == (answer["variant"], 0.5, "ann", "ann", None)
    assert stored_counts(engine, "shop")[answer["variant"]] == (1, 0, 0.0)


def test_a_subject_gets_the_same_answer_again_and_anybody_a_new_one(world: World) -> None:
    world.create(policy={"kind": "thompson"})
    first, again = world.select(subject_id="ann"), world.select(subject_id="ann")
    assert again == {**first, "repeated": True}
    assert world.select()["decision_id"] != world.select()["decision_id"]


def test_an_experiment_that_does_not_stick_decides_anew(world: World) -> None:
    world.create(sticky=False)
    found = [world.select(subject_id="ann") for _ in range(20)]
    assert {answer["repeated"] for answer in found} == {False}
    assert len({answer["variant"] for answer in found}) == 2


def test_the_propensity_on_record_is_the_frequency_that_is_drawn(world: World, engine: Engine) -> None:
    world.create(variants=[{"name": "a", "share": 1}, {"name": "b", "share": 2}, {"name": "c", "share": 5}])
    questions = [
        ("POST", "/experiments/shop/select", {"subject_id": f"s{n}"} if n % 2 else {}) for n in range(4000)
    ]
    found = [answer.json() for answer in world.ask_many(questions, at_once=100)]
    drawn = Counter(answer["variant"] for answer in found)
    for name, share in (("a", 1 / 8), ("b", 2 / 8), ("c", 5 / 8)):
        assert abs(drawn[name] - 4000 * share) < 4 * (4000 * share * (1 - share)) ** 0.5
    assert {answer["variant"]: answer["propensity"] for answer in found} == {"a": 0.125, "b": 0.25, "c": 0.625}
    assert {name: counts[0] for name, counts in stored_counts(engine, "shop").items()} == drawn


def test_thompson_moves_to_what_is_better_and_logs_what_it_drew_with(world: World, engine: Engine) -> None:
    world.create(policy={"kind": "thompson", "exploration": 0.02})
    first = [world.select() for _ in range(40)]
    rewards = [{"decision_id": each["decision_id"], "value": int(each["variant"] == "bold")} for each in first]
    assert world.post("/experiments/shop/reward", {"rewards": rewards}).json()["counted"] == 40
    eventually(
        lambda: world.select()["propensity"] in (pytest.approx(0.02, abs=0.01), pytest.approx(0.98, abs=0.01))
    )
    later = Counter(world.select()["variant"] for _ in range(60))
    assert later["bold"] > 50
    query = text("select min(propensity) from experiment_decisions where experiment_id = 'shop'")
    with engine.connect() as connection:
        assert connection.execute(query).scalar() >= 0.02


def test_who_is_outside_the_traffic_gets_the_control_and_leaves_no_trace(world: World, engine: Engine) -> None:
    world.create(traffic=0.3, control="bold")
    found = [world.select(subject_id=f"s{number}") for number in range(300)]
    outside = [answer for answer in found if not answer["in_experiment"]]
    assert 170 < len(outside) < 250
    assert outside[0] == {
        "variant": "bold", "propensity": None, "decision_id": None, "experiment": "shop",
        "in_experiment": False, "repeated": False, "reason": "traffic",
    }  # fmt: skip
    assert sum(counts[0] for counts in stored_counts(engine, "shop").values()) == 300 - len(outside)
    assert [world.select(subject_id=f"s{number}")["in_experiment"] for number in range(50)] == [
        answer["in_experiment"] for answer in found[:50]
    ]


def test_states_decide_what_is_answered(world: World) -> None:
    made = world.post("/experiments", DEFINITION, key=True)
    assert made.json()["state"] == "draft"
    assert world.select()["reason"] == "draft"
    for action, reason in (("start", None), ("pause", "paused"), ("resume", None)):
        assert world.post(f"/experiments/shop/{action}", {"actor": "anna"}, key=True).status_code == 200
        assert world.select().get("reason") == reason
    done = world.post("/experiments/shop/conclude", {"winner": "bold", "reason": "clear"}, key=True)
    assert (done.status_code, done.json()["state"]) == (200, "concluded")
    assert (world.select()["variant"], world.select()["reason"]) == ("bold", "concluded")
    assert world.post("/experiments/shop/start", key=True).status_code == 409
    changes = world.ask("GET", "/experiments/shop").json()["changes"]
    assert [(each["action"], each["actor"]) for each in reversed(changes)] == [
        ("create", "api"), ("start", "anna"), ("pause", "anna"), ("resume", "anna"), ("conclude", "api"),
    ]  # fmt: skip


def test_a_pause_by_another_process_holds_at_once(settings: Settings, world: World, engine: Engine) -> None:
    world.create()
    world.select()
    from storage.experiments import change_state

    change_state(engine, "shop", "pause", actor="other", at=datetime.now(UTC))
    assert world.select()["reason"] == "paused"
    assert sum(counts[0] for counts in stored_counts(engine, "shop").values()) == 1


def test_an_experiment_of_another_process_is_found_at_once(settings: Settings, world: World) -> None:
    other = make_world(settings, experiment_refresh_seconds=60)
    other.service.start()
    try:
        world.create(id="fresh")
        assert other.select("fresh")["in_experiment"]
        assert other.post("/experiments/nowhere/select", {}).status_code == 404
    finally:
        other.service.stop()


def test_rewards_come_once_twice_late_and_for_nothing(world: World, engine: Engine) -> None:
    world.create()
    first, second = world.select(), world.select()
    path = "/experiments/shop/reward"
    one = world.post(path, {"decision_id": first["decision_id"], "value": 1, "metrics": {"slow": 0.2}})
    assert (one.status_code, one.json()) == (
        200,
        {
            "decision_id": first["decision_id"], "status": "counted", "counted": True,
            "variant": first["variant"], "value": 1.0,
        },
    )  # fmt: skip
    again = world.post(path, {"decision_id": first["decision_id"], "value": 1})
    assert (again.status_code, again.json()["status"], again.json()["counted"]) == (200, "repeated", False)
    other = world.post(path, {"decision_id": first["decision_id"], "value": 0})
    assert (other.status_code, "reward 1 already" in other.json()["detail"]) == (409, True)
    assert world.post(path, {"decision_id": str(uuid.uuid4()), "value": 1}).status_code == 404
    assert (
        world.post("/experiments/nowhere/reward", {"decision_id": str(uuid.uuid4()), "value": 1}).status_code
        == 404
    )
    with engine.begin() as connection:
        connection.execute(
            text("update experiment_decisions set at = at - interval '25 hours' where id = :id"),
            {"id": second["decision_id"]},
        )
    late = world.post(path, {"decision_id": second["decision_id"], "value": 1})
    assert (late.status_code, late.json()["status"]) == (200, "late")
    assert sum(counts[1] for counts in stored_counts(engine, "shop").values()) == 1


def test_many_rewards_are_answered_one_by_one(world: World) -> None:
    world.create()
    made = [world.select()["decision_id"] for _ in range(3)]
    sent = [made[0], made[1], made[0], str(uuid.uuid4()), made[2]]
    rewards = [{"decision_id": each, "value": int(place < 2)} for place, each in enumerate(sent)]
    answer = world.post("/experiments/shop/reward", {"rewards": rewards})
    assert answer.status_code == 200
    statuses = [each["status"] for each in answer.json()["results"]]
    assert statuses == ["counted", "counted", "conflict", "unknown", "counted"]
    assert answer.json()["counted"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision_id": "7", "value": 1}, "decision_id"),
        ({"decision_id": str(uuid.UUID(int=1))}, "value"),
        ({"decision_id": str(uuid.UUID(int=1)), "value": 0.5}, "value"),
        ({"decision_id": str(uuid.UUID(int=1)), "value": True}, "value"),
        ({"decision_id": str(uuid.UUID(int=1)), "value": 1, "metrics": {"fast": 1}}, "metrics.fast"),
        ({"decision_id": str(uuid.UUID(int=1)), "value": 1, "metrics": {"slow": 2}}, "metrics.slow"),
        ({"decision_id": str(uuid.UUID(int=1)), "value": 1, "at": "2099-01-01T00:00:00Z"}, "at"),
        ({"rewards": []}, "rewards"),
        ({"rewards": [{"decision_id": str(uuid.UUID(int=1)), "value": 3}]}, "rewards[0].value"),
        ({"rewards": [{"decision_id": str(uuid.UUID(int=1)), "value": 1}], "value": 1}, "value"),
    ],
)
def test_a_reward_that_cannot_be_is_refused_by_its_field(world: World, body: Any, field: str) -> None:
    world.create()
    answer = world.post("/experiments/shop/reward", body)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_reward_before_its_decision_is_refused_but_clocks_may_differ(world: World, engine: Engine) -> None:
    world.create()
    made, now = world.select()["decision_id"], datetime.now(UTC)
    reward = {"decision_id": made, "value": 1}
    early = world.post("/experiments/shop/reward", {**reward, "at": (now - timedelta(hours=1)).isoformat()})
    assert early.status_code == 422
    assert [fault["field"] for fault in early.json()["errors"]] == ["at"]
    assert "before its decision" in early.json()["detail"]
    close = world.post("/experiments/shop/reward", {**reward, "at": (now - timedelta(minutes=2)).isoformat()})
    assert (close.status_code, close.json()["status"]) == (200, "counted")
    with engine.connect() as connection:
        assert connection.execute(text("select rewarded_at = at from experiment_decisions")).scalar_one()


def test_a_query_parameter_that_is_not_known_is_refused(world: World) -> None:
    world.create()
    answer = world.ask("GET", "/experiments/shop/stats?timelines=true")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == ["timelines"]
    assert "there are: timeline, off_policy" in answer.json()["detail"]


def test_a_decision_id_that_is_none_is_told_where_it_comes_from(world: World) -> None:
    world.create()
    answer = world.post("/experiments/shop/reward", {"decision_id": "user-77", "value": 1})
    assert answer.json()["detail"] == "decision_id must be the UUID that select answered."


def test_questions_that_do_not_fit_are_refused(world: World) -> None:
    world.create(context=[{"name": "country", "required": True}])
    path = "/experiments/shop/select"
    assert world.post(path, {"subject_id": 7}).status_code == 422
    assert world.post(path, {"subject_id": "a\x00b", "context": {"country": "DE"}}).status_code == 422
    missing = world.post(path, {"subject_id": "ann"})
    assert (missing.status_code, "country is missing" in missing.json()["detail"]) == (422, True)
    assert world.post(path, {"context": {"country": "DE", "town": "Ulm"}}).status_code == 422
    assert world.post(path, {"context": {"country": "DE"}}).status_code == 200


def test_changes_need_the_key_and_questions_do_not(world: World) -> None:
    for method, path in (("POST", ""), ("PUT", "/shop"), ("POST", "/shop/start"), ("POST", "/shop/conclude")):
        assert world.ask(method, f"/experiments{path}", DEFINITION).status_code == 401
    world.create()
    assert world.post("/experiments/shop/select", {}).status_code == 200
    assert world.ask("GET", "/experiments").json()["count"] == 1


def test_only_a_draft_can_be_edited(world: World) -> None:
    world.post("/experiments", DEFINITION, key=True)
    edited = world.ask("PUT", "/experiments/shop", {**DEFINITION, "title": "New", "actor": "anna"}, key=True)
    assert (edited.status_code, edited.json()["title"]) == (200, "New")
    world.post("/experiments/shop/start", key=True)
    assert world.ask("PUT", "/experiments/shop", DEFINITION, key=True).status_code == 409
    bad = world.post("/experiments", {**DEFINITION, "id": "b", "variants": [{"name": "x"}]}, key=True)
    assert bad.status_code == 422
    (fault,) = bad.json()["errors"]
    assert fault == {"field": "variants", "message": "variants: there must be 2 to 20 of them, not 1."}


def test_stats_have_the_report_and_more_on_request(world: World) -> None:
    world.create()
    made = [world.select()["decision_id"] for _ in range(30)]
    rewards = [{"decision_id": each, "value": place % 2} for place, each in enumerate(made)]
    world.post("/experiments/shop/reward", {"rewards": rewards})
    found = world.ask("GET", "/experiments/shop/stats").json()
    assert (found["state"], found["decisions"], found["rewarded"]) == ("running", 30, 30)
    assert "timeline" not in found
    found = world.ask("GET", "/experiments/shop/stats?timeline=true&off_policy=true").json()
    assert found["timeline"][-1]["at"]
    assert sum(point["decisions"] for point in found["timeline"][-2:]) == 30
    assert found["off_policy"]
    assert world.ask("GET", "/experiments/shop/stats?timeline=7").status_code == 422
    assert world.ask("GET", "/experiments/nowhere/stats").status_code == 404


def test_without_the_database_everybody_gets_the_control_and_rewards_wait_on_disk(
    world: World, gate: Tunnel, engine: Engine
) -> None:
    world.create()
    made = world.select()
    gate.close()
    answer = world.select(subject_id="ann")
    assert (answer["variant"], answer["in_experiment"], answer["reason"]) == ("plain", False, "database")
    reward = {"decision_id": made["decision_id"], "value": 1}
    kept = world.post("/experiments/shop/reward", reward)
    assert (kept.status_code, kept.json()["status"], kept.json()["counted"]) == (202, "accepted", False)
    many = world.post("/experiments/shop/reward", {"rewards": [reward, reward]})
    assert (many.status_code, many.json()["counted"]) == (202, 0)
    assert world.post("/experiments/nowhere/select", {}).status_code == 503
    assert world.ask("GET", "/experiments").status_code == 503
    assert any("control" in said for said in world.service.complaints())
    gate.open()
    eventually(lambda: world.select(subject_id="ben")["in_experiment"])
    eventually(lambda: sum(counts[1] for counts in stored_counts(engine, "shop").values()) == 1, 20)
    eventually(lambda: world.service.complaints() == [], 20)
    assert stored_counts(engine, "shop") == counted_rows(engine, "shop")


def test_a_service_that_starts_without_the_database_knows_the_experiments(
    settings: Settings, world: World, gate: Tunnel
) -> None:
    world.create(control="bold")
    gate.close()
    later = make_world(settings, db_port=gate.port)
    later.service.start()
    try:
        answer = later.select(subject_id="ann")
        assert (answer["variant"], answer["reason"]) == ("bold", "database")
        gate.open()
        eventually(lambda: later.select(subject_id="ann")["in_experiment"])
    finally:
        later.service.stop()


def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(
    settings: Settings, engine: Engine
) -> None:
    world = make_world(settings)
    world.service.start()
    world.create()
    found: list[dict[str, Any]] = []
    for _ in range(6):
        questions = [("POST", "/experiments/shop/select", {}) for _ in range(60)]
        found += [answer.json() for answer in world.ask_many(questions, at_once=20)]
        with engine.connect() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
    decided = {each["decision_id"] for each in found if each["in_experiment"]}
    assert len(decided) > 200
    with engine.connect() as connection:
        rows = {str(row[0]) for row in connection.execute(text("select id from experiment_decisions"))}
    assert decided <= rows
    assert stored_counts(engine, "shop") == counted_rows(engine, "shop")
    world.service.stop()


def test_a_database_that_goes_silent_holds_nobody_for_long(world: World, gate: Tunnel) -> None:
    world.create()
    world.select()
    gate.silent = True
    began = time.monotonic()
    assert world.select()["reason"] == "database"
    assert time.monotonic() - began < 4
    began = time.monotonic()
    assert {world.select()["reason"] for _ in range(20)} == {"database"}
    assert time.monotonic() - began < 1
    gate.silent = False
    eventually(lambda: world.select()["in_experiment"])


def test_a_variant_that_does_harm_pauses_the_experiment(world: World) -> None:
    world.create(guardrails=[{"metric": "slow", "limit": 0.05, "action": "pause"}])
    _harm(world)
    eventually(lambda: world.select().get("reason") == "paused")
    change = world.ask("GET", "/experiments/shop").json()["changes"][0]
    assert (change["action"], change["actor"]) == ("pause", "guard-rail")
    assert (change["details"]["variant"], change["details"]["metric"]) == ("bold", "slow")


def test_an_alarm_is_raised_once(world: World) -> None:
    world.create(guardrails=[{"metric": "slow", "limit": 0.05, "action": "alarm"}])
    _harm(world)

    def alarms() -> list[Any]:
        changes = world.ask("GET", "/experiments/shop").json()["changes"]
        return [each for each in changes if each["action"] == "alarm"]

    eventually(lambda: alarms() != [])
    _harm(world, "again")
    for _ in range(3):
        world.service._tickers[2].tick()
    assert len(alarms()) == 1
    assert world.select()["in_experiment"]


def _harm(world: World, prefix: str = "s") -> None:
    """Bold is slow, plain is not."""
    questions = [("POST", "/experiments/shop/select", {"subject_id": f"{prefix}{n}"}) for n in range(600)]
    found = [answer.json() for answer in world.ask_many(questions, at_once=100)]
    rewards = [
        {"decision_id": each["decision_id"], "value": 0, "metrics": {"slow": float(each["variant"] == "bold")}}
        for each in found
        if each["in_experiment"]
    ]
    assert world.post("/experiments/shop/reward", {"rewards": rewards}).status_code == 200


def test_a_contextual_bandit_learns_what_suits_whom(world: World, engine: Engine) -> None:
    world.create(
        policy={"kind": "contextual", "exploration": 0.02, "learning_rate": 1.0},
        reward={"missing": "ignore"},
        context=[{"name": "country", "required": True}],
        sticky=False,
    )

    def play(number: int) -> float:
        questions = [
            ("POST", "/experiments/shop/select", {"context": {"country": ("DE", "FR")[n % 2]}})
            for n in range(number)
        ]
        found = [answer.json() for answer in world.ask_many(questions, at_once=50)]
        liked = [int(each["variant"] == ("plain", "bold")[place % 2]) for place, each in enumerate(found)]
        rewards = [
            {"decision_id": each["decision_id"], "value": value}
            for each, value in zip(found, liked, strict=True)
        ]
        world.post("/experiments/shop/reward", {"rewards": rewards})
        return sum(liked) / number

    def learned() -> int:
        with engine.connect() as connection:
            return connection.execute(text("select learned from experiment_models")).scalar() or 0

    assert play(100) < 0.75
    for total in (100, 200, 300):
        eventually(lambda total=total: learned() == total)
        world.service.refresh()
        share = play(100)
    assert share > 0.8
    eventually(lambda: learned() == 400)
    assert stored_counts(engine, "shop") == counted_rows(engine, "shop")


def test_figures_tell_what_happened_by_experiment(world: World) -> None:
    world.create(traffic=0.999)
    world.select(subject_id="ann")
    world.select(subject_id="ann")
    text_ = world.metrics.render().decode()
    assert 'assay_experiment_decisions_total{experiment="shop",service="ctr",status="recorded"} 1.0' in text_
    assert 'assay_experiment_decisions_total{experiment="shop",service="ctr",status="repeated"} 1.0' in text_
    assert 'path="/experiments/{id}/select"' in text_


def test_a_window_closes_by_when_it_happened_and_not_by_when_it_was_told(world: World, engine: Engine) -> None:
    world.create()
    world.select()
    # With an id that does not tell when it was made: that one would say that it was just now.
    ago = text(
        "update experiment_decisions set at = at - interval '30 hours', id = gen_random_uuid()"
        " returning id::text"
    )
    with engine.begin() as connection:
        made = connection.execute(ago).scalar_one()
    then = (datetime.now(UTC) - timedelta(hours=20)).isoformat()
    answer = world.post("/experiments/shop/reward", {"decision_id": made, "value": 1, "at": then})
    assert answer.json()["status"] == "counted"


def test_a_person_who_was_forgotten_is_in_no_experiment(world: World, engine: Engine) -> None:
    world.create()
    hidden = subject_hash(world.service.settings, "gone")
    with transaction(engine) as connection:
        remember(connection, hidden, requested_by="ada", reason=None, at=datetime.now(UTC))
    answer = world.select(subject_id="gone")
    assert (answer["variant"], answer["decision_id"], answer["reason"]) == ("plain", None, "forgotten")
    assert world.select(subject_id="ann")["in_experiment"]
    assert sum(count for count, _, _ in stored_counts(engine, "shop").values()) == 1
