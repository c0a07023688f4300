"""Rising and falling: found where they are, and seldom where there is only chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.trending.direction import LEAST_ACCOUNTS, adjusted, directions, scatter


def world(seed: int, items: int = 400, clumps: float = 0.0, rhythm: float = 1.0) -> tuple[Any, Any, Any]:
    """Accounts of items at a constant rate, before and now; ``clumps`` is how much a rate strays by itself."""
    random = np.random.default_rng(seed)
    rates = 200 / np.arange(1, items + 1) ** 0.7

    def draw(factor: Any) -> Any:
        stray = random.gamma(1 / clumps**2, clumps**2, items) if clumps else 1.0
        return random.poisson(rates * factor * stray)

    return draw(1.0), draw(rhythm), draw


def judge(now: Any, before: Any) -> Any:
    return directions(now, before, int(now.sum()), int(before.sum()))


@pytest.mark.parametrize("clumps", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("rhythm", [0.2, 1.0, 5.0])
def test_items_at_a_constant_rate_are_seldom_called(clumps: float, rhythm: float) -> None:
    called = items = 0
    for seed in range(60):
        before, now, _ = world(seed, clumps=clumps, rhythm=rhythm)
        called += int((judge(now, before).direction != 0).sum())
        items += len(now)
    assert called / items < 0.005


@pytest.mark.parametrize("clumps", [0.0, 0.1])
@pytest.mark.parametrize(
    ("factor", "direction", "which", "power"),
    [(3.0, 1, slice(4, 8), 0.92), (1 / 3, -1, slice(1, 4), 0.85)],  # some 50 and 90 accounts before
)
def test_a_rate_that_tripled_or_fell_to_a_third_is_found(
    clumps: float, factor: float, direction: int, which: slice, power: float
) -> None:
    found = []
    for seed in range(60):
        before, _, draw = world(seed, clumps=clumps)
        changed = np.ones(len(before))
        changed[which] = factor
        found.append(judge(draw(changed), before).direction[which] == direction)
    assert np.mean(found) > power


def test_few_accounts_say_nothing() -> None:
    before, now, _ = world(1)
    now[0], before[0] = LEAST_ACCOUNTS - 1, 0
    assert judge(now, before).direction[0] == 0
    assert judge(now, before).p_value[0] == 1


def test_a_small_change_is_stable_however_sure_it_is() -> None:
    before, now = np.full(100, 100_000), np.full(100, 100_000)
    now[0] = 140_000
    found = judge(now, before)
    assert found.p_value[0] < 1e-6
    assert found.direction[0] == 0


def test_with_nothing_to_compare_with_all_is_stable() -> None:
    now, before = np.array([500, 3]), np.array([0, 0])
    found = judge(now, before)
    assert found.direction.tolist() == [0, 0]
    assert np.isnan(found.growth).all()
    assert directions(now[:0], before[:0], 0, 0).direction.tolist() == []


def test_scatter_is_found_again() -> None:
    random = np.random.default_rng(3)
    before = random.poisson(500 * random.lognormal(0, 0.2 / np.sqrt(2), 3000))
    now = random.poisson(500 * random.lognormal(0, 0.2 / np.sqrt(2), 3000))
    assert scatter(now, before, np.full(3000, 0.5)) == pytest.approx(0.2, abs=0.02)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_keep_the_order_and_are_no_less_than_p_values(p_values: list[float]) -> None:
    p = np.array(p_values)
    q = adjusted(p)
    assert (q >= p - 1e-12).all()
    assert (np.diff(q[np.argsort(p)]) >= -1e-12).all()


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=60),
)
def test_whatever_the_counts_the_figures_are_in_range(pairs: list[tuple[int, int]]) -> None:
    now, before = np.array(pairs).T
    found = judge(now, before)
    assert ((found.p_value >= 0) & (found.p_value <= 1)).all()
    assert not (found.direction[found.growth > 1] == -1).any()
    assert not (found.direction[found.growth < 1] == 1).any()
