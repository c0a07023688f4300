"""Forgetting a creator of clips, and a person of whom an experiment decided."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from storage.clip_bulk import load_outcomes
from storage.clips import save_clips
from storage.ctr_predictions import insert_ctr_predictions
from storage.database import transaction
from storage.erasure import ForgottenPeople
from storage.erasure_tables import ANONYMOUS
from storage.experiment_decisions import NewDecision, open_connection, record_decisions
from tasks import forgetting
from tasks.forgetting import Forgotten, forget, look
from tasks.platform import Platform
from tests.ctr_world import DAY, START, outcomes

PERSON, OTHER = "creator-3", "creator-4"
AT = START + 40 * DAY


def rows(parts: Platform, query: str) -> list[Any]:
    with transaction(parts.engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def everything(parts: Platform) -> str:
    names = [name for (name,) in rows(parts, "select tablename from pg_tables where schemaname = 'public'")]
    return "\n".join(str(row) for name in names for row in rows(parts, f"select t::text from {name} t"))


def fill(parts: Platform) -> None:
    from tasks.collection import publish_candidates

    load_outcomes(parts.engine, outcomes(clips=16, days=4), AT)
    # all clips of one group: their creators share the entity of the rows
    save_clips(parts.engine, [{"clip_id": f"c{n:03d}", "group_id": "shared"} for n in range(16)], START + DAY)
    publish_candidates.fn("ctr", (START + 4 * DAY).date())
    insert_ctr_predictions(parts.engine, [predicted("c003"), predicted("c004"), predicted(None, PERSON)])
    with transaction(parts.engine) as connection:
        for statement in (
            "insert into experiments values ('e', 'E', 'running', 1, '{}', null, now(), 'ada', now(), null)",
            "insert into experiment_variants values ('e', 'a', 0, 3, 1, 1, 1)",
        ):
            connection.execute(text(statement))
        for subject in (PERSON, OTHER, None):
            connection.execute(
                text(
                    "insert into experiment_decisions (id, experiment_id, variant, subject_id, sticky_subject,"
                    " at, propensity, context, policy_version, learned)"
                    " values (:id, 'e', 'a', cast(:who as text), cast(:who as text), now(), 0.5,"
                    " jsonb_build_object('who', cast(:who as text)), 1, 0)"
                ),
                {"id": uuid.uuid4(), "who": subject},
            )


def predicted(clip: str | None, creator: str | None = None) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(), "family": "ctr", "entity_id": clip, "at": START, "received_at": START,
        "model_version": "1", "inputs": {"clip_id": clip, "creator_id": creator}, "latency_ms": 1.0,
        "answer": {"predicted_ctr": 0.1, "predicted_band": "viral"},
    }  # fmt: skip


@pytest.fixture
def face_settings(face_settings: Settings, mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    monkeypatch.setattr(forgetting, "SPOOL_SECONDS", 0.2)
    return face_settings.model_copy(update={"mlflow_tracking_uri": mlflow_url})


@pytest.fixture
def world(platform_parts: Platform) -> Platform:
    fill(platform_parts)
    return platform_parts


def do(parts: Platform) -> Forgotten:
    return forget(parts, PERSON, by="ada", reason=None, at=AT)


def test_clips_outcomes_predictions_and_examples_of_a_creator_go_and_those_of_others_stay(
    world: Platform,
) -> None:
    day = (START + 4 * DAY).date()
    before = world.datasets.table(world.datasets.find(f"ctr/candidates/{day}"))
    assert {PERSON, OTHER} <= set(before["creator_id"].to_pylist())

    done = do(world)

    assert done.complete
    assert PERSON not in everything(world)
    after = world.datasets.table(world.datasets.find(f"ctr/candidates/{day}"))
    assert after.to_pylist() == [row for row in before.to_pylist() if row["creator_id"] != PERSON]
    assert rows(world, "select count(distinct id) from clips") == [(14,)]
    assert rows(world, "select count(*) from clip_outcomes where clip_id in ('c003', 'c011')") == [(0,)]
    assert rows(world, "select clip_id from ctr_predictions") == [("c004",)]
    assert rows(world, "select entity_id from predictions where family = 'ctr'") == [("c004",)]


def test_decisions_stay_counted_and_name_nobody(world: Platform) -> None:
    do(world)
    found = rows(world, "select subject_id, sticky_subject, context::text, learned from experiment_decisions")
    assert sorted(found, key=str) == [
        (OTHER, OTHER, f'{{"who": "{OTHER}"}}', 0),
        (None, None, '{"who": null}', 0),
        (None, None, "{}", 1),
    ]
    assert rows(world, "select decisions, rewarded from experiment_variants") == [(3, 1)]


def test_a_service_that_is_deciding_meanwhile_leaves_nothing_behind(
    world: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks only now and then whether anybody was forgotten at all: this is the first one."""
    monkeypatch.setattr(ForgottenPeople, "LOOK_SECONDS", 8.0)  # longer than the rest of forgetting takes
    people, over = ForgottenPeople(world.settings), threading.Event()
    answered: list[str | None] = []

    def decide() -> None:
        with open_connection(world.engine) as connection:
            while not over.is_set():
                asked = NewDecision(
                    id=str(uuid.uuid4()), experiment_id="e", variant="a", subject_id=PERSON, sticky=False,
                    at=START, propensity=0.5, context=None, policy_version=1,
                )  # fmt: skip
                (told,) = record_decisions(connection, [asked], forgotten=people)
                answered.append(told.refused)

    service = threading.Thread(target=decide)
    service.start()
    try:
        while len(answered) < 3:
            time.sleep(0.01)
        do(world)
    finally:
        over.set()
        service.join(timeout=10)
    assert answered[0] is None
    assert answered[-1] == "forgotten"
    assert PERSON not in everything(world)


def test_outcomes_that_wait_on_disk_go_by_their_clip(world: Platform) -> None:
    folder = world.settings.home / "services" / "ctr" / "outcomes"
    waiting = b"".join(b'{"key": "%d", "clip_id": "c%03d", "clicks": 1}\n' % (n, n) for n in range(5))
    for name in ("0001-1-aa.jsonl", "set-aside/2026-10-02.jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(waiting)
    do(world)
    for name in ("0001-1-aa.jsonl", "set-aside/2026-10-02.jsonl"):
        assert (folder / name).read_bytes() == waiting.replace(waiting.splitlines(keepends=True)[3], b"")


def test_what_there_is_to_remove_is_what_is_removed(world: Platform) -> None:
    found = {(one.place, one.where): one.count for one in look(world, PERSON)}
    done = {(one.place, one.where): one.count for one in do(world).removed if one.unit != "objects"}
    assert found == done
    assert found["database", ANONYMOUS] == 1
    assert found["database", "ctr_predictions"] == 2
    assert look(world, PERSON) == []


def test_outcomes_that_come_again_are_left_out_of_collection(world: Platform) -> None:
    from tasks.collection import publish_candidates

    do(world)
    load_outcomes(world.engine, outcomes(clips=16, days=6), AT + dt.timedelta(days=1))
    day = publish_candidates.fn("ctr", (START + 6 * DAY).date())
    assert day["dropped"]["of forgotten users"] == 2
    kept = world.datasets.table(world.datasets.find(f"ctr/candidates/{(START + 6 * DAY).date()}"))
    assert set(kept["creator_id"].to_pylist()) == {f"creator-{n}" for n in range(8)} - {PERSON}
