"""Settings of ctr."""

from __future__ import annotations

from pydantic import Field, field_validator

from config.parts.base import Commas, Part


class CtrSettings(Part):
    """Bands, outcomes and gate of ctr."""

    # -- ctr -------------------------------------------------------------------------------------------------
    ctr_bands: Commas[float] = Field(
        (0.03, 0.05, 0.08), description="Click-through rates that begin the bands medium, high and viral."
    )
    ctr_maturity_hours: float = Field(
        24.0, ge=0, description="Counts of a day are final this long after its end."
    )
    ctr_min_outcomes: int = Field(
        10, ge=2, description="With fewer outcomes nothing is fitted: the heuristic answers."
    )
    ctr_min_training_samples: int | None = Field(
        10, ge=1, description="Gate of ctr: fewest training rows, in place of MIN_TRAINING_SAMPLES."
    )
    ctr_gate_floor: float | None = Field(
        0.0,
        ge=-1,
        le=1,
        description="Gate of ctr: least share of the base rate's log loss that a version must take away"
        " (`skill`); it has no accuracy.",
    )

    @field_validator("ctr_bands")
    @classmethod
    def _bands_rise(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 3 or not 0 < value[0] < value[1] < value[2] < 1:
            raise ValueError("must be three rising rates between 0 and 1, such as 0.03,0.05,0.08")
        return value
