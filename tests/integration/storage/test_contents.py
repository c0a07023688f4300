"""Contents and the work on them: put in, claimed by one worker at a time, done, failed, and told."""

from __future__ import annotations

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage.content_claims import LEASE, TRIES, ask_again, claim_due, fail, in_hand
from storage.contents import get_content, put_contents, store_analysis
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.media_jobs import (
    exhausted,
    fail_job,
    finish,
    get_job,
    hand_out,
    jobs_of,
    progress,
    request_job,
    take_job,
)
from storage.moderation import insert_decisions
from storage.webhooks import TRIES as POSTS
from storage.webhooks import claim_deliveries, delivered, failed, nobody_to_tell, sign

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
JOB_LEASE = timedelta(minutes=2)


def post(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "kind": "post", "creator_id": "ana", "text": f"text of {name}"} | changes


def names(rows: list[Any]) -> list[str]:
    return [one.id for one in rows]


def test_the_same_content_again_changes_nothing_and_another_text_is_a_revision(engine: Engine) -> None:
    assert put_contents(engine, [post("p1", tags=["a"])], AT).changed == {"p1": 1}
    again = put_contents(engine, [post("p1", tags=["a"])], AT)
    assert (again.changed, again.unchanged) == ({}, ["p1"])
    assert put_contents(engine, [post("p1", tags=["a", "b"])], AT).changed == {"p1": 2}
    found = get_content(engine, "p1")
    assert found is not None
    assert found.tags == ["a", "b"]


def test_what_waited_changes_nothing_that_was_told_later_and_what_is_told_now_is_the_last_word(
    engine: Engine,
) -> None:
    early, late = AT - timedelta(minutes=2), AT - timedelta(minutes=1)
    put_contents(engine, [post("p1", text="late")], late)
    rows = [post("p1", text="early", told_at=early), post("p2", told_at=early)]
    done = put_contents(engine, rows, AT, waited=True)
    assert (done.changed, done.unchanged, done.overtaken) == ({"p2": 1}, [], ["p1"])
    done = put_contents(engine, [post("p1", text="later", told_at=AT.isoformat())], AT, waited=True)
    assert (done.changed, done.overtaken) == ({"p1": 2}, [])
    behind = put_contents(engine, [post("p1", text="of a host whose clock is behind")], early)
    assert (behind.changed, behind.overtaken) == ({"p1": 3}, [])
    waiting = post("p1", text="told between", told_at=late.isoformat())
    assert put_contents(engine, [waiting], AT, waited=True).overtaken == ["p1"]


def test_of_rows_of_one_id_in_one_batch_the_one_told_last_counts(engine: Engine) -> None:
    rows = [
        post("p1", text="b", told_at=AT - timedelta(seconds=1)),
        post("p1", text="a", told_at=AT - JOB_LEASE),
    ]
    assert put_contents(engine, rows, AT, waited=True).changed == {"p1": 1}
    found = get_content(engine, "p1")
    assert found is not None
    assert found.text == "b"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": ""}, "id must be"), ({"id": 7}, "id must be"), ({"id": "x" * 201}, "id must be"),
        ({"kind": "song"}, "kind must be one of video, post, comment"), ({"kind": None}, "kind must be"),
        ({"text": 7}, "text must be"), ({"text": "x" * 100_001}, "text must be"),
        ({"tags": "a"}, "tags must be"), ({"images": [1]}, "images must be"),
        ({"created_at": "yesterday"}, "created_at must be"),
        ({"created_at": "2026-01-01"}, "created_at must be"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_reason_and_the_rest_is_stored(
    engine: Engine, changes: dict[str, Any], said: str
) -> None:
    done = put_contents(engine, [post("p1"), post("p2", **changes), post("p3")], AT)
    assert set(done.changed) == {"p1", "p3"}
    assert list(done.refused) == [1]
    assert said in done.refused[1]


def test_content_of_forgotten_people_is_refused(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "ana"), requested_by="bo", reason=None, at=AT)
    done = put_contents(engine, [post("p1"), post("p2", creator_id="bo")], AT, settings=settings)
    assert (set(done.changed), done.refused) == ({"p2"}, {0: "its creator was forgotten"})


