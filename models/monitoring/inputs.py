"""What is read for the monitor of a family on a day, and the rules by which it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from config.settings import Settings
from models.family import Predictor


@dataclass(frozen=True)
class Rules:
    """Thresholds of the monitor; see the settings of the same names."""

    window_days: int
    min_rows: int
    sample_rows: int
    alpha: float
    psi: float
    seed: int

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Out of the settings."""
        return cls(
            settings.monitor_window_days,
            settings.monitor_min_rows,
            settings.monitor_sample_rows,
            settings.monitor_alpha,
            settings.monitor_psi,
            settings.training_seed,
        )


@dataclass(frozen=True)
class DayInputs:
    """What is known of a family on ``day``. Nothing in it is of after that day's end.

    Attributes:
        version, reference_name: the version in production and the dataset version that it was trained on.
        predictor: it, loaded; None: nothing is in production, or it does not load.
        reference: its training rows, without heavy columns, the family's time column included.
        current: rows of the last ``window_days`` days, in the same schema.
        asked: predictions of these days (columns of ``Watch.asked``), newest last.
        reference_pictures, current_pictures: a sample of those rows with the column of ``Watch.picture``; None:
            the family has none.
        held_out: the test rows of the version's dataset, as ``Family.evaluate`` takes them.
        live: rows with outcomes that are younger than all that the version learned from, in the same shape.
        promoted: metrics of the version as they were recorded at its promotion.
        counts: rows that came on each of the past days, the window included, oldest first.
        notes: why something could not be read, a sentence each.
    """

    day: date
    version: str | None = None
    reference_name: str | None = None
    predictor: Predictor | None = None
    reference: pa.Table | None = None
    current: pa.Table | None = None
    asked: pa.Table | None = None
    reference_pictures: pa.Table | None = None
    current_pictures: pa.Table | None = None
    held_out: Any = None
    live: Any = None
    promoted: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[date, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
