"""Decisions about people who were forgotten: nothing is on record."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.erasure import ForgottenPeople, remember, subject_hash
from storage.experiment_decisions import open_connection, record_decisions
from tests.integration.storage.test_experiment_records import AT, decision, experiment


@pytest.fixture
def shop(engine: Engine) -> Any:
    return experiment(engine)


def forget(engine: Engine, settings: Settings, person: str) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, person), requested_by="ada", reason=None, at=AT)


def on_record(engine: Engine) -> tuple[list[str | None], int]:
    with transaction(engine) as connection:
        subjects = connection.scalars(text("select subject_id from experiment_decisions order by 1")).all()
        counted = connection.scalar(text("select sum(decisions)::int from experiment_variants"))
    return list(subjects), counted or 0


def test_of_a_group_only_those_who_were_forgotten_are_left_out(
    engine: Engine, settings: Settings, shop: Any
) -> None:
    forget(engine, settings, "gone")
    people = ForgottenPeople(settings)
    rows = [decision(shop, subject) for subject in ("ann", "gone", None, "ben")]
    for _ in range(2):  # the same rows again answer alike
        found = record_decisions(engine, rows, forgotten=people)
        assert [each.refused for each in found] == [None, "forgotten", None, None]
    assert on_record(engine) == (["ann", "ben", None], 3)
    (alone,) = record_decisions(engine, [decision(shop, "gone")], forgotten=people)
    assert alone.refused == "forgotten"
    assert on_record(engine) == (["ann", "ben", None], 3)


def test_who_is_forgotten_while_the_service_runs_is_soon_left_out(
    engine: Engine, settings: Settings, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ForgottenPeople, "LOOK_SECONDS", 0.0)
    people = ForgottenPeople(settings)
    with open_connection(engine) as connection:
        (before,) = record_decisions(connection, [decision(shop, "gone")], forgotten=people)
        forget(engine, settings, "gone")
        (after,) = record_decisions(connection, [decision(shop, "gone")], forgotten=people)
        (other,) = record_decisions(connection, [decision(shop, "ann")], forgotten=people)
    assert (before.refused, after.refused, other.refused) == (None, "forgotten", None)
