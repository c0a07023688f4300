"""Settings of the experiments."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part


class ExperimentSettings(Part):
    """How often experiments are looked at."""

    # -- experiments -----------------------------------------------------------------------------------------
    experiment_refresh_seconds: float = Field(
        0.5, gt=0, le=60, description="How often a service looks for changed experiments and posteriors."
    )
    experiment_guard_seconds: float = Field(
        30.0, gt=0, description="How often running experiments are checked against their guard-rails."
    )
    experiment_learn_seconds: float = Field(
        1.0, gt=0, description="How often contextual bandits learn from the rewards that came in."
    )
