"""Settings of recommendation."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from config.parts.base import Commas, Part


class RecommendationSettings(Part):
    """Tastes, lists, training and gate of recommendation."""

    # -- recommendation --------------------------------------------------------------------------------------
    recommendation_weights: Annotated[dict[str, float], NoDecode] = Field(
        {"view": 1.0, "like": 3.0, "comment": 4.0, "share": 5.0, "bookmark": 4.0, "follow": 6.0, "skip": -1.0},
        description="What an interaction says of a user's taste, as `view=1,like=3`. Kinds that are left out"
        " keep their weight; that of a view is taken times the share that was watched.",
    )
    recommendation_half_life_days: float = Field(
        7.0, gt=0, description="An interaction counts half after this long."
    )
    recommendation_mix: Commas[float] = Field(
        (0.4, 0.4, 0.2),
        description="Shares of collaborative filtering, content similarity and trending in the hybrid, which"
        " ranks until a learned re-ranker wins in evaluation.",
    )
    recommendation_exploration: float = Field(
        0.1, ge=0, le=0.5, description="Share of each list for new items that few have seen."
    )
    recommendation_author_run: int = Field(
        2, ge=1, description="So many items of one author may follow one another in a list."
    )
    recommendation_seen_days: float = Field(
        30.0, ge=0, description="What a user has seen is not recommended again for this long."
    )
    recommendation_history: int = Field(
        200, ge=1, le=2000, description="So many of a user's newest interactions count."
    )
    recommendation_neighbours: int = Field(
        100,
        ge=10,
        le=2000,
        description="Related items that the model keeps of each item; memory grows with it.",
    )
    recommendation_test_days: float = Field(
        2.0,
        gt=0,
        description="The newest interactions, of this long, measure a version and teach the next one.",
    )
    recommendation_cache_seconds: float = Field(
        1800.0, ge=0, description="Lists are kept this long; a user's are dropped when the user acts. 0: never."
    )
    recommendation_active_days: float = Field(
        7.0, gt=0, description="Lists are computed ahead for users who acted within this long."
    )
    recommendation_experiment: str | None = Field(
        None,
        description="Running experiment with the variants `model` and `heuristic` that decides who gets which.",
    )
    recommendation_min_training_samples: int | None = Field(
        100, ge=1, description="Gate of recommendation: fewest interactions, in place of MIN_TRAINING_SAMPLES."
    )
    recommendation_gate_floor: float | None = Field(
        0.0, ge=0, le=1, description="Gate of recommendation: least NDCG@20 of a version; it has no accuracy."
    )

    @field_validator("recommendation_weights", mode="before")
    @classmethod
    def _split_weights(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.split("=") for part in value.split(",") if part.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("must be pairs such as view=1,like=3")
        return {name.strip(): number.strip() for name, number in pairs}

    @field_validator("recommendation_weights")
    @classmethod
    def _known_kinds(cls, value: dict[str, float]) -> dict[str, float]:
        known: dict[str, float] = cls.model_fields["recommendation_weights"].default
        if unknown := sorted(set(value) - set(known)):
            raise ValueError(f"has no kind {', '.join(unknown)}; there are {', '.join(known)}")
        if not all(math.isfinite(number) for number in value.values()):
            raise ValueError("must be finite numbers")
        return {**known, **value}

    @field_validator("recommendation_mix")
    @classmethod
    def _mix_adds_up(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 3 or min(value) < 0 or not math.isclose(sum(value), 1.0, abs_tol=1e-6):
            raise ValueError("must be three shares that add up to 1, such as 0.4,0.4,0.2")
        return value
