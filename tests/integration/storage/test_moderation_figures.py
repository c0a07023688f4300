"""Figures of moderation out of a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.moderation_figures import moderation_figures, waiting_decisions
from tests.moderation_world import POST, VIDEO, fill

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
THRESHOLDS = {"spam": 0.8, "violence": 0.75, "toxicity": 0.9}
SPAN = {"since": AT - timedelta(days=14), "until": AT + timedelta(hours=1)}


def review(engine: Engine, decision: object, verdict: str, labels: list[str], minutes: int = 0) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text(
                "insert into moderation_reviews (decision_id, decision, labels, reviewer, at)"
                " values (:id, :decision, :labels, 'ana', :at)"
            ),
            {"id": decision, "decision": verdict, "labels": labels, "at": AT + timedelta(minutes=minutes)},
        )
        connection.execute(
            text("update moderation_decisions set open = false, reviewed_at = :at where id = :id"),
            {"id": decision, "at": AT + timedelta(minutes=minutes)},
        )


def test_of_an_empty_platform_nothing_is_known(engine: Engine) -> None:
    found = moderation_figures(engine, THRESHOLDS, **SPAN)
    assert (found.days, found.totals, found.waiting.count, found.overturn_rate) == ({}, {}, 0, None)
    assert [(one.label, one.reviewed, one.share) for one in found.agreement] == [
        ("spam", 0, None), ("violence", 0, None), ("toxicity", 0, None),
    ]  # fmt: skip


def test_decisions_are_counted_by_day_and_what_waits_by_now(settings: Settings, engine: Engine) -> None:
    fill(settings, engine, AT, comments=20)
    found = moderation_figures(engine, THRESHOLDS, **SPAN)
    assert list(found.days) == [AT.date() - timedelta(days=1), AT.date()]
    assert found.totals == {"review_required": 21, "rejected": 1}
    assert found.waiting == waiting_decisions(engine)
    assert (found.waiting.count, found.waiting.appealed, found.waiting.oldest) == (
        22,
        1,
        AT - timedelta(hours=20),
    )
    assert found.appeals == 1
    earlier = moderation_figures(engine, THRESHOLDS, since=AT - timedelta(days=9), until=AT - timedelta(days=3))
    assert earlier.days == {}


def test_the_latest_review_is_compared_with_the_scores(settings: Settings, engine: Engine) -> None:
    fill(settings, engine, AT)
    review(engine, VIDEO, "approved", [], minutes=1)
    review(engine, VIDEO, "rejected", ["violence"], minutes=2)
    review(engine, POST, "approved", [], minutes=3)
    found = {one.label: one for one in moderation_figures(engine, THRESHOLDS, **SPAN).agreement}
    spam, violence, toxicity = found["spam"], found["violence"], found["toxicity"]
    assert (spam.model_only, spam.neither, spam.share) == (1, 1, 0.5)
    assert (violence.person_only, violence.reviewed, violence.share) == (1, 1, 0.0)
    assert (toxicity.neither, toxicity.reviewed) == (1, 1), "of the video nothing scored it"


def test_the_share_of_overturned_appeals_is_that_of_the_resolved_ones(
    settings: Settings, engine: Engine
) -> None:
    fill(settings, engine, AT)
    with transaction(engine) as connection:
        connection.execute(
            text("update moderation_appeals set resolved_at = :at, outcome = 'overturned'"), {"at": AT}
        )
    found = moderation_figures(engine, THRESHOLDS, **SPAN)
    assert (found.appeals, found.resolved, found.overturned, found.overturn_rate) == (0, 1, 1, 1.0)
