"""Unseen answers on a real PostgreSQL: stored once, beside those that were given, and forgotten."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from serving.recorder import new_identities
from storage import rollout_answers
from storage.contents import put_contents
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.moderation import insert_decisions
from storage.predictions import insert_predictions
from storage.rollout_answers import answer_pairs, first_id, given_answers, unseen_answers
from storage.shadow_answers import insert_shadow_answers
from tasks.forgetting import forget
from tasks.platform import Platform

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def given(identity: str, video: str | None = "v-1", version: str = "1", **inputs: Any) -> dict[str, Any]:
    return {
        "id": identity, "family": "viral", "entity_id": video, "at": AT, "inputs": {"views": 7, **inputs},
        "answer": {"viral_class": "low", "viral_score": 10.0}, "model_version": version, "latency_ms": 2.0,
        "received_at": AT,
    }  # fmt: skip


def unseen(identity: str, video: str | None = "v-1", **more: Any) -> dict[str, Any]:
    return {
        "id": identity, "family": "viral", "entity_id": video, "at": AT.isoformat(), "people": [],
        "answer": {"viral_class": "medium", "viral_score": 30.0}, "model_version": "2", "latency_ms": 1.0,
        "received_at": AT.isoformat(), **more,
    }  # fmt: skip


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select count(*) from shadow_answers")).scalar_one())


def test_shipped_twice_an_answer_is_stored_once_and_another_versions_beside_it(engine: Engine) -> None:
    rows = [unseen(identity) for identity in new_identities(5)]
    assert insert_shadow_answers(engine, rows) == 5
    assert insert_shadow_answers(engine, [*rows, unseen(rows[0]["id"], model_version="3")]) == 1
    assert count(engine) == 6


def test_a_row_that_is_none_is_refused_by_name_and_nothing_is_stored(engine: Engine) -> None:
    with pytest.raises(InputError, match="Shadow answer 1 of the batch has no field 'answer'"):
        insert_shadow_answers(engine, [unseen(str(uuid.uuid4())), {"id": str(uuid.uuid4()), **{
            name: value for name, value in unseen("").items() if name not in ("id", "answer")}}])  # fmt: skip
    assert count(engine) == 0


def test_answers_about_forgotten_people_are_not_taken_in(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "ana"), requested_by="eva", reason=None, at=AT)
    rows = [
        unseen(identity, video, people=people)
        for identity, video, people in zip(
            new_identities(3), ("v-1", "ana", "v-2"), (["ana"], [], ["bo"]), strict=True
        )
    ]
    assert insert_shadow_answers(engine, rows, settings=settings) == 1
    assert count(engine) == 1


def test_times_are_of_the_newest_answers_and_the_count_is_of_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_answers, "MOST_TIMED", 3)
    now = datetime.now(UTC)
    start = first_id(now).int
    rows = [unseen(str(uuid.UUID(int=start + place)), latency_ms=float(place)) for place in range(9)]
    insert_shadow_answers(engine, rows)
    found = unseen_answers(engine, "viral", "2", now - timedelta(minutes=1), now + timedelta(minutes=1))
    assert (found.answers, found.latency_ms[0.5]) == (9, 7.0)


def test_counts_times_and_pairs_are_of_the_span_and_of_the_versions(engine: Engine) -> None:
    now = datetime.now(UTC)
    ids = new_identities(6)
    insert_predictions(
        engine, [given(identity, version="1" if at < 4 else "9") for at, identity in enumerate(ids)]
    )
    insert_shadow_answers(engine, [unseen(identity) for identity in ids])
    span = now - timedelta(minutes=1), now + timedelta(minutes=1)

    champion = given_answers(engine, "viral", "1", *span)
    assert (champion.answers, champion.latency_ms) == (4, {0.5: 2.0, 0.95: 2.0, 0.99: 2.0})
    assert unseen_answers(engine, "viral", "2", *span).answers == 6
    pairs = answer_pairs(engine, "viral", "2", "1", *span)
    assert len(pairs) == 4  # with what version 9 answered it is not compared
    assert (pairs[0].given["viral_class"], pairs[0].unseen["viral_class"]) == ("low", "medium")
    assert (
        given_answers(engine, "viral", "1", now + timedelta(minutes=1), now + timedelta(hours=1)).answers == 0
    )


def test_answers_that_nothing_else_keeps_are_counted_and_paired_out_of_the_same_table(engine: Engine) -> None:
    now = datetime.now(UTC)
    ids = new_identities(5)
    said = [("1", "positive", ids), ("2", "negative", ids[:3]), ("9", "neutral", ids[:1])]
    for version, label, places in said:
        rows = [
            unseen(identity, family="sentiment", model_version=version, answer={"label": label}, at=now)
            for identity in places
        ]
        insert_shadow_answers(engine, rows)
    span = now - timedelta(minutes=1), now + timedelta(minutes=1)
    assert given_answers(engine, "sentiment", "1", *span).answers == 5
    assert unseen_answers(engine, "sentiment", "2", *span).answers == 3
    pairs = answer_pairs(engine, "sentiment", "2", "1", *span)
    assert [(one.given["label"], one.unseen["label"]) for one in pairs] == [("positive", "negative")] * 3
    assert given_answers(engine, "topics", "1", *span).answers == 0


def test_ids_are_ordered_by_the_moment_that_they_were_given() -> None:
    now = datetime.now(UTC)
    one = uuid.UUID(new_identities(1)[0])
    assert first_id(now - timedelta(seconds=1)) < one < first_id(now + timedelta(seconds=1))


def test_a_forgotten_persons_unseen_answers_go_and_others_stay(engine: Engine, ml_settings: Settings) -> None:
    ids = new_identities(4)
    insert_predictions(engine, [given(ids[0], None, creator_id="ana"), given(ids[1], None, creator_id="bo")])
    insert_shadow_answers(engine, [unseen(ids[0], None), unseen(ids[1], None)])
    put_contents(engine, [{"id": "a", "kind": "post", "creator_id": "ana"}], AT)
    for identity, content, creator in ((ids[2], "a", None), (ids[3], "b", "bo")):
        insert_decisions(engine, [{
            "id": identity, "content_id": content, "content_kind": "post", "creator_id": creator, "at": AT,
            "text": "hello", "images": [], "decision": "approved", "scores": {}, "reasons": [],
            "uncertainty": 0.0, "received_at": AT,
        }])  # fmt: skip
        insert_shadow_answers(
            engine, [unseen(identity, content, family="moderation", answer={"decision": "approved"})]
        )
    kept = new_identities(8)
    for place, family in enumerate(("imagery", "sentiment", "topics", "entities")):
        for identity, content in zip(kept[2 * place : 2 * place + 2], ("a", "b"), strict=True):
            insert_shadow_answers(engine, [unseen(identity, content, family=family)])
    # nobody published this one: a decision alone says whose it is
    insert_decisions(engine, [{
        "id": new_identities(1)[0], "content_id": "c", "content_kind": "post", "creator_id": "ana", "at": AT,
        "text": "hello", "images": [], "decision": "approved", "scores": {}, "reasons": [],
        "uncertainty": 0.0, "received_at": AT,
    }])  # fmt: skip
    insert_shadow_answers(engine, [unseen(new_identities(1)[0], "c", family="imagery")])
    parts = Platform(ml_settings)
    done = forget(parts, "ana", by="eva", reason=None, at=AT)
    parts.close()
    assert done.complete
    with engine.connect() as connection:
        left = {str(one) for one in connection.execute(text("select id from shadow_answers")).scalars()}
    assert left == {ids[1], ids[3], *kept[1::2]}
