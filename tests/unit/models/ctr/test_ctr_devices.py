"""What clips are shown on: learned where it is told, and a part of the accuracy by itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from models.ctr import FAMILY
from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor, load
from models.ctr.training import fit
from models.monitoring.inputs import Rules
from models.monitoring.live import Judged
from models.monitoring.slices import slices_apart
from tests.ctr_learning_world import make_examples, with_column

OPTIONS = CtrOptions()
RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)
DEVICES = ("phone", "desktop", "tv")
#: Clicks on each, of those that the clip would have elsewhere.
SHARES = {"phone": 1.0, "desktop": 0.8, "tv": 0.3}


def shown_on(examples: pa.Table, rates: np.ndarray, shares: dict[str, float], seed: int) -> pa.Table:
    """The same clips on devices, each in turn, with clicks by its share."""
    rng = np.random.default_rng(seed)
    device = [DEVICES[number] for number in rng.integers(len(DEVICES), size=examples.num_rows)]
    rate = rates * np.array([shares[name] for name in device])
    clicks = rng.binomial(examples["impressions"].to_numpy(), rate)
    return with_column(with_column(examples, "device", device), "clicks", clicks)


@lru_cache(maxsize=1)
def world() -> tuple[CtrPredictor, pa.Table, np.ndarray]:
    """(a version that learned from devices, other tests' examples, their rates before the device)."""
    examples, rates = make_examples(tests=300)
    cut = 150 * 4
    train = shown_on(examples.slice(0, cut), rates[:cut], SHARES, 3)
    return fit(train, train.slice(0, 0), OPTIONS, {"trees": 60}, seed=3), examples.slice(cut), rates[cut:]


def test_the_device_is_learned_and_a_strange_or_absent_one_does_no_harm() -> None:
    model, rest, rates = world()
    row = shown_on(rest, rates, SHARES, 4).to_pylist()[0]
    asked: list[dict[str, Any]] = [{**row, "device": name} for name in (*DEVICES, "fridge", None)]
    phone, desktop, tv, fridge, absent = (one["predicted_ctr"] for one in model.predict_many(asked))
    assert phone > desktop > 1.5 * tv
    assert tv < fridge < phone
    assert tv < absent < phone
    assert load(model.to_files()).predict_many(asked) == model.predict_many(asked)


def test_a_device_that_alone_got_worse_is_named() -> None:
    model, rest, rates = world()

    def judged(table: pa.Table) -> Judged:
        found = FAMILY.evaluate(model, table, OPTIONS, 5)
        weights = FAMILY.watch.weights
        assert weights is not None
        return Judged(table, found, weights(table, OPTIONS), (np.asarray(table["entity"].to_pylist()),), None)

    def parts(before: pa.Table, now: pa.Table) -> set[tuple[str, str]]:
        told = (FAMILY.watch.slices(table, OPTIONS) for table in (before, now))
        return {
            (part.column, part.value)
            for part in slices_apart(judged(before), judged(now), *told, RULES)
            if part.worse
        }

    half = rest.num_rows // 2
    before = shown_on(rest.slice(0, half), rates[:half], SHARES, 5)
    quiet = shown_on(rest.slice(half), rates[half:], SHARES, 6)
    broken = shown_on(rest.slice(half), rates[half:], {**SHARES, "tv": 2.5}, 6)
    assert parts(before, quiet) == set()
    assert parts(before, broken) == {("device", "tv")}
