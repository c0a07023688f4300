"""What the viral family may be told: where its classes begin, and how far ahead it looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from config.errors import SettingsError
from config.settings import Settings

CLASSES = ("low", "medium", "high", "ultra")
#: First and last score of each class (the product's own scale).
SCORE_RANGES = ((0, 29), (30, 59), (60, 84), (85, 100))


@dataclass(frozen=True)
class ViralOptions:
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        thresholds: views that begin the classes medium, high and ultra; rising.
        horizon: a prediction is about the views this long after its snapshot.
        tolerance: how far from the horizon an observation may lie and still be the outcome; never more than
            a sixth of the horizon counts (see :attr:`reach`).
        history: how long before a snapshot its previous snapshot may lie and still be its history.
        classes: names of the classes, in rising order.
    """

    thresholds: tuple[int, ...] = (50_000, 500_000, 2_000_000)
    horizon: timedelta = timedelta(days=7)
    tolerance: timedelta = timedelta(hours=24)
    classes: tuple[str, ...] = CLASSES
    history: timedelta = field(default=timedelta(days=3))

    def __post_init__(self) -> None:
        rising = list(self.thresholds) == sorted(set(self.thresholds)) and self.thresholds[:1] > (0,)
        if len(self.thresholds) + 1 != len(self.classes) or not rising:
            raise SettingsError(
                f"The thresholds of the viral classes must be {len(self.classes) - 1} rising positive numbers."
            )
        if self.horizon <= timedelta(0) or self.tolerance < timedelta(0):
            raise SettingsError("The viral horizon must be positive, and its tolerance not negative.")

    @property
    def reach(self) -> timedelta:
        """The tolerance that counts: at most a sixth of the horizon."""
        return min(self.tolerance, self.horizon / 6)

    @property
    def horizon_days(self) -> float:
        """The horizon in days."""
        return self.horizon / timedelta(days=1)

    @property
    def log_thresholds(self) -> np.ndarray:
        """(classes - 1,) thresholds as log(1 + views)."""
        return np.log1p(np.asarray(self.thresholds, dtype=np.float64))

    def with_horizon(self, days: float) -> ViralOptions:
        """The same options with another horizon, in days."""
        return replace(self, horizon=timedelta(days=days))

    def relaxed(self) -> Iterator[ViralOptions]:
        """Shorter horizons, longest first, for data too short for this one: whole days down to one."""
        for days in range(int(np.ceil(self.horizon_days)) - 1, 0, -1):
            yield self.with_horizon(days)

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of :meth:`restore`."""
        return {
            "thresholds": list(self.thresholds),
            "classes": list(self.classes),
            "horizon_seconds": self.horizon.total_seconds(),
            "tolerance_seconds": self.tolerance.total_seconds(),
            "history_seconds": self.history.total_seconds(),
        }

    @classmethod
    def restore(cls, facts: dict[str, Any]) -> ViralOptions:
        """Options out of :meth:`describe`'s form. Raises KeyError, TypeError, ValueError or SettingsError."""
        return cls(
            thresholds=tuple(int(value) for value in facts["thresholds"]),
            classes=tuple(str(name) for name in facts["classes"]),
            horizon=timedelta(seconds=float(facts["horizon_seconds"])),
            tolerance=timedelta(seconds=float(facts["tolerance_seconds"])),
            history=timedelta(seconds=float(facts["history_seconds"])),
        )


def options_from_settings(settings: Settings) -> ViralOptions:
    """The family's options out of the platform's settings."""
    return ViralOptions(
        thresholds=settings.viral_thresholds,
        horizon=timedelta(days=settings.viral_horizon_days),
        tolerance=timedelta(hours=settings.viral_tolerance_hours),
    )
