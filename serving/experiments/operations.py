"""The endpoints of experiments as the OpenAPI document of their service has them."""

from __future__ import annotations

from typing import Any

from serving.experiments.schema import (
    EXAMPLE_DECISION,
    EXAMPLE_DEFINITION,
    EXAMPLE_EDIT,
    EXAMPLE_RESULT,
    EXAMPLE_REWARD,
    EXAMPLE_SELECT,
    EXAMPLE_SELECTION,
    MAX_REWARDS,
    ChangeRequest,
    EditedExperiment,
    ExperimentAnswer,
    ExperimentList,
    NewExperiment,
    RewardAnswer,
    RewardRequest,
    Selection,
    SelectRequest,
    Stats,
)
from serving.openapi import Operation

_ID: dict[str, Any] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The experiment's id.",
    "schema": {"type": "string"},
}
_CHANGE_FAULTS = (400, 401, 404, 409, 413, 415, 422, 503)
_ONE = "/experiments/{id}"


def _flag(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "boolean"}}


def _change(action: str, summary: str, description: str, example: dict[str, Any]) -> Operation:
    return Operation(
        f"{_ONE}/{action}",
        "post",
        summary,
        description,
        request=ChangeRequest,
        body=False,
        answer=ExperimentAnswer,
        examples={"by a person": example},
        parameters=(_ID,),
        faults=_CHANGE_FAULTS,
        needs_key=True,
    )


EXPERIMENT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        f"{_ONE}/select",
        "post",
        "Choose a variant",
        "The decision is in the database, with the probability that it was drawn with, before it is answered. "
        "Who is outside the experiment (traffic share, paused, concluded, database away) gets the control, or "
        "the winner, and the reason; nothing is logged then.",
        request=SelectRequest,
        body=False,
        answer=Selection,
        examples={"a known subject": EXAMPLE_SELECT, "anybody": {}},
        answer_example=EXAMPLE_SELECTION,
        parameters=(_ID,),
        faults=(400, 401, 404, 408, 413, 415, 422, 503),
    ),
    Operation(
        f"{_ONE}/reward",
        "post",
        f"Say what came of a decision, or of up to {MAX_REWARDS}",
        "The first reward of a decision stands; the same again changes nothing (`repeated`), another is "
        "refused (409; among many: `conflict`). After the window it is kept and counts nowhere (`late`).",
        request=RewardRequest,
        answer=RewardAnswer,
        examples={
            "one": EXAMPLE_REWARD,
            "many": {"rewards": [EXAMPLE_REWARD, {"decision_id": EXAMPLE_DECISION, "value": 1}]},
        },
        answer_example=EXAMPLE_RESULT,
        parameters=(_ID,),
        faults=(400, 401, 404, 408, 409, 413, 415, 422, 503),
        also={202: "Kept on disk while the database is away; it is brought there later."},
    ),
    Operation(
        f"{_ONE}/stats",
        "get",
        "How the variants do",
        "Effects with intervals that stay valid however often one looks, the probability of being best, and "
        "what to do.",
        answer=Stats,
        parameters=(
            _ID,
            _flag("timeline", "Also decisions and rewards of each variant over time."),
            _flag("off_policy", "Also what other policies would have earned, from the logged propensities."),
        ),
        faults=(401, 404, 422, 503),
    ),
    Operation("/experiments", "get", "All experiments", answer=ExperimentList, faults=(401, 503)),
    Operation(
        "/experiments",
        "post",
        "Create an experiment",
        "The body is its definition (docs/guides/experiments.md), and beside it `actor`, who does it, and "
        "`start`, to start it at once.",
        request=NewExperiment,
        answer=ExperimentAnswer,
        examples={"Thompson sampling": EXAMPLE_DEFINITION},
        status=201,
        faults=(400, 401, 409, 413, 415, 422, 503),
        needs_key=True,
    ),
    Operation(
        _ONE,
        "get",
        "One experiment, with every change of it",
        answer=ExperimentAnswer,
        parameters=(_ID,),
        faults=(401, 404, 503),
    ),
    Operation(
        _ONE,
        "put",
        "Change a draft",
        "The body is the whole definition, and beside it `actor`, `reason` and `revision`. What has started is "
        "not changed any more.",
        request=EditedExperiment,
        answer=ExperimentAnswer,
        examples={"another title": EXAMPLE_EDIT},
        parameters=(_ID,),
        faults=_CHANGE_FAULTS,
        needs_key=True,
    ),
    _change("start", "Start a draft", "From now on it decides, and is not edited any more.", {"actor": "anna"}),
    _change(
        "pause",
        "Pause",
        "No decision is made after this is answered; rewards are still taken.",
        {"actor": "anna", "reason": "the checkout is broken"},
    ),
    _change("resume", "Go on", "A paused experiment decides again.", {"actor": "anna"}),
    _change(
        "conclude",
        "Conclude",
        "Everybody gets the winner from now on; without one the control, and then `reason` is needed.",
        {"actor": "anna", "winner": "story"},
    ),
)
