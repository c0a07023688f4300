"""What the endpoints of experiments are asked and what they answer; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from models.experiments.definition import Definition

MAX_REWARDS = 1000
_STRICT = ConfigDict(extra="forbid", strict=True)

Subject = Annotated[str, Field(min_length=1, max_length=256)]
Actor = Annotated[str, Field(min_length=1, max_length=100)]
Sentence = Annotated[str, Field(max_length=1000)]
Value = Annotated[float, Field(allow_inf_nan=False)]
ContextValue = str | float | bool | None


@with_config(_STRICT)
class SelectRequest(TypedDict):
    """Who asks, and in which context; both may be left out where the experiment does not need them."""

    subject_id: NotRequired[
        Annotated[
            Subject | None,
            Field(description="Whom the variant is for. A sticky experiment keeps to its first answer."),
        ]
    ]
    context: NotRequired[
        Annotated[
            dict[str, ContextValue] | None, Field(description="Values of the experiment's context fields.")
        ]
    ]


class Selection(TypedDict):
    """The variant to show."""

    variant: str
    propensity: Annotated[
        float | None, Field(description="The probability that it was drawn with; null outside the experiment.")
    ]
    decision_id: Annotated[
        str | None, Field(description="To be sent back with the reward; null outside the experiment.")
    ]
    experiment: str
    in_experiment: bool
    repeated: Annotated[bool, Field(description="The subject had this decision before.")]
    reason: NotRequired[
        Annotated[
            Literal["traffic", "draft", "paused", "concluded", "database", "forgotten"],
            Field(description="Why it is outside the experiment."),
        ]
    ]


@with_config(_STRICT)
class OneReward(TypedDict):
    """What came of a decision."""

    decision_id: UUID
    value: Annotated[Value, Field(description="On the reward's own scale; 0 or 1 for a binary one.")]
    metrics: NotRequired[
        Annotated[dict[str, Value] | None, Field(max_length=10, description="Values of guard-rail metrics.")]
    ]
    at: NotRequired[Annotated[AwareDatetime | None, Field(description="When it came about; default: now.")]]


@with_config(_STRICT)
class RewardRequest(TypedDict):
    """One reward (``decision_id``, ``value``), or many (``rewards``)."""

    decision_id: NotRequired[UUID]
    value: NotRequired[Value]
    metrics: NotRequired[Annotated[dict[str, Value] | None, Field(max_length=10)]]
    at: NotRequired[AwareDatetime | None]
    rewards: NotRequired[Annotated[list[OneReward], Field(min_length=1, max_length=MAX_REWARDS)]]


class RewardResult(TypedDict):
    """What became of a reward: counted, repeated (the same was there), conflict (another was there and stands),
    late (after the window: kept, counts nowhere), unknown (no such decision), accepted (kept on disk while the
    database is away).
    """

    decision_id: str
    status: Literal["counted", "repeated", "conflict", "late", "unknown", "accepted"]
    counted: Annotated[bool, Field(description="By this call.")]
    variant: str | None
    value: Annotated[float | None, Field(description="The reward on record: the first that came.")]


class RewardAnswer(TypedDict):
    """Of one reward the fields of a result; of many ``results`` in their order, and how many were counted."""

    decision_id: NotRequired[str]
    status: NotRequired[str]
    counted: bool | int
    variant: NotRequired[str | None]
    value: NotRequired[float | None]
    results: NotRequired[list[RewardResult]]


@with_config(_STRICT)
class ChangeRequest(TypedDict):
    """Who changes the state of an experiment and why; ``winner`` goes with its conclusion."""

    actor: NotRequired[Actor | None]
    reason: NotRequired[Sentence | None]
    winner: NotRequired[Annotated[str | None, Field(max_length=64)]]
    revision: NotRequired[
        Annotated[int | None, Field(description="Change it only if it is still at this revision.")]
    ]


class NewExperiment(Definition):
    """A definition, and beside it who creates it, and whether it starts at once."""

    start: bool = False
    actor: Actor | None = None


class EditedExperiment(Definition):
    """A definition, and beside it who changes it, why, and from which revision."""

    actor: Actor | None = None
    reason: Sentence | None = None
    revision: int | None = None


class ExperimentAnswer(TypedDict):
    """An experiment with its definition, its state and the counts of its variants."""

    id: str
    title: str
    state: Literal["draft", "running", "paused", "concluded"]
    revision: int
    winner: str | None
    definition: dict[str, Any]
    created_at: str
    created_by: str
    started_at: str | None
    concluded_at: str | None
    variants: list[dict[str, Any]]


class ExperimentList(TypedDict):
    """All of them: those that run first, then the newest first."""

    experiments: list[ExperimentAnswer]
    count: int


class Stats(TypedDict):
    """The report of docs/guides/experiments.md, the state, and on request ``timeline`` and ``off_policy``."""

    id: str
    state: str
    decisions: int
    rewarded: int
    pending: int
    method: Any
    sample_ratio: dict[str, Any]
    variants: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    recommendation: str
    warnings: list[str]
    timeline: NotRequired[list[dict[str, Any]]]
    off_policy: NotRequired[dict[str, Any]]


EXAMPLE_DEFINITION: dict[str, Any] = {
    "id": "hook-style",
    "title": "Which hook keeps people watching?",
    "variants": [{"name": "question"}, {"name": "number"}, {"name": "story"}],
    "reward": {"name": "click", "kind": "binary", "window_hours": 24},
    "policy": {"kind": "thompson"},
    "guardrails": [{"metric": "report", "worse": "higher", "limit": 0.01}],
    "start": True,
    "actor": "anna",
}
EXAMPLE_EDIT = {
    **{name: value for name, value in EXAMPLE_DEFINITION.items() if name != "start"},
    "title": "Which hook?",
    "revision": 1,
}
EXAMPLE_DECISION = "019a9c3e-5a70-7c11-9d5e-0242ac120002"
EXAMPLE_SELECT: dict[str, Any] = {"subject_id": "user-77", "context": {"country": "DE"}}
EXAMPLE_SELECTION: dict[str, Any] = {
    "variant": "story",
    "propensity": 0.412,
    "decision_id": EXAMPLE_DECISION,
    "experiment": "hook-style",
    "in_experiment": True,
    "repeated": False,
}
EXAMPLE_REWARD: dict[str, Any] = {"decision_id": EXAMPLE_DECISION, "value": 1, "metrics": {"report": 0}}
EXAMPLE_RESULT: dict[str, Any] = {
    "decision_id": EXAMPLE_DECISION,
    "status": "counted",
    "counted": True,
    "variant": "story",
    "value": 1.0,
}