def test_a_row_that_the_product_writes_itself_is_due_too(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("insert into contents (id, kind, text) values ('own', 'comment', 'hi')"))
    (found,) = claim_due(engine, limit=10, at=datetime.now(UTC))
    assert (found.id, found.revision, found.wants_moderation, found.wants_analysis) == ("own", 1, True, True)


def test_two_workers_never_get_the_same_content(engine: Engine) -> None:
    put_contents(engine, [post(f"p{number}") for number in range(60)], AT)
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda _: names(claim_due(engine, limit=10, at=AT)), range(6)))
    together = [name for claim in claims for name in claim]
    assert len(together) == len(set(together)) == 60
    assert in_hand(engine, at=AT) == 60
    assert claim_due(engine, limit=10, at=AT + LEASE) == []


def test_what_a_dead_worker_left_is_due_when_its_lease_is_over(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    assert names(claim_due(engine, limit=9, at=AT)) == ["p1"]
    assert names(claim_due(engine, limit=9, at=AT + LEASE + timedelta(seconds=1))) == ["p1"]


def test_what_failed_waits_longer_each_time_and_is_given_up_at_last(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    at, pauses = AT, []
    for attempt in range(1, TRIES + 1):
        (claimed,) = claim_due(engine, limit=9, at=at)
        assert claimed.attempts == attempt
        given_up = fail(engine, [claimed], "the store is away", at)
        if attempt < TRIES:
            assert given_up == []
            step = at
            while not (step - at > timedelta(hours=2)):
                step += timedelta(seconds=30)
                with transaction(engine) as connection:
                    due = connection.execute(
                        text("select claimed_at < :before from contents"), {"before": step - LEASE}
                    ).scalar_one()
                if due:
                    break
            pauses.append((step - at).total_seconds())
            at = step
    assert names(given_up) == ["p1"]
    assert [60 <= pauses[0] <= 90, 120 <= pauses[1] <= 150, 240 <= pauses[2] <= 270] == [True] * 3
    assert claim_due(engine, limit=9, at=at + timedelta(days=1)) == []
    put_contents(engine, [post("p1", text="another text")], AT)
    assert names(claim_due(engine, limit=9, at=at + timedelta(days=1))) == ["p1"], "a new text is tried again"


def test_work_on_a_text_that_changed_meanwhile_comes_to_nothing(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    (claimed,) = claim_due(engine, limit=9, at=AT)
    put_contents(engine, [post("p1", text="new")], AT)

    assert (
        store_analysis(engine, [{"id": "p1", "revision": claimed.revision, "analysis": {"tags": []}}], AT) == 0
    )

    (again,) = claim_due(engine, limit=9, at=AT)
    assert again.revision == 2
    assert store_analysis(engine, [{"id": "p1", "revision": 2, "analysis": {"tags": ["new"]}}], AT) == 1
    found = get_content(engine, "p1")
    assert found is not None
    assert (found.analysis, found.wants_analysis) == ({"tags": ["new"]}, False)


def test_what_is_asked_for_again_is_claimed_for_who_asks(engine: Engine) -> None:
    put_contents(engine, [post("p1"), post("c1", kind="comment")], AT)
    found = ask_again(engine, ["p1", "c1", "none"], AT, kind="post", moderate=True, analyze=False)
    assert names(found) == ["p1"]
    assert names(claim_due(engine, limit=9, at=AT)) == ["c1"]


def job(engine: Engine, **changes: Any) -> UUID:
    given: dict[str, Any] = {"content_id": "v1", "creator_id": "ana", "params": {"n": 1}, "at": AT} | changes
    return request_job(engine, "captions", "films/1.mp4", **given)


def test_a_job_is_taken_by_one_told_of_and_finished(engine: Engine) -> None:
    name = job(engine)
    taken = take_job(engine, name, at=AT)
    assert taken is not None
    assert take_job(engine, name, at=AT) is None
    assert progress(engine, taken, 0.4, AT)
    assert finish(engine, taken, {"captions": "k"}, AT)
    found = get_job(engine, name)
    assert found is not None
    assert (found.state, found.progress, found.result, found.attempts) == ("done", 1.0, {"captions": "k"}, 1)
    assert [one.id for one in jobs_of(engine, "v1")] == [name]
    assert take_job(engine, name, at=AT + timedelta(days=1)) is None


def test_the_job_of_a_dead_worker_is_handed_out_again_and_its_late_result_is_nobodys(engine: Engine) -> None:
    name = job(engine)
    (handed,) = hand_out(engine, limit=9, at=AT)
    assert handed.id == name
    assert hand_out(engine, limit=9, at=AT) == [], "it was handed out a moment ago"
    slow = take_job(engine, name, at=AT)
    assert slow is not None
    later = AT + JOB_LEASE + timedelta(seconds=5)
    assert [one.id for one in hand_out(engine, limit=9, at=later)] == [name]
    quick = take_job(engine, name, at=later)
    assert quick is not None
    assert not progress(engine, slow, 0.9, later)
    assert not finish(engine, slow, {"by": "slow"}, later)
    assert finish(engine, quick, {"by": "quick"}, later)


def test_of_runs_that_were_handed_out_for_the_same_try_the_first_takes_it_and_the_others_nothing(
    engine: Engine,
) -> None:
    name = job(engine)
    waited = [hand_out(engine, limit=9, at=AT + number * JOB_LEASE)[0].attempts for number in range(3)]
    assert waited == [0, 0, 0], "it waited so long that it was handed out three times"
    at = AT + 3 * JOB_LEASE
    first, *rest = waited
    taken = take_job(engine, name, at=at, attempts=first)
    assert taken is not None
    assert not fail_job(engine, taken, "the store is away", at)
    for attempts in rest:
        assert take_job(engine, name, at=at, attempts=attempts) is None
    found = get_job(engine, name)
    assert found is not None
    assert (found.state, found.attempts, found.next_at) == ("queued", 1, at + timedelta(seconds=60))
    (again,) = hand_out(engine, limit=9, at=found.next_at)
    retried = take_job(engine, name, at=found.next_at, attempts=again.attempts)
    assert retried is not None
    assert retried.attempts == 2


def test_the_job_of_a_dead_worker_is_taken_by_the_run_it_was_handed_out_to(engine: Engine) -> None:
    name = job(engine)
    assert take_job(engine, name, at=AT, attempts=0) is not None
    later = AT + 2 * JOB_LEASE
    (handed,) = hand_out(engine, limit=9, at=later)
    assert take_job(engine, name, at=later, attempts=0) is None
    assert take_job(engine, name, at=later, attempts=handed.attempts) is not None


def test_a_job_is_tried_four_times_further_and_further_apart(engine: Engine) -> None:
    name, at, pauses = job(engine), AT, []
    for attempt in range(1, 5):
        taken = take_job(engine, name, at=at)
        assert taken is not None
        assert exhausted(taken) == (attempt == 4)
        ended = fail_job(engine, taken, "the store is away", at)
        assert ended == (attempt == 4)
        found = get_job(engine, name)
        assert found is not None
        if not ended:
            pauses.append((found.next_at - at).total_seconds())
            at = found.next_at
    assert pauses == [60, 120, 240]
    assert (found.state, found.error) == ("failed", "the store is away")
    (due,) = claim_deliveries(engine, limit=9, at=at)
    assert (due.event, due.payload["error"]) == ("media.failed", "the store is away")


def test_of_a_job_that_somebody_else_has_by_now_nothing_can_be_told(engine: Engine) -> None:
    name = job(engine)
    slow = take_job(engine, name, at=AT)
    quick = take_job(engine, name, at=AT + 2 * JOB_LEASE)
    assert slow is not None
    assert quick is not None
    assert not fail_job(engine, slow, "late", AT + 2 * JOB_LEASE, for_good=True)
    found = get_job(engine, name)
    assert found is not None
    assert (found.state, found.error) == ("running", None)
    assert finish(engine, quick, {}, AT + 2 * JOB_LEASE)
    job(engine, id_=name, again=True)
    anew = take_job(engine, name, at=AT + 3 * JOB_LEASE)
    assert anew is not None
    assert anew.attempts == slow.attempts
    assert not progress(engine, slow, 0.5, AT + 3 * JOB_LEASE), "it is the first try of another round"
    assert not fail_job(engine, slow, "late", AT + 3 * JOB_LEASE, for_good=True)


def test_a_broken_file_is_given_up_at_once(engine: Engine) -> None:
    taken = take_job(engine, job(engine), at=AT)
    assert taken is not None
    assert fail_job(engine, taken, "The file has no sound.", AT, for_good=True)


def test_a_job_with_an_id_is_asked_for_once(engine: Engine) -> None:
    name = uuid4()
    assert job(engine, id_=name) == job(engine, id_=name) == name
    assert len(jobs_of(engine, "v1")) == 1
    with pytest.raises(InputError, match="There is no job"):
        request_job(engine, "dance", "a.mp4", at=AT)


def test_deliveries_are_claimed_once_tried_again_and_given_up(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    store_analysis(engine, [{"id": "p1", "revision": 1, "analysis": {"tags": ["x"]}}], AT)
    at = AT
    for attempt in range(1, POSTS + 2):
        (one,) = claim_deliveries(engine, limit=9, at=at)
        assert claim_deliveries(engine, limit=9, at=at) == []
        assert one.attempts == attempt
        ended = failed(engine, one, "HTTP 500", at)
        assert ended == (attempt == POSTS + 1)
        at += timedelta(seconds=10 * 2 ** (attempt - 1))
    assert claim_deliveries(engine, limit=9, at=at + timedelta(days=9)) == []


def test_a_delivery_has_the_same_bytes_each_time_and_a_signature_that_can_be_checked(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    store_analysis(engine, [{"id": "p1", "revision": 1, "analysis": {"tags": ["ä"]}}], AT)
    (one,) = claim_deliveries(engine, limit=9, at=AT)
    (again,) = claim_deliveries(engine, limit=9, at=AT + timedelta(hours=1))
    assert one.body == again.body
    body = json.loads(one.body)
    assert (body["event"], body["id"], body["data"]["content_id"]) == ("content.analyzed", str(one.id), "p1")
    signature = dict(part.split("=") for part in sign(b"secret", 1_700_000_000, one.body).split(","))
    expected = hmac.new(b"secret", b"1700000000." + one.body, hashlib.sha256).hexdigest()
    assert signature == {"t": "1700000000", "v1": expected}
    delivered(engine, [one.id], AT)
    assert claim_deliveries(engine, limit=9, at=AT + timedelta(days=1)) == []


def test_a_worker_whose_clock_is_ahead_delays_nothing(engine: Engine) -> None:
    now = datetime.now(UTC)
    ahead = now + timedelta(days=1)
    put_contents(engine, [post("p1")], now)
    store_analysis(engine, [{"id": "p1", "revision": 1, "analysis": {"tags": []}}], ahead)
    done, broken = (take_job(engine, job(engine, at=ahead), at=ahead) for _ in range(2))
    assert done is not None
    assert broken is not None
    finish(engine, done, {"captions": "k"}, ahead)
    fail_job(engine, broken, "The file has no sound.", ahead, for_good=True)
    insert_decisions(engine, [decision("p1", ahead)])

    due = claim_deliveries(engine, limit=9, at=now + timedelta(seconds=30))
    assert {one.event for one in due} == {"content.analyzed", "content.moderated", "media.done", "media.failed"}
    waits = job(engine, at=ahead)
    assert [one.id for one in hand_out(engine, limit=9, at=now + timedelta(seconds=30))] == [waits]


def decision(content: str, at: datetime) -> dict[str, Any]:
    return {
        "id": uuid4(), "content_id": content, "content_kind": "post", "at": at, "text": "hi",
        "decision": "approved", "scores": {}, "reasons": [], "uncertainty": 0.1, "received_at": at,
        "revision": 1,
    }  # fmt: skip


def test_where_nobody_is_to_be_told_nothing_piles_up(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    store_analysis(engine, [{"id": "p1", "revision": 1, "analysis": {}}], AT)
    assert nobody_to_tell(engine, at=AT) == 1
    assert nobody_to_tell(engine, at=AT) == 0
