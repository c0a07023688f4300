"""Settings of retention."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part


class RetentionSettings(Part):
    """After how long what is deleted. Part of the section of operating."""

    # -- operating -------------------------------------------------------------------------------------------
    retention_apply: bool = Field(
        False, description="The weekly flow `retention` deletes; else it only says what it would delete."
    )
    retention_predictions_days: int | None = Field(
        None, ge=1, description="Predictions older than this are deleted. Unset: never."
    )
    retention_candidates_days: int | None = Field(
        None,
        ge=1,
        description="Candidates of days that were verified are deleted after this long, and what nobody"
        " decided about with them. Unset: never.",
    )
    retention_events_months: int | None = Field(
        None, ge=1, description="Events of more than this many whole months ago are dropped. Unset: never."
    )
    retention_revisions_days: int | None = Field(
        None,
        ge=1,
        description="Dataset revisions that were superseded this long ago are deleted, but for those that"
        " versions which were in production learned from. Unset: never.",
    )
    retention_parts_hours: float = Field(
        24.0, ge=1, description="Parts that no manifest names are deleted after this long."
    )
    retention_decisions_days: int | None = Field(
        None,
        ge=1,
        description="Decisions of experiments that were concluded this long ago are deleted. Unset: never.",
    )
    retention_deliveries_days: int | None = Field(
        None,
        ge=1,
        description="Webhook deliveries that ended (answered or given up) this long ago are deleted."
        " Unset: never.",
    )
    retention_monitor_days: int | None = Field(
        None,
        ge=1,
        description="The monitor's figures and reports of days older than this, and findings that ended"
        " before, are deleted. Unset: never.",
    )
