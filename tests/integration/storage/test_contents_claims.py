"""Who has a content: one that comes late touches nothing of another's, and one that died is known by that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from storage.content_claims import DIED, LEASE, TRIES, claim_due, end_left_over_analyses, fail
from storage.contents import StoredContent, get_content, put_contents

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = AT + LEASE + timedelta(seconds=1)


def put(engine: Engine, *names: str, **changes: Any) -> None:
    put_contents(engine, [{"id": name, "kind": "post", "text": "hello"} | changes for name in names], AT)


def one(engine: Engine, name: str = "p1") -> StoredContent:
    found = get_content(engine, name)
    assert found is not None
    return found


def claimed(engine: Engine, at: datetime, silent: bool | None = None) -> list[str]:
    return [each.id for each in claim_due(engine, limit=9, at=at, silent=silent)]


def test_a_late_failure_on_an_older_description_leaves_the_newer_one_alone(engine: Engine) -> None:
    put(engine, "p1")
    claim_due(engine, limit=9, at=AT)
    seen = one(engine)
    put(engine, "p1", text="corrected")
    claim_due(engine, limit=9, at=AT)
    assert fail(engine, [seen], "late", AT) == []
    assert (one(engine).error, one(engine).claimed_at, one(engine).attempts) == (None, AT, 1)


def test_a_late_failure_leaves_the_claim_of_another_worker_alone(engine: Engine) -> None:
    put(engine, "p1")
    claim_due(engine, limit=9, at=AT)
    seen = one(engine)
    claim_due(engine, limit=9, at=LATER)
    fail(engine, [seen], "late", LATER)
    assert (one(engine).error, one(engine).claimed_at) == (None, LATER)
    fail(engine, [one(engine)], "its own", LATER)
    assert one(engine).error == "its own"


def test_what_could_not_be_tried_is_due_again_after_a_minute_and_has_all_its_tries(engine: Engine) -> None:
    put(engine, "p1")
    for number in range(2 * TRIES):
        at = AT + number * timedelta(seconds=61)
        assert claimed(engine, at) == ["p1"]
        assert fail(engine, [one(engine)], "the registry is away", at, tried=False) == []
        assert claimed(engine, at + timedelta(seconds=59)) == []


def test_those_whose_worker_said_nothing_are_claimed_apart(engine: Engine) -> None:
    put(engine, "died", "failed")
    put(engine, "film", kind="video", video="film.mp4")
    (failed,) = [each for each in claim_due(engine, limit=9, at=AT) if each.id == "failed"]
    fail(engine, [failed], "the store is away", AT)
    put(engine, "new")
    assert claimed(engine, LATER, silent=True) == ["died", "film"]
    assert claimed(engine, LATER, silent=False) == ["failed", "new"]
    again = LATER + LEASE + timedelta(seconds=1)
    assert "failed" in claimed(engine, again, silent=True), "it failed first, and then its worker died"


def test_an_analysis_over_which_each_worker_died_is_given_up_when_the_last_lease_is_over(
    engine: Engine,
) -> None:
    put(engine, "p1")
    for number in range(TRIES):
        at = AT + number * 2 * LEASE
        claim_due(engine, limit=9, at=at)
        assert end_left_over_analyses(engine, limit=9, at=at) == []
    assert end_left_over_analyses(engine, limit=9, at=at + 2 * LEASE) == ["p1"]
    assert one(engine).error == DIED
    assert end_left_over_analyses(engine, limit=9, at=at + 4 * LEASE) == []
