"""Settings of viral."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from config.parts.base import Commas, Part


class ViralSettings(Part):
    """Classes and horizon of viral."""

    # -- viral -----------------------------------------------------------------------------------------------
    viral_thresholds: Commas[int] = Field(
        (50_000, 500_000, 2_000_000), description="Views that begin the classes medium, high and ultra."
    )
    viral_horizon_days: float = Field(7.0, gt=0, description="A prediction is about the views this long after.")
    viral_tolerance_hours: float = Field(
        24.0, ge=0, description="How far from the horizon an observation may lie and still give the outcome."
    )

    @field_validator("viral_thresholds", mode="before")
    @classmethod
    def _without_underscores(cls, value: Any) -> Any:
        return value.replace("_", "") if isinstance(value, str) else value

    @field_validator("viral_thresholds")
    @classmethod
    def _thresholds_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) != 3 or value[0] <= 0 or list(value) != sorted(set(value)):
            raise ValueError("must be three rising positive numbers, such as 50000,500000,2000000")
        return value
