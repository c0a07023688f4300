"""Settings of trending."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part


class TrendingSettings(Part):
    """Who counts in trending, and how fresh it is."""

    # -- trending --------------------------------------------------------------------------------------------
    trending_min_accounts: int = Field(
        2, ge=1, description="An item that fewer accounts engaged with is in no list of what trends."
    )
    trending_daily_items: int = Field(
        2000, ge=1, description="An account that engages with more items on a day counts nothing that day."
    )
    trending_cache_seconds: float = Field(
        5.0, gt=0, le=60, description="What trends is read again from the database this often at most."
    )
