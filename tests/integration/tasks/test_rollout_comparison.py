"""A rollout's two versions compared on real data, a real registry and a real database."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from models.family import get_family
from models.monitoring.rollouts import verdict_sentence
from serving.recorder import new_identities
from storage.predictions import insert_predictions
from storage.rollout_answers import first_id
from storage.rollouts import Rollout, list_rollouts, running_rollout
from storage.shadow_answers import insert_shadow_answers
from tasks.platform import Platform
from tasks.rollout_answers import kept_gap
from tasks.rollout_comparison import compare_rollout, compare_running
from tests.integration.tasks.rollout_world import PROMOTED, WEEK_LATER, promote, register, watching

__all__ = ["watching"]


def shadow_of(parts: Platform, *, poor_production: bool) -> Rollout:
    """A shadow that is tried for a week beside the other kind of version."""
    promote(parts, register(parts, poor=poor_production), PROMOTED - dt.timedelta(days=1))
    version = register(parts, poor=not poor_production, champion="1")
    return parts.registry.rollouts.start(
        "viral", version, mode="shadow", share=1, by="ana", reason="to see", at=PROMOTED
    )


@pytest.mark.parametrize(("poor_production", "verdict"), [(True, "better"), (False, "worse")])
def test_a_version_that_errs_less_is_called_better_and_the_other_way_round(
    watching: Platform, poor_production: bool, verdict: str
) -> None:
    rollout = shadow_of(watching, poor_production=poor_production)
    found = compare_rollout(watching, rollout, WEEK_LATER, keep=True)

    assert found.note is None
    assert found.losses is not None
    assert found.losses.verdict == verdict
    assert found.sentence.startswith(f"Version 2 is {verdict}, beyond chance: log loss")
    json.dumps(found.as_dict(), default=str, allow_nan=False)
    kept = kept_gap(watching.engine, rollout)
    assert kept is not None
    assert (kept.gap.verdict, kept.gap.rows) == (verdict, found.losses.rows)
    assert verdict_sentence(kept.gap, "2", "1", get_family("viral").loss) == found.sentence


def test_each_morning_what_runs_is_compared_and_a_version_that_errs_more_is_found(watching: Platform) -> None:
    shadow_of(watching, poor_production=False)
    looks = compare_running(watching, ["viral", "ctr"], WEEK_LATER)
    (finding,) = looks.found
    assert finding.subject == "shadow of version 2"
    assert {("shadow of version", "viral"), ("canary of version", "ctr")} <= looks.judged
    assert finding.figures["verdict"] == "worse"
    assert "`assay models stop viral`" in finding.sentence
    assert finding.link == "/models/viral/rollout"

    watching.registry.rollouts.stop("viral", by="ana", at=WEEK_LATER)
    looks = compare_running(watching, ["viral"], WEEK_LATER)
    assert looks.found == ()
    assert ("shadow of version", "viral") in looks.judged


def test_a_rollout_whose_outcomes_cannot_be_compared_is_said(watching: Platform) -> None:
    promote(watching, register(watching), PROMOTED - dt.timedelta(days=1))
    version = register(watching, champion="1", dataset="viral/full/1999-01")
    watching.registry.rollouts.start(
        "viral", version, mode="shadow", share=1, by="ana", reason="to see", at=PROMOTED
    )
    looks = compare_running(watching, ["viral", "ctr"], WEEK_LATER)
    (said,) = looks.found
    assert (said.subject, said.severity) == ("watch over the rollout", "warning")
    assert "Outcomes could not be compared" in said.sentence
    assert {name for begins, name in looks.judged if begins == "shadow of version"} == {"ctr"}


def test_figures_of_a_later_trial_of_the_same_version_are_not_an_earlier_ones(watching: Platform) -> None:
    first = shadow_of(watching, poor_production=False)
    watching.registry.rollouts.stop("viral", by="ana", at=PROMOTED + dt.timedelta(hours=1))
    ended = list_rollouts(watching.engine, "viral")[0]
    second = watching.registry.rollouts.start(
        "viral", first.version, mode="shadow", share=1, by="ana", reason="again", at=PROMOTED
    )
    compare_rollout(watching, second, WEEK_LATER, keep=True)
    assert kept_gap(watching.engine, second) is not None
    assert kept_gap(watching.engine, ended) is None


def test_before_outcomes_mature_nothing_is_decided_and_it_says_so(watching: Platform) -> None:
    rollout = shadow_of(watching, poor_production=True)
    found = compare_rollout(watching, rollout, PROMOTED + dt.timedelta(hours=1))
    assert found.losses is None or found.losses.verdict == "undecided"
    assert found.sentence.startswith("Not decided yet")


def test_answers_are_counted_and_agreement_is_of_the_same_questions(watching: Platform) -> None:
    rollout = shadow_of(watching, poor_production=True)
    start = first_id(PROMOTED + dt.timedelta(hours=1)).int
    ids = [str(type(first_id(PROMOTED))(int=start + number)) for number in range(10)]
    insert_predictions(
        watching.engine,
        [
            {
                "id": identity, "family": "viral", "entity_id": f"v-{number}", "at": PROMOTED, "inputs": {},
                "answer": {"viral_class": "low", "viral_score": 10.0}, "model_version": "1",
                "latency_ms": 1.5, "received_at": PROMOTED,
            }
            for number, identity in enumerate(ids)
        ],
    )  # fmt: skip
    insert_shadow_answers(
        watching.engine,
        [
            {
                "id": identity, "family": "viral", "entity_id": f"v-{number}", "at": PROMOTED,
                "answer": {"viral_class": "low" if number < 8 else "high", "viral_score": 12.0},
                "model_version": "2", "latency_ms": 0.5, "received_at": PROMOTED, "people": [],
            }
            for number, identity in enumerate(ids)
        ],
    )  # fmt: skip
    answers = compare_rollout(watching, rollout, WEEK_LATER).answers
    assert (answers.champion.answers, answers.challenger.answers) == (10, 10)
    assert answers.challenger.latency_ms[0.5] == 0.5
    assert answers.agreement is not None
    assert (answers.agreement.pairs, answers.agreement.same, answers.agreement.score) == (10, 0.8, 2.0)
    assert new_identities(1)[0] > ids[-1]
    assert running_rollout(watching.engine, "viral") is not None
