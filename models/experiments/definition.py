"""What an experiment is defined by, read out of JSON with a sentence for each fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from config.errors import DefinitionFaulty
from models.experiments.faults import faults

MIN_VARIANTS, MAX_VARIANTS = 2, 20
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

Name = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Variant(BaseModel):
    """One of the things to choose between.

    Attributes:
        share: its part of the traffic under a fixed split; parts are relative to their sum.
        attributes: what a contextual bandit may know of it, beside its name.
    """

    model_config = _STRICT
    name: str = Name
    share: float = Field(1.0, gt=0, le=1e6)
    attributes: dict[str, str | float | bool] = Field(default_factory=dict, max_length=50)


class Reward(BaseModel):
    """What a decision is judged by.

    Attributes:
        name: what it is called, such as ``click`` or ``retention``.
        kind: ``binary`` (0 or 1) or ``number`` (any value from ``low`` to ``high``).
        missing: what a decision without a reward counts as: ``zero`` (no click was a no; from the decision on),
            or ``ignore`` (nothing is known of it, it counts nowhere).
        window_hours: a reward counts if it comes at most this long after its decision.
    """

    model_config = _STRICT
    name: str = Field("click", min_length=1, max_length=64)
    kind: Literal["binary", "number"] = "binary"
    low: float = 0.0
    high: float = 1.0
    missing: Literal["zero", "ignore"] = "zero"
    window_hours: float = Field(24.0, gt=0, le=24 * 90)

    @model_validator(mode="after")
    def _bounds(self) -> Reward:
        if self.kind == "binary" and (self.low, self.high) != (0.0, 1.0):
            raise ValueError("a binary reward lies between 0 and 1: leave low and high out")
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.missing == "zero" and not self.low <= 0.0 <= self.high:
            raise ValueError("with missing 'zero', zero must lie between low and high")
        return self

    def scaled(self, value: float) -> float:
        """``value`` on the scale from 0 (low) to 1 (high)."""
        return (value - self.low) / (self.high - self.low)

    def unscaled(self, value: float) -> float:
        """The inverse of :meth:`scaled`."""
        return self.low + value * (self.high - self.low)


class Policy(BaseModel):
    """How a variant is chosen.

    Attributes:
        kind: ``fixed`` (by shares), ``thompson`` (posterior sampling), ``contextual`` (Vowpal Wabbit's
            ``--cb_explore_adf``).
        posterior: of Thompson sampling: ``beta`` for binary rewards, ``normal`` for any.
        exploration: the least probability of each variant under ``thompson`` and ``contextual``, so that every
            logged propensity stays usable for estimates; at most 1 / variants.
        explorer: Vowpal Wabbit's exploration.
        learning_rate: Vowpal Wabbit's.
    """

    model_config = _STRICT
    kind: Literal["fixed", "thompson", "contextual"] = "fixed"
    posterior: Literal["beta", "normal"] = "beta"
    exploration: float = Field(0.01, ge=0.0005, le=0.5)
    explorer: Literal["squarecb", "epsilon", "softmax"] = "squarecb"
    learning_rate: float = Field(0.5, gt=0, le=10)


class ContextField(BaseModel):
    """One field of the context that a caller gives with each question."""

    model_config = _STRICT
    name: str = Name
    kind: Literal["category", "number"] = "category"
    required: bool = False


class GuardRail(BaseModel):
    """A metric that no variant may harm.

    Attributes:
        metric: name under which callers send it with the reward.
        low, high: its bounds.
        worse: which direction is harm.
        limit: how much worse than the control a variant may be, in the metric's own units.
        action: ``pause`` the experiment, or only raise the ``alarm``.
    """

    model_config = _STRICT
    metric: str = Name
    worse: Literal["higher", "lower"] = "higher"
    limit: float = Field(gt=0)
    low: float = 0.0
    high: float = 1.0
    action: Literal["pause", "alarm"] = "pause"

    @model_validator(mode="after")
    def _bounds(self) -> GuardRail:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        return self


class Definition(BaseModel):
    """An experiment as a person defines it. The first variant is the control unless ``control`` names another.

    Attributes:
        traffic: share of subjects that take part; the others get the control, and no decision is logged.
        sticky: a subject keeps the variant of its first decision.
        minimum_effect: the smallest difference of means that matters, on the reward's own scale; the days that
            are still needed are computed for it.
        planned_decisions: at about this many decisions the sequential interval is narrowest.
        salt: with the subject's id it decides who takes part, and who gets what under a sticky fixed split.
    """

    model_config = _STRICT
    id: str = Name
    title: str = Field(min_length=1, max_length=200)
    variants: tuple[Variant, ...] = Field(min_length=MIN_VARIANTS, max_length=MAX_VARIANTS, strict=False)
    control: str | None = None
    reward: Reward = Field(default_factory=Reward)
    policy: Policy = Field(default_factory=Policy)
    context: tuple[ContextField, ...] = Field((), max_length=50, strict=False)
    traffic: float = Field(1.0, gt=0, le=1)
    sticky: bool = True
    guardrails: tuple[GuardRail, ...] = Field((), max_length=10, strict=False)
    minimum_effect: float | None = Field(None, gt=0)
    planned_decisions: int = Field(50_000, ge=100, le=10**10)
    salt: str = Field("", max_length=64)

    @field_validator("title")
    @classmethod
    def _seen(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the title is blank")
        return value

    @field_validator("variants")
    @classmethod
    def _differ(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        names = [variant.name for variant in value]
        if len(set(names)) < len(names):
            raise ValueError("two variants have the same name")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Definition:
        names = [variant.name for variant in self.variants]
        if self.control is not None and self.control not in names:
            raise ValueError(f"control must be one of the variants: {', '.join(names)}")
        if self.policy.kind == "thompson" and self.policy.posterior == "beta" and self.reward.kind != "binary":
            raise ValueError("posterior 'beta' is for binary rewards; take 'normal' for numbers")
        if self.policy.kind != "fixed" and self.policy.exploration * len(names) > 1:
            raise ValueError(f"exploration may be at most {1 / len(names):g} with {len(names)} variants")
        if self.policy.kind == "contextual" and not self.context:
            raise ValueError("a contextual policy needs at least one context field")
        metrics = [rail.metric for rail in self.guardrails]
        if len(set(metrics)) < len(metrics):
            raise ValueError("two guard-rails have the same metric")
        fields = [each.name for each in self.context]
        if len(set(fields)) < len(fields):
            raise ValueError("two context fields have the same name")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The variants' names, in their order."""
        return tuple(variant.name for variant in self.variants)

    @property
    def control_name(self) -> str:
        """The variant that the others are compared with."""
        return self.control or self.variants[0].name

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of :func:`parse_definition`."""
        return self.model_dump(mode="json")


_PARTS: dict[str, type[BaseModel]] = {
    "variants": Variant, "reward": Reward, "policy": Policy, "context": ContextField, "guardrails": GuardRail,
}  # fmt: skip


def parse_definition(value: Mapping[str, Any]) -> Definition:
    """Read a definition.

    Raises:
        DefinitionFaulty: an InputError that says what is wrong with each field.
    """
    try:
        return Definition.model_validate(dict(value))
    except ValidationError as error:
        found = faults(error, Definition, _PARTS)
        said = "; ".join(f"{place}: {what}" if place else what for place, what in found)
        raise DefinitionFaulty(
            f"The experiment's definition is not usable: {said}.",
            found,
            hint="docs/guides/experiments.md lists the fields.",
        ) from None


@dataclass(frozen=True)
class VariantTally:
    """Sums over the decisions of one variant that count (all, or those with a reward: ``Reward.missing``).

    Rewards are scaled to 0..1. ``p`` is the logged propensity.

    Attributes:
        decisions: all decisions.
        rewarded: those with a reward in time.
        counted: those that count.
        pending: decisions without a reward whose window is still open.
        reward_sum, reward_squares: of r, r².
        weights, weight_squares: of 1/p, 1/p².
        weighted_rewards, weighted_reward_squares, weighted_cross: of r/p, r²/p², r/p².
        metrics: guard-rail metric -> (count, sum, sum of squares), in the metric's own units.
    """

    variant: str
    decisions: int = 0
    rewarded: int = 0
    counted: int = 0
    pending: int = 0
    reward_sum: float = 0.0
    reward_squares: float = 0.0
    weights: float = 0.0
    weight_squares: float = 0.0
    weighted_rewards: float = 0.0
    weighted_reward_squares: float = 0.0
    weighted_cross: float = 0.0
    metrics: dict[str, tuple[int, float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantCounts:
    """What a posterior is made of: trials that count and the sum of their rewards, scaled to 0..1."""

    variant: str
    trials: int
    reward_sum: float
    reward_squares: float
