"""The months of a family whose every row is reviewed: verified by the month of the decision, and full."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from storage import reviews
from storage.database import transaction
from storage.reviews import candidate_key
from tasks import building
from tasks.platform import Platform
from tests.photo_world import Shot, later, portrait, shots, take

OCTOBER = dt.datetime(2026, 10, 20, 9, tzinfo=dt.UTC)
NOVEMBER = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
FIRST, SECOND = dt.date(2026, 9, 30), dt.date(2026, 10, 2)
AT = dt.datetime(2026, 12, 1, 1, tzinfo=dt.UTC)


class World:
    """Photos of two days, collected, and admins who decide about them."""

    def __init__(self, parts: Platform) -> None:
        self.parts = parts
        self.taken = [*shots(2, 2, day=FIRST), *shots(2, 2, day=SECOND, first=5)]
        take(parts.settings, parts.engine, self.taken)
        from tasks.collection import publish_candidates

        for day in (FIRST, SECOND):
            publish_candidates.fn("face", day)

    def decide(
        self, photo: str, decision: str, at: dt.datetime = OCTOBER, label: str | None = None, by: str = "ada"
    ) -> None:
        reviews.decide(
            self.parts.engine, family="face", candidates=[candidate_key([photo])],
            decision=decision, decided_by=by, decided_at=at, corrected_label=label,  # type: ignore[arg-type]
        )  # fmt: skip

    def verified(self, month: str) -> dict[str, Any]:
        plan = building.plan_verified(self.parts, "face", month)
        return building.publish(self.parts, plan, at=AT, run_id="test")

    def full(self, month: str) -> dict[str, Any]:
        plan = building.plan_full(self.parts, "face", month)
        return building.publish(self.parts, plan, at=AT, run_id="test")

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        table = self.parts.datasets.table(self.parts.datasets.find(f"face/{name}"))
        return {row["photo"]: row for row in table.to_pylist()}

    def labels(self, name: str) -> dict[str, str | None]:
        return {photo: row["label"] for photo, row in self.rows(name).items()}


@pytest.fixture
def world(platform_parts: Platform) -> World:
    return World(platform_parts)


def test_a_month_holds_what_was_confirmed_or_corrected_in_it_whatever_day_it_is_of(world: World) -> None:
    world.decide("u0/0.jpg", "accept")
    world.decide("u5/0.jpg", "correct", label="Warm")
    world.decide("u1/0.jpg", "reject")
    world.decide("u5/1.jpg", "accept", at=NOVEMBER)

    figures = world.verified("2026-10")

    assert world.labels("verified/2026-10") == {"u0/0.jpg": "Serious", "u5/0.jpg": "Warm"}
    assert [figures[name] for name in ("kept", "accepted", "corrected", "rejected")] == [2, 1, 1, 1]
    assert figures["waiting for review"] == 4
    assert [ref.name for ref in world.parts.datasets.find("face/verified/2026-10").built_from] == [
        "face/candidates/2026-09-30", "face/candidates/2026-10-02",
    ]  # fmt: skip


def test_each_row_tells_its_photo_prediction_admin_and_time_and_has_its_picture(world: World) -> None:
    world.decide("u5/1.jpg", "correct", label="Warm", by="bert")

    world.verified("2026-10")

    shot = next(one for one in world.taken if one.photo == "u5/1.jpg")
    row = world.rows("verified/2026-10")["u5/1.jpg"]
    assert (row["verified_by"], row["verified_at"]) == ("bert", OCTOBER)
    assert row["prediction_id"] is not None
    assert row["predicted_class"] == shot.predicted
    assert row["image"] == shot.data


def test_only_the_days_of_the_decided_candidates_are_read(world: World) -> None:
    world.decide("u5/0.jpg", "accept")

    plan = building.plan_verified(world.parts, "face", "2026-10")

    assert [manifest.name for manifest in plan.versions] == ["face/candidates/2026-10-02"]
    assert plan.plan.report["read"] == 4


def test_candidates_that_the_index_has_lost_are_found_in_the_versions(world: World) -> None:
    world.decide("u5/0.jpg", "accept")
    with transaction(world.parts.engine) as connection:
        connection.exec_driver_sql("delete from candidates")

    world.verified("2026-10")

    assert set(world.rows("verified/2026-10")) == {"u5/0.jpg"}


def test_the_latest_decision_of_the_month_counts_and_a_withdrawn_one_is_none(world: World) -> None:
    world.decide("u0/0.jpg", "accept")
    world.decide("u0/0.jpg", "correct", OCTOBER + dt.timedelta(hours=1), label="Warm")
    world.decide("u0/1.jpg", "accept")
    world.decide("u0/1.jpg", "withdraw", OCTOBER + dt.timedelta(hours=1))
    world.decide("u1/0.jpg", "accept")
    world.decide("u1/0.jpg", "skip", OCTOBER + dt.timedelta(hours=1))

    world.verified("2026-10")

    assert world.labels("verified/2026-10") == {"u0/0.jpg": "Warm"}


def test_full_follows_the_later_month_in_corrections_rejections_and_withdrawals(world: World) -> None:
    for photo in ("u0/0.jpg", "u0/1.jpg", "u1/0.jpg", "u5/0.jpg"):
        world.decide(photo, "accept")
    world.decide("u0/1.jpg", "correct", NOVEMBER, label="Warm")
    world.decide("u1/0.jpg", "reject", NOVEMBER)
    world.decide("u5/0.jpg", "withdraw", NOVEMBER)
    for month in ("2026-10", "2026-11"):
        world.verified(month)
        world.full(month)

    assert set(world.labels("full/2026-10")) == {"u0/0.jpg", "u0/1.jpg", "u1/0.jpg", "u5/0.jpg"}
    assert world.labels("full/2026-10")["u0/1.jpg"] == "Serious"
    assert world.labels("full/2026-11") == {"u0/0.jpg": "Serious", "u0/1.jpg": "Warm"}
    assert world.rows("full/2026-11")["u0/1.jpg"]["verified_at"] == NOVEMBER
    assert world.labels("verified/2026-11") == {"u0/1.jpg": "Warm"}
    assert set(world.labels("verified/2026-10")) == {"u0/0.jpg", "u0/1.jpg", "u1/0.jpg", "u5/0.jpg"}


def test_building_again_finds_the_same_bytes_also_when_more_was_decided_in_a_later_month(world: World) -> None:
    world.decide("u0/0.jpg", "accept")
    first = world.verified("2026-10"), world.full("2026-10")
    world.decide("u0/0.jpg", "reject", NOVEMBER)

    again = world.verified("2026-10"), world.full("2026-10")

    assert [one["new"] for one in first] == [True, True]
    assert [one["new"] for one in again] == [False, False]


def test_a_class_that_is_no_longer_in_the_settings_and_a_confirmed_nothing_stop_no_build(
    platform_parts: Platform,
) -> None:
    nameless = Shot(
        "u9/a.jpg", portrait(901), predicted=None, error="timed out", at=dt.datetime(2026, 10, 2, tzinfo=dt.UTC)
    )
    gone = later(
        Shot("u9/b.jpg", portrait(902), predicted="Grumpy"), at=dt.datetime(2026, 10, 2, tzinfo=dt.UTC)
    )
    take(platform_parts.settings, platform_parts.engine, [nameless, gone])
    world = World(platform_parts)
    for photo in ("u9/a.jpg", "u9/b.jpg"):
        world.decide(photo, "accept")

    world.verified("2026-10")

    assert world.labels("verified/2026-10") == {"u9/a.jpg": None, "u9/b.jpg": "Grumpy"}


def test_a_preview_says_what_a_build_then_publishes_and_publishes_nothing(world: World) -> None:
    world.decide("u0/0.jpg", "accept")
    world.verified("2026-10"), world.full("2026-10")
    world.decide("u0/0.jpg", "correct", NOVEMBER, label="Warm")
    world.decide("u5/0.jpg", "accept", NOVEMBER)
    world.decide("gone/0.jpg", "accept", NOVEMBER)
    before = [manifest.name for manifest in world.parts.datasets.list()]

    seen = building.preview(world.parts, "face", "2026-11")

    assert [manifest.name for manifest in world.parts.datasets.list()] == before
    assert world.verified("2026-11")["rows"] == seen["verified"]["rows"] == 2
    full = world.full("2026-11")
    assert (full["rows"], full["classes"], full["split"]) == (
        seen["full"]["rows"], seen["full"]["classes"], seen["full"]["split"],
    )  # fmt: skip
    assert seen["full"]["latest"] == "face/full/2026-10"
    assert seen["full"]["change"] == {"added": 1, "removed": 0, "relabelled": 1, "unchanged": 0}
    assert seen["verified"]["latest"] is None
    assert (seen["verified"]["missing"], seen["verified"]["waiting"]) == (1, 6)


def test_a_preview_of_nothing_has_no_full_set(world: World) -> None:
    seen = building.preview(world.parts, "face", "2026-10")

    assert (seen["verified"]["rows"], seen["verified"]["classes"]) == (0, {})
    assert seen["full"]["rows"] == 0
