"""What the CTR family may be told: where its bands begin, and when counts are final."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.errors import SettingsError
from config.settings import Settings

BANDS = ("low", "medium", "high", "viral")


@dataclass(frozen=True)
class CtrOptions:
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        thresholds: click-through rates that begin the bands medium, high and viral; rising.
        maturity: counts are final this long after their span ended.
        min_outcomes: with fewer rows nothing is fitted.
    """

    thresholds: tuple[float, float, float] = (0.03, 0.05, 0.08)
    maturity: timedelta = timedelta(hours=24)
    min_outcomes: int = 10

    def __post_init__(self) -> None:
        low, middle, high = self.thresholds
        if not 0 < low < middle < high < 1:
            raise SettingsError("The bands of the CTR must begin at three rising rates between 0 and 1.")

    def band(self, rate: float) -> str:
        """The band of a click-through rate."""
        return BANDS[sum(rate >= threshold for threshold in self.thresholds)]

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of :meth:`restore`."""
        return {
            "thresholds": list(self.thresholds),
            "maturity_seconds": self.maturity.total_seconds(),
            "min_outcomes": self.min_outcomes,
        }

    @classmethod
    def restore(cls, facts: dict[str, Any]) -> CtrOptions:
        """Options out of :meth:`describe`'s form. Raises KeyError, TypeError, ValueError or SettingsError."""
        low, middle, high = (float(value) for value in facts["thresholds"])
        return cls(
            thresholds=(low, middle, high),
            maturity=timedelta(seconds=float(facts["maturity_seconds"])),
            min_outcomes=int(facts["min_outcomes"]),
        )


def options_from_settings(settings: Settings) -> CtrOptions:
    """The family's options out of the platform's settings."""
    low, middle, high = settings.ctr_bands
    return CtrOptions(
        thresholds=(low, middle, high),
        maturity=timedelta(hours=settings.ctr_maturity_hours),
        min_outcomes=settings.ctr_min_outcomes,
    )
