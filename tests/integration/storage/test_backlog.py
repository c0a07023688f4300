"""What waits in the content pipeline, and since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from serving.content_backlog import BacklogFigures
from serving.metrics import ServiceMetrics
from storage.backlog import waiting_work
from storage.content_claims import LEASE, TRIES, ask_again, claim_due
from storage.contents import put_contents
from storage.database import transaction
from storage.media_jobs import finish, request_job, take_job

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def by_work(engine: Engine) -> dict[str, tuple[int, datetime | None]]:
    return {one.work: (one.rows, one.oldest) for one in waiting_work(engine)}


def post(name: str) -> dict[str, Any]:
    return {"id": name, "kind": "post", "creator_id": "ana", "text": f"text of {name}"}


def test_contents_wait_until_they_are_looked_at_or_given_up(engine: Engine) -> None:
    assert by_work(engine) == dict.fromkeys(("contents", "media", "webhooks", "reviews"), (0, None))
    put_contents(engine, [post("p1")], AT)
    put_contents(engine, [post("p2")], AT + timedelta(minutes=5))
    assert by_work(engine)["contents"] == (2, AT)
    claim_due(engine, limit=1, at=AT)
    assert by_work(engine)["contents"] == (2, AT), "what is under way waits too"
    with transaction(engine) as connection:
        connection.execute(text("update contents set attempts = :tries where id = 'p1'"), {"tries": TRIES})
    assert by_work(engine)["contents"] == (1, AT + timedelta(minutes=5))


def oldest(engine: Engine) -> datetime | None:
    return by_work(engine)["contents"][1]


def settle(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text(
                "update contents set moderated_revision = revision, analyzed_revision = revision, attempts = 0"
            )
        )


def test_an_old_content_that_changes_waits_since_the_change(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT - YEAR)
    settle(engine)
    put_contents(engine, [post("p1") | {"text": "corrected"}], AT)
    assert oldest(engine) == AT


def test_an_old_content_that_is_asked_for_again_waits_since_then(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT - YEAR)
    settle(engine)
    ask_again(engine, ["p1"], AT, moderate=True, analyze=True)
    assert oldest(engine) == AT


def test_neither_telling_the_same_again_nor_workers_that_die_make_what_waits_younger(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    put_contents(engine, [post("p1")], AT + LEASE)
    assert oldest(engine) == AT
    for number in range(2):
        claim_due(engine, limit=1, at=AT + number * 2 * LEASE)
    assert oldest(engine) == AT


def test_a_media_job_waits_until_it_is_done_and_then_its_webhook_does(engine: Engine) -> None:
    job = request_job(engine, "captions", "films/7.mp4", at=AT)
    assert by_work(engine)["media"] == (1, AT)
    taken = take_job(engine, job, at=AT + timedelta(minutes=1))
    assert taken is not None
    assert by_work(engine)["media"] == (1, AT)
    finish(engine, taken, {}, AT + timedelta(minutes=2))
    waiting = by_work(engine)
    assert (waiting["media"], waiting["webhooks"][0]) == ((0, None), 1)


def test_the_metrics_have_the_rows_and_the_age_of_the_oldest(engine: Engine) -> None:
    put_contents(engine, [post("p1")], AT)
    metrics = ServiceMetrics("content")
    figures = BacklogFigures(metrics, lambda: waiting_work(engine), lambda: AT + timedelta(seconds=90))
    figures.publish()
    shown = metrics.render().decode()
    assert 'assay_backlog_rows{service="content",work="contents"} 1.0' in shown
    assert 'assay_backlog_oldest_seconds{service="content",work="contents"} 90.0' in shown
    assert 'assay_backlog_oldest_seconds{service="content",work="media"} 0.0' in shown
    assert 'assay_database_reachable{service="content"} 1.0' in shown
