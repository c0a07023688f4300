"""Feature flags on a real PostgreSQL: every change on record, and no two people overwrite one another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseError, FlagConflict, InputError
from config.flags import FLAGS, FlagState
from storage.database import transaction
from storage.flags import Flag, changes, read_flags, set_flag

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
ML = "mlRecommendations"


def change(engine: Engine, name: str = ML, **how: Any) -> Flag:
    given = {"enabled": True, "rollout": 25, "actor": "ada", "reason": "a first look", "at": AT} | how
    return set_flag(engine, name, **given)


def test_flags_that_nobody_changed_have_their_defaults(engine: Engine) -> None:
    found = read_flags(engine)
    assert list(found) == list(FLAGS)
    for name, flag in found.items():
        assert (flag.state, flag.revision, flag.updated_at) == (FLAGS[name].default, 0, None)
    assert changes(engine) == []


def test_a_change_is_read_back_and_stands_on_record(engine: Engine) -> None:
    made = change(engine, expected_revision=0)
    assert read_flags(engine)[ML] == made == Flag(ML, True, 25, 1, AT, "ada")
    later = change(engine, rollout=50, reason=" it went well ", actor="bo", at=AT + timedelta(days=1))
    assert later.revision == 2
    last, first = changes(engine, ML)
    assert (first.was, first.now, first.actor, first.reason) == (
        FlagState(True, 100), FlagState(True, 25), "ada", "a first look",
    )  # fmt: skip
    assert (last.was, last.now, last.actor, last.reason) == (
        FlagState(True, 25), FlagState(True, 50), "bo", "it went well",
    )  # fmt: skip
    assert last.at == AT + timedelta(days=1)


def test_the_record_is_read_for_one_flag_or_for_all_and_only_so_far(engine: Engine) -> None:
    change(engine)
    change(engine, "personalizedFeed", enabled=False)
    change(engine, rollout=26)
    assert [one.name for one in changes(engine)] == [ML, "personalizedFeed", ML]
    assert [one.now.rollout for one in changes(engine, ML)] == [26, 25]
    assert [one.now.rollout for one in changes(engine, limit=1)] == [26]


@pytest.mark.parametrize("seen", [0, 2])
def test_who_saw_another_revision_changes_nothing(engine: Engine, seen: int) -> None:
    before = change(engine)
    with pytest.raises(FlagConflict, match="in the meantime: it is on for 25 % of the users"):
        change(engine, rollout=75, actor="bo", expected_revision=seen)
    assert read_flags(engine)[ML] == before
    assert len(changes(engine)) == 1


@pytest.mark.parametrize("first", [True, False])
def test_of_two_who_change_a_flag_at_once_one_is_told(engine: Engine, first: bool) -> None:
    """Also where the flag has no row yet, which nobody could lock."""
    if not first:
        change(engine)
    seen, people = read_flags(engine)[ML].revision, 8
    together = Barrier(people)

    def one(number: int) -> str:
        together.wait(10)
        try:
            change(engine, rollout=number, actor=f"admin {number}", expected_revision=seen)
        except FlagConflict:
            return "told"
        return "done"

    with ThreadPoolExecutor(people) as pool:
        became = sorted(pool.map(one, range(people)))
    assert became == ["done"] + ["told"] * (people - 1)
    now, last = read_flags(engine)[ML], changes(engine)[0]
    assert (now.revision, now.updated_by, now.state) == (seen + 1, last.actor, last.now)
    assert len(changes(engine)) == seen + 1


@pytest.mark.parametrize(
    ("name", "how", "wrong"),
    [
        ("trending", {}, "no flag 'trending'. Flags: mlRecommendations, personalizedFeed, engagementRanking"),
        (ML, {"rollout": 101}, "from 0 to 100, not 101"),
        (ML, {"rollout": -1}, "from 0 to 100, not -1"),
        (ML, {"reason": "  "}, "Say why"),
        (ML, {"reason": "x" * 1001}, "more than 1000 characters"),
        (ML, {"reason": "a\0b"}, "cannot be kept"),
        (ML, {"reason": "a\ud800b"}, "cannot be kept"),
        (ML, {"rollout": 100}, "on for everybody already"),
    ],
)
def test_a_change_that_is_none_or_is_not_clear_leaves_no_trace(
    engine: Engine, name: str, how: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong):
        change(engine, name, **how)
    assert changes(engine) == []
    assert read_flags(engine)[ML].revision == 0


def test_where_the_change_cannot_be_put_on_record_the_flag_stays(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match="actor"):
        change(engine, actor="")
    assert read_flags(engine)[ML].revision == 0


@pytest.mark.parametrize(
    "statement", ["update feature_flag_changes set reason = 'x'", "delete from feature_flag_changes",
                  "truncate feature_flag_changes"],
)  # fmt: skip
def test_the_record_cannot_be_changed(engine: Engine, statement: str) -> None:
    change(engine)
    with pytest.raises(DatabaseError), transaction(engine) as connection:
        connection.execute(text(statement))
    assert len(changes(engine)) == 1


def test_a_flag_of_another_release_does_no_harm(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text("insert into feature_flags values ('oldFlag', true, 10, 3, now(), 'ada')"),
        )
    assert list(read_flags(engine)) == list(FLAGS)
    with pytest.raises(InputError, match="no flag 'oldFlag'"):
        changes(engine, "oldFlag")
