"""A made-up world of tests with several clips each, whose true rates are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor
from models.ctr.schema import EXAMPLE_SCHEMA
from models.ctr.training import fit

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
BASE = 0.03
GOOD, BAD = ("secret", "amazing"), ("report", "minutes")
PLAIN = ("the", "cat", "walks", "home", "slowly", "today", "again", "river")


def make_examples(tests: int = 150, arms: int = 4, seed: int = 1) -> tuple[pa.Table, np.ndarray]:
    """(examples, true rates (n,)). Rates depend on the words of the title, the placement, the creator, a
    score, and on what nobody sees of a test.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    rates = []
    for test in range(tests):
        hidden, placement, creator = rng.normal(0, 0.3), int(rng.integers(3)), int(rng.integers(12))
        for arm in range(arms):
            word = str(rng.choice([*GOOD, *BAD]))
            words = [*rng.choice(PLAIN, 4).tolist(), word]
            score = float(rng.random())
            odds = np.log(BASE / (1 - BASE)) + hidden + (0.5 if word in GOOD else -0.5)
            odds += (0.4, 0.0, -0.4)[placement] + 0.1 * (creator - 6) / 3 + (0.6 if score > 0.7 else 0.0)
            rate = 1 / (1 + np.exp(-odds))
            shown = int(rng.integers(200, 3000))
            rates.append(rate)
            at = START + timedelta(days=test % 40)
            rows.append(
                {
                    "outcome": f"o{test}-{arm}", "entity": f"t{test:03d}", "clip_id": f"t{test}-{arm}",
                    "group_id": f"t{test:03d}", "at": at, "hour": None, "placement": f"place{placement}",
                    "creator_id": f"c{creator}" if creator else None, "title": " ".join(words),
                    "hook_text": "Things that matter" if test % 2 else None, "composite_score": score,
                    "clip_impressions": 100 if arm == 0 else None, "clip_clicks": 3 if arm == 0 else None,
                    "ended_at": at + timedelta(days=1), "known_at": at + timedelta(days=2),
                    "impressions": shown, "clicks": int(rng.binomial(shown, rate)), "source": "import",
                    "split": "train",
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA), np.array(rates)


@lru_cache(maxsize=1)
def world() -> tuple[pa.Table, pa.Table, np.ndarray]:
    """(rows to learn from, rows of other tests, true rates of the latter)."""
    examples, rates = make_examples()
    cut = 110 * 4
    return examples.slice(0, cut), examples.slice(cut), rates[cut:]


@lru_cache(maxsize=1)
def predictor() -> CtrPredictor:
    """A model of :func:`world`."""
    train = world()[0]
    return fit(train, train.slice(0, 0), CtrOptions(), {"trees": 60}, seed=3)


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """``table`` with another column ``name``."""
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    return table.set_column(place, field, pa.array(values, field.type))
