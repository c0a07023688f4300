"""A version that learned from a small sample world, and a quiet week of that world since."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from config.settings import load_settings
from demo.world import WorldSize, make_world
from models.columns import epoch_us, take_rows
from models.family import get_family
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.side import DAY_US
from models.viral.examples import build

RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)
TRAINED, DAYS = 55, 75


@dataclass(frozen=True)
class Story:
    """A family, its options, and what is read on a quiet day."""

    family: Any
    options: Any
    quiet: DayInputs

    def but(self, **changes: Any) -> DayInputs:
        """The same day with other inputs."""
        return dataclasses.replace(self.quiet, **changes)


@pytest.fixture(scope="session")
def story() -> Story:
    family = get_family("viral")
    settings = load_settings()
    options = family.options(settings)
    world = make_world(date(2026, 6, 1), seed=3, size=WorldSize(creators=400, videos_a_day=16, days=DAYS))
    snapshots, _ = family.clean(world, None, None)
    examples = build(snapshots, snapshots, options)
    examples = examples.filter(examples["label"].is_valid())
    known = epoch_us(examples["horizon_at"]).to_numpy() // DAY_US
    start = int(epoch_us(examples["taken_at"]).to_numpy().min() // DAY_US) + TRAINED
    train, valid, test = family.training_rows(take_rows(examples, known < start), options)
    predictor = family.fit(train, valid, options, {"trees": 60}, 7)
    at = start + 14
    current = take_rows(examples, (known > at - RULES.window_days) & (known <= at))
    day = date(1970, 1, 1) + timedelta(days=at)
    quiet = DayInputs(
        day=day,
        version="3",
        reference_name="full/2026-05",
        predictor=predictor,
        reference=train,
        current=current,
        held_out=test,
        live=current,
        counts={day - timedelta(days=back): 110 + back % 7 for back in range(40)},
    )
    return Story(family, options, quiet)


def changed(table: pa.Table, name: str, values: Any) -> pa.Table:
    """``table`` with other values in one column."""
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, field.type)
    return table.set_column(place, field, column.cast(field.type))


def shuffled(table: pa.Table, seed: int = 1) -> pa.Table:
    """The same rows in another order."""
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))
