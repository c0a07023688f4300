"""The table of schedules, and how tasks are retried."""

from __future__ import annotations

from unittest.mock import sentinel

import pytest

import deploy_flows
from config.errors import InputError, RegistryUnavailable, StoreUnavailable
from models.family import FAMILIES


def test_each_family_has_its_retraining_and_no_other_does() -> None:
    retrained = {one.deployment for one in deploy_flows.SCHEDULES if one.deployment.startswith("retrain-")}

    assert retrained == {f"retrain-{family}" for family in FAMILIES}
    deploy_flows.check_families()


def test_the_schedule_is_the_one_that_was_agreed() -> None:
    crons = {one.deployment: one.cron for one in deploy_flows.SCHEDULES}

    assert crons["collect-daily"] == "0 0 * * *"
    assert crons["build-datasets-monthly"] == "0 1 1 * *"
    assert crons["retrain-viral"] == "0 3 * * 0"
    assert crons["retrain-recommendation"] == "0 2 * * *"
    assert crons["refresh-recommendations"] == "5 * * * *"
    assert crons["refresh-trending"] == "*/15 * * * *"


@pytest.mark.parametrize("scheduled", deploy_flows.SCHEDULES, ids=lambda one: one.deployment)
def test_every_entrypoint_is_there_and_described(scheduled: deploy_flows.Scheduled) -> None:
    path, _, name = scheduled.entrypoint.partition(":")

    assert f"async def {name}(" in (deploy_flows.ROOT / path).read_text()
    assert len(scheduled.description) > 40


def test_only_what_was_away_is_tried_again() -> None:
    from prefect.states import Failed

    from tasks.policy import worth_retrying

    for error, again in (
        (RegistryUnavailable("away"), True),
        (StoreUnavailable("away"), True),
        (InputError("wrong"), False),
        (ValueError("wrong"), False),
    ):
        assert worth_retrying(sentinel.task, sentinel.run, Failed(data=error)) is again


def test_what_talks_to_others_is_retried_with_growing_pauses_and_what_computes_is_not() -> None:
    from tasks.collection import publish_candidates
    from tasks.training import fit_challenger

    assert publish_candidates.retries == 5
    assert publish_candidates.retry_delay_seconds == [1, 2, 4, 8, 16]
    assert publish_candidates.retry_jitter_factor == 1.0
    assert fit_challenger.retries == 0
