"""Days of the sample world as the monitor reads them, for its benchmark."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from config.settings import load_settings
from demo.world import WorldSize, make_world
from models.columns import epoch_us, take_rows
from models.family import get_family
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.side import DAY_US
from models.viral.examples import build
from models.viral.options import ViralOptions

FIRST = date(2026, 1, 1)
TRAINED_DAYS, WATCHED_DAYS = 92, 40
Change = Callable[[pa.Table, np.random.Generator], pa.Table]


@dataclasses.dataclass(frozen=True)
class Watched:
    """A version trained on the first part of a world, and everything that came since.

    ``rows`` are examples with their outcomes, ``days`` (n,) the day on which each outcome was known.
    """

    predictor: Any
    options: Any
    reference: pa.Table
    held_out: pa.Table
    rows: pa.Table
    taken: np.ndarray
    known: np.ndarray
    first: int


def watched_world(seed: int, params: dict[str, Any] | None = None) -> Watched:
    """A world of ``TRAINED_DAYS`` to learn from and ``WATCHED_DAYS`` to watch."""
    family = get_family("viral")
    settings = load_settings()
    options = family.options(settings)
    days = TRAINED_DAYS + WATCHED_DAYS
    table = make_world(FIRST + timedelta(days=days), seed=seed, size=WorldSize(days=days))
    snapshots, _ = family.clean(table, None, None)
    examples = build(snapshots, snapshots, options)
    return watched(examples, options, TRAINED_DAYS, params, settings.training_seed)


def watched(
    examples: pa.Table, options: ViralOptions, trained: int, params: dict[str, Any] | None, seed: int
) -> Watched:
    """A version that learned from the first ``trained`` days of examples."""
    family = get_family("viral")
    examples = examples.filter(examples["label"].is_valid())
    taken = epoch_us(examples["taken_at"]).to_numpy() // DAY_US
    known = epoch_us(examples["horizon_at"]).to_numpy() // DAY_US
    first = int(taken.min()) + trained
    train, valid, test = family.training_rows(take_rows(examples, known < first), options)
    predictor = family.fit(train, valid, options, {"trees": 150, **(params or {})}, seed)
    since = known >= first
    return Watched(
        predictor, options, train, test, take_rows(examples, since), taken[since], known[since], first
    )


def inputs_of(world: Watched, at: int, rules: Rules, change: Change | None = None, seed: int = 7) -> DayInputs:
    """What is read on day ``at`` (since 1970): candidates that matured in the window, ``change`` applied."""
    inside = (world.known > at - rules.window_days) & (world.known <= at)
    current = take_rows(world.rows, inside)
    if change is not None:
        current = change(current, np.random.default_rng(seed))
    younger = epoch_us(current["taken_at"]).to_numpy() // DAY_US >= world.first - world.options.horizon.days
    counts = Counter(world.known.tolist())
    start = date(1970, 1, 1)
    return DayInputs(
        day=start + timedelta(days=at),
        version="1",
        reference_name="full/2026-04",
        predictor=world.predictor,
        reference=world.reference,
        current=current,
        held_out=world.held_out,
        live=take_rows(current, younger),
        counts={start + timedelta(days=each): counts.get(each, 0) for each in range(world.first, at + 1)},
    )


def quiet_days(world: Watched, rules: Rules) -> Iterator[DayInputs]:
    """Each day of the watched part whose window is full."""
    for at in range(world.first + rules.window_days, int(world.known.max()) - 1):  # the last days are cut short
        yield inputs_of(world, at, rules)


def rules_of() -> Rules:
    """As the settings have them."""
    return Rules.of(load_settings())
