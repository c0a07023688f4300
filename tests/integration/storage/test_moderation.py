"""Decisions of moderation: stored once, followed by contents, queued for people, reviewed and appealed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage.contents import get_content, put_contents
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.moderation import (
    appeal,
    get_decision,
    history,
    insert_decisions,
    queue,
    review,
)
from storage.moderation_trail import open_counts

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPACE = UUID("0bd0a5c5-55a4-4c0f-9f2d-6a1a1f1f0a02")


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": uuid4(), "content_id": None, "content_kind": "post", "creator_id": "ana", "at": AT,
        "text": "buy now", "language": "en", "images": [], "decision": "review_required",
        "scores": {"spam": 0.6}, "uncertainty": 0.75, "version": "3", "image_version": None, "received_at": AT,
        "reasons": [{"label": "spam", "score": 0.6, "threshold": 0.8, "spans": [[0, 3]], "frames": []}],
    } | changes  # fmt: skip


def stored(engine: Engine, **changes: Any) -> UUID:
    one = row(**changes)
    assert insert_decisions(engine, [one]) == 1
    return UUID(str(one["id"]))


def told(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with transaction(engine) as connection:
        found = connection.execute(
            text("select event, payload from webhook_deliveries order by created_at, ctid")
        )
        return [(one.event, one.payload) for one in found]


def test_a_decision_is_stored_once_however_often_it_is_shipped(engine: Engine) -> None:
    rows = [row(id=uuid5(SPACE, str(number)), text=f"text {number}") for number in range(50)]

    assert insert_decisions(engine, rows) == 50
    assert insert_decisions(engine, [*rows, row()]) == 1

    found = get_decision(engine, rows[7]["id"])
    assert found is not None
    assert (found.text, found.scores, found.version, found.open) == ("text 7", {"spam": 0.6}, "3", True)
    assert found.reasons[0]["spans"] == [[0, 3]]


def test_what_the_database_cannot_hold_is_left_out_of_a_text(engine: Engine) -> None:
    name = stored(engine, text="a\x00b\ud83d", reasons=[{"label": "spam", "text": "x\x00"}])
    found = get_decision(engine, name)
    assert found is not None
    assert found.text == "ab?"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("decision", "maybe", "is no decision"),
        ("content_kind", "song", "is no decision"),
        ("at", "yesterday", "not usable"),
        ("at", datetime(2026, 1, 1), "no time with time zone|not a time with time zone"),
        ("id", "7", "not usable"),
        ("uncertainty", "high", "not usable"),
    ],
)
def test_a_row_that_is_none_is_named_and_nothing_is_stored(
    engine: Engine, field: str, value: Any, said: str
) -> None:
    with pytest.raises(InputError, match=f"Decision 1 of the batch.*({said})"):
        insert_decisions(engine, [row(), row(**{field: value})])
    assert open_counts(engine).total == 0


def test_a_row_that_lacks_a_field_is_named(engine: Engine) -> None:
    incomplete = row()
    del incomplete["scores"]
    with pytest.raises(InputError, match="has no field 'scores'"):
        insert_decisions(engine, [incomplete])


def test_the_content_follows_the_decision_about_its_present_revision_and_the_product_is_told(
    engine: Engine,
) -> None:
    put_contents(engine, [{"id": "p1", "kind": "post", "creator_id": "ana", "text": "buy now"}], AT)
    stored(engine, content_id="p1", revision=1, decision="rejected", at=AT + timedelta(minutes=1))

    found = get_content(engine, "p1")
    assert found is not None
    assert (found.moderation_status, found.is_flagged, found.flag_reason) == ("rejected", True, "spam")
    assert found.moderation_flags == ["spam"]
    assert not found.wants_moderation
    ((event, payload),) = told(engine)
    assert (event, payload["content_id"], payload["decision"]) == ("content.moderated", "p1", "rejected")
    assert payload["flags"] == ["spam"]


def test_a_decision_about_an_older_text_changes_no_content(engine: Engine) -> None:
    put_contents(engine, [{"id": "p1", "kind": "post", "text": "buy now"}], AT)
    put_contents(engine, [{"id": "p1", "kind": "post", "text": "hello"}], AT)

    stored(engine, content_id="p1", revision=1, decision="rejected")

    found = get_content(engine, "p1")
    assert found is not None
    assert (found.moderation_status, found.revision, found.wants_moderation) == ("pending", 2, True)
    assert told(engine) == []


def test_a_question_about_content_that_is_not_its_publication_changes_nothing(engine: Engine) -> None:
    put_contents(engine, [{"id": "p1", "kind": "post", "text": "hello"}], AT)
    stored(engine, content_id="p1", decision="approved")
    found = get_content(engine, "p1")
    assert found is not None
    assert found.moderation_status == "pending"
    assert [one.decision for one in history(engine, "p1")] == ["approved"]


def test_decisions_about_forgotten_people_are_not_taken_in(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "ana"), requested_by="bo", reason=None, at=AT)
    rows = [row(), row(creator_id="bo")]
    assert insert_decisions(engine, rows, settings=settings) == 1
    assert get_decision(engine, rows[0]["id"]) is None


def test_the_queue_has_appeals_first_then_the_most_uncertain_and_pages_without_gap(engine: Engine) -> None:
    names = [
        stored(engine, id=uuid5(SPACE, f"q{number}"), uncertainty=number % 5 / 10, content_kind="comment")
        for number in range(25)
    ]
    appealed = stored(engine, decision="rejected", uncertainty=0.0, content_kind="video")
    assert appealed not in [one.id for one in queue(engine, limit=100)], "what is decided waits for nobody"
    appeal(engine, appealed, appellant_id="ana", text="It is a song.", at=AT)

    whole = queue(engine, limit=100)
    pages, after = [], None
    while page := queue(engine, limit=7, after=after):
        pages += page
        after = page[-1].appealed, page[-1].uncertainty, page[-1].id

    assert [one.id for one in pages] == [one.id for one in whole]
    assert whole[0].id == appealed
    rest = [one.uncertainty for one in whole[1:]]
    assert rest == sorted(rest, reverse=True)
    assert {one.id for one in whole} == {*names, appealed}
    counts = open_counts(engine)
    assert (counts.total, counts.appealed, counts.by_decision) == (
        26,
        1,
        {"rejected": 1, "review_required": 25},
    )


def test_the_queue_is_filtered(engine: Engine) -> None:
    spam = stored(engine)
    hate = stored(engine, decision="flagged", content_kind="comment", reasons=[{"label": "hate"}])
    assert [one.id for one in queue(engine, limit=9, labels=["hate"])] == [hate]
    assert [one.id for one in queue(engine, limit=9, kinds=["post"])] == [spam]
    assert [one.id for one in queue(engine, limit=9, decisions=["flagged"])] == [hate]
    assert queue(engine, limit=9, appealed=True) == []
    assert len(queue(engine, limit=9, appealed=False)) == 2


def published(engine: Engine, decision: str = "rejected") -> UUID:
    put_contents(engine, [{"id": "p1", "kind": "post", "creator_id": "ana", "text": "buy now"}], AT)
    return stored(engine, content_id="p1", revision=1, decision=decision)


def test_a_review_holds_for_the_content_and_closes_the_decision(engine: Engine) -> None:
    name = published(engine, "review_required")

    found = review(engine, name, decision="rejected", labels=["spam", "toxicity"], reviewer="eva", at=AT)

    assert (found.open, found.standing, found.decision) == (False, "rejected", "review_required")
    content = get_content(engine, "p1")
    assert content is not None
    assert (content.moderation_status, content.moderation_flags) == ("rejected", ["spam", "toxicity"])
    events = [event for event, _ in told(engine)]
    assert events == ["content.moderated", "content.reviewed"]


def reviews(engine: Engine) -> int:
    with transaction(engine) as connection:
        return int(connection.execute(text("select count(*) from moderation_reviews")).scalar_one())


def test_the_same_review_again_changes_nothing_and_another_one_is_appended(engine: Engine) -> None:
    name = published(engine)
    for reviewer in ("eva", "eva", "bo", "eva"):
        review(engine, name, decision="approved", labels=[], reviewer=reviewer, at=AT)
    assert reviews(engine) == 3
    found = review(engine, name, decision="rejected", labels=["hate"], reviewer="eva", at=AT)
    assert found.standing == "rejected"
    assert reviews(engine) == 4


def test_an_appeal_opens_a_decision_again_and_a_review_answers_it(engine: Engine) -> None:
    name = published(engine)
    assert appeal(engine, name, appellant_id="ana", text="It is a song.", at=AT).open
    with pytest.raises(InputError, match="open already"):
        appeal(engine, name, appellant_id="ana", text="Again!", at=AT)

    found = review(engine, name, decision="approved", labels=[], reviewer="eva", at=AT + timedelta(hours=1))

    assert (found.open, found.appealed, found.standing) == (False, False, "approved")
    with transaction(engine) as connection:
        outcome = connection.execute(text("select outcome, resolved_at from moderation_appeals")).one()
    assert outcome.outcome == "overturned"
    with pytest.raises(InputError, match="nothing to appeal"):
        appeal(engine, name, appellant_id="ana", text=None, at=AT)


def test_an_upheld_appeal_says_so_even_by_the_reviewer_who_had_rejected(engine: Engine) -> None:
    name = published(engine)
    review(engine, name, decision="rejected", labels=["spam"], reviewer="eva", at=AT)
    appeal(engine, name, appellant_id="ana", text=None, at=AT)
    review(engine, name, decision="rejected", labels=["spam"], reviewer="eva", at=AT)
    with transaction(engine) as connection:
        assert connection.execute(text("select outcome from moderation_appeals")).scalar_one() == "upheld"
    assert told(engine)[-1][1]["appeal"] == "upheld"


def test_only_the_creator_appeals_and_a_review_is_checked(engine: Engine) -> None:
    name = published(engine)
    with pytest.raises(InputError, match="Only the creator"):
        appeal(engine, name, appellant_id="bo", text=None, at=AT)
    with pytest.raises(InputError, match="for what"):
        review(engine, name, decision="rejected", labels=[], reviewer="eva", at=AT)
    with pytest.raises(InputError, match="is no review"):
        review(engine, name, decision="flagged", labels=[], reviewer="eva", at=AT)
    with pytest.raises(InputError, match="What is approved"):
        review(engine, name, decision="approved", labels=["spam"], reviewer="eva", at=AT)
    with pytest.raises(InputError, match="There is no decision"):
        review(engine, uuid4(), decision="approved", labels=[], reviewer="eva", at=AT)


def test_a_model_that_looks_again_does_not_overrule_a_person(engine: Engine) -> None:
    name = published(engine)
    review(engine, name, decision="approved", labels=[], reviewer="eva", at=AT)
    insert_decisions(engine, [row(id=name, content_id="p1", revision=1, decision="rejected")])
    content = get_content(engine, "p1")
    assert content is not None
    assert content.moderation_status == "approved"
