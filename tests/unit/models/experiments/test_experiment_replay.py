import numpy as np
import pytest

from models.experiments.replay import epsilon_greedy, replay, shrunk_rates, thompson, uniform

RATES = np.array([0.02, 0.05, 0.03])


def test_the_even_split_regrets_what_arithmetic_says() -> None:
    found = [replay(RATES, 10_000, uniform, every=100, rng=np.random.default_rng(seed)) for seed in range(20)]
    expected = 10_000 * (0.05 - RATES.mean())
    assert np.mean([each.regret for each in found]) == pytest.approx(expected, rel=0.02)


def test_thompson_regrets_less_than_epsilon_greedy_and_both_less_than_the_even_split() -> None:
    regrets = {
        name: np.mean(
            [
                replay(RATES, 10_000, choose, every=100, rng=np.random.default_rng(seed)).regret
                for seed in range(20)
            ]
        )
        for name, choose in (
            ("uniform", uniform),
            ("epsilon", epsilon_greedy(0.2)),
            ("thompson", thompson(3)),
        )
    }
    assert regrets["thompson"] < regrets["epsilon"] < regrets["uniform"]
    assert regrets["thompson"] < 0.4 * regrets["uniform"]


def test_thompson_picks_the_best_and_gives_it_the_traffic_but_for_the_floor() -> None:
    found = replay(RATES, 60_000, thompson(3, 0.02), every=100, rng=np.random.default_rng(1))
    assert found.pick == 1
    assert found.best
    assert found.shares[1] > 0.85
    assert found.shares.min() > 0.015
    assert found.shares.sum() == pytest.approx(1)


def test_every_impression_is_shown_once_and_the_same_seed_gives_the_same_run() -> None:
    first, second = (
        replay(RATES, 1234, thompson(3), every=100, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert (first.shares * 1234).round(6).tolist() == (second.shares * 1234).round(6).tolist()
    assert (first.shares * 1234).sum() == pytest.approx(1234)


def test_variants_that_are_as_good_cost_nothing_and_any_pick_is_best() -> None:
    found = replay(np.full(4, 0.03), 5000, thompson(4), every=100, rng=np.random.default_rng(2))
    assert found.regret == 0
    assert found.best


def test_shrunk_rates_are_nearer_to_the_truth_than_observed_ones() -> None:
    rng = np.random.default_rng(3)
    truth = [rng.beta(0.015 * 2000, 0.985 * 2000, size=4) for _ in range(400)]
    shown = [rng.integers(1000, 6000, size=4) for _ in truth]
    won = [rng.binomial(n, rates) for n, rates in zip(shown, truth, strict=True)]
    observed = [clicks / n for clicks, n in zip(won, shown, strict=True)]
    shrunk = shrunk_rates(won, shown)

    def error(found: list[np.ndarray]) -> float:
        return float(np.mean([((a - b) ** 2).mean() for a, b in zip(found, truth, strict=True)]))

    assert error(shrunk) < 0.7 * error(observed)
    spread = [np.mean([rates.std() for rates in each]) for each in (observed, truth, shrunk)]
    assert spread[2] < spread[1] < spread[0]
    # Each pull is as strong as its impressions leave room for: about n / (n + 2000) of the way remains.
    left = [
        (s - w.sum() / n.sum()) / (w / n - w.sum() / n.sum())
        for s, w, n in zip(shrunk, won, shown, strict=True)
    ]
    kept = np.concatenate(left)
    there = np.concatenate([n / (n + 2000) for n in shown])
    assert np.median(np.abs(kept - there)) < 0.05


def test_rates_that_differ_by_noise_alone_are_shrunk_to_one() -> None:
    rng = np.random.default_rng(4)
    shown = [np.full(4, 3000) for _ in range(400)]
    won = [rng.binomial(n, 0.015) for n in shown]
    spread = np.mean([rates.std() / rates.mean() for rates in shrunk_rates(won, shown)])
    assert spread < 0.02
    assert np.mean([(w / n).std() / (w / n).mean() for w, n in zip(won, shown, strict=True)]) > 0.1
