"""Live accuracy and its parts, out of losses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.family import Evaluation
from models.monitoring.inputs import Rules
from models.monitoring.live import Judged, live_accuracy, mean_loss, skill
from models.monitoring.slices import slices_apart

RULES = Rules(window_days=7, min_rows=100, sample_rows=20_000, alpha=0.01, psi=0.2, seed=7)


class _Family:
    primary_metric = ("accuracy", True)


def judged(losses, entities=None, days=None, baseline=None, weights=None):
    rows = len(losses)
    own = np.arange(rows) if entities is None else entities
    evaluation = Evaluation(
        metrics={"accuracy": 0.8}, intervals={"accuracy": (0.7, 0.9)}, baselines={}, classes=(),
        confusion=np.zeros((0, 0)), calibration=[], losses=np.asarray(losses, float), groups=own,
        baseline_losses={} if baseline is None else {"majority": np.asarray(baseline, float)}, rows=rows,
    )  # fmt: skip
    counts = np.ones(rows) if weights is None else np.asarray(weights, float)
    return Judged(None, evaluation, counts, (own,), days)


def live(before, now):
    return live_accuracy(_Family, "3", before, now, {"accuracy": 0.85}, RULES)  # type: ignore[arg-type]


def test_the_same_losses_are_not_worse():
    rng = np.random.default_rng(1)
    found = live(judged(rng.exponential(0.4, 800)), judged(rng.exponential(0.4, 400)))
    assert not found.worse
    assert found.loss.low < found.loss.value < found.loss.high
    assert found.metric_at_promotion is not None
    assert found.metric_at_promotion.value == 0.85


def test_larger_losses_are_worse():
    rng = np.random.default_rng(2)
    assert live(judged(rng.exponential(0.4, 800)), judged(rng.exponential(0.6, 400))).worse


def test_larger_losses_of_few_entities_are_chance():
    rng = np.random.default_rng(2)
    now = judged(np.repeat(rng.exponential(0.6, 8), 50), np.repeat(np.arange(8), 50))
    assert not live(judged(rng.exponential(0.4, 800)), now).worse


def test_a_certain_but_tiny_loss_matters_to_nobody():
    rng = np.random.default_rng(3)
    before, now = judged(rng.normal(1, 0.05, 4000)), judged(rng.normal(1.03, 0.05, 4000))
    assert not live(before, now).worse


def test_rows_that_are_harder_for_everybody_are_not_the_models_fault():
    rng = np.random.default_rng(4)
    before = judged(rng.exponential(0.4, 2000), baseline=np.full(2000, 0.9))
    harder = judged(rng.exponential(0.6, 2000), baseline=np.full(2000, 1.2))
    lost = judged(rng.exponential(0.6, 2000), baseline=np.full(2000, 0.9))
    assert skill(harder) == pytest.approx(0.6, abs=0.05)
    assert not live(before, harder).worse
    assert live(before, lost).worse


def test_weeks_that_differ_anyway_are_no_loss():
    rng = np.random.default_rng(5)
    days = np.sort(rng.integers(42, size=3000))
    bad = rng.exponential(np.where((days >= 14) & (days < 21), 0.8, 0.4))
    now = judged(rng.exponential(0.6, 800))
    assert live(judged(bad), now).worse
    assert not live(judged(bad, days=days), now).worse


def test_losses_that_count_more_weigh_more():
    found = judged([1.0, 30.0], weights=[1, 10])
    assert found.loss() == pytest.approx(31 / 11)
    assert found.loss(np.array([True, False])) == 1.0


def test_clustered_rows_have_the_wider_interval():
    losses = np.repeat(np.random.default_rng(6).exponential(0.4, 60), 10)
    alone, together = mean_loss(judged(losses), 7), mean_loss(judged(losses, np.repeat(np.arange(60), 10)), 7)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def parts(rng, rows):
    return pa.table({"country": rng.choice(["US", "DE", "BR"], rows)})


def test_a_part_that_got_worse_while_the_rest_did_not_is_found_alone():
    rng = np.random.default_rng(7)
    before, now = parts(rng, 3000), parts(rng, 1500)
    bad = np.array(now["country"].to_pylist()) == "DE"
    found = slices_apart(
        judged(rng.exponential(0.4, 3000)), judged(rng.exponential(np.where(bad, 0.8, 0.4))), before, now, RULES
    )
    assert {part.value for part in found if part.worse} == {"DE"}
    worse = next(part for part in found if part.worse)
    assert worse.loss.value == pytest.approx(0.8, abs=0.1)
    assert worse.reference_loss.value == pytest.approx(0.4, abs=0.1)


def test_small_parts_that_are_worse_by_chance_are_none():
    rng, found = np.random.default_rng(10), []
    for _ in range(10):
        names = [pa.table({"country": rng.choice(list("abcdefghij"), rows)}) for rows in (700, 700)]
        losses = [judged(rng.exponential(0.4, 700)) for _ in names]
        found += slices_apart(*losses, *names, RULES)
    growth = [part.loss.value / part.reference_loss.value for part in found]
    assert max(growth) > 1.3
    assert not any(part.worse for part in found)


def test_parts_that_all_got_worse_are_none_of_them_apart():
    rng = np.random.default_rng(8)
    found = slices_apart(
        judged(rng.exponential(0.4, 3000)),
        judged(rng.exponential(0.8, 1500)),
        parts(rng, 3000),
        parts(rng, 1500),
        RULES,
    )
    assert not any(part.worse for part in found)


def test_parts_of_few_rows_or_of_all_are_left_out():
    rng = np.random.default_rng(9)
    few = pa.table({"country": ["US"] * 1000, "kind": ["a"] * 980 + ["b"] * 20})
    losses = judged(rng.exponential(0.4, 1000))
    assert [part.value for part in slices_apart(losses, losses, few, few, RULES)] == []
