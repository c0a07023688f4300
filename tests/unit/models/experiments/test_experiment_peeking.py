"""Looking often does not make alarms of nothing; the customary p-value, looked at as often, does."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.experiments_simulation import World, alarms, simulate
from models.experiments.definition import Definition, parse_definition
from models.experiments.effects import holm
from models.experiments.guard import breaches
from models.experiments.sequential import boundary, p_value, sample_needed, tuned_information

REPEATS = 200


def experiment(kind: str = "fixed", arms: str = "ab", exploration: float = 0.01, **changes) -> Definition:
    body = {"id": "x", "title": "x", "variants": [{"name": name} for name in arms], "planned_decisions": 5000}
    return parse_definition({**body, "policy": {"kind": kind, "exploration": exploration}, **changes})


def looked_at(definition, rates, seed=3, repeats=REPEATS, **world):
    looks = simulate(definition, World(rates, **world), repeats=repeats, decisions=5000, look=100, seed=seed)
    return alarms(definition, looks)


def at_most(hits: np.ndarray, rate: float) -> bool:
    """Whether a true rate of at most ``rate`` may give so many hits (one time in a thousand it gives more)."""
    return hits.sum() <= stats.binom.ppf(0.999, len(hits), rate)


@pytest.mark.parametrize(
    ("definition", "rates", "world"),
    [
        (experiment(), (0.1, 0.1), {}),
        (experiment("thompson"), (0.1, 0.1), {}),
        (experiment("thompson"), (0.1, 0.1), {"drift": 0.8}),
        (experiment("thompson", arms="abcd"), (0.2,) * 4, {}),
    ],
    ids=["fixed", "thompson", "thompson while all rates drift", "thompson, four variants"],
)
def test_fifty_looks_at_equal_variants_raise_a_false_alarm_in_five_percent_at_most(definition, rates, world):
    found = looked_at(definition, rates, repeats=REPEATS if len(rates) == 2 else 80, **world)
    assert at_most(found["sequential"], 0.05)
    assert not at_most(found["fixed"], 0.05), "the customary test must fail here, or this test cannot"


def test_a_single_look_at_a_fixed_sample_is_what_the_customary_test_is_for():
    found = looked_at(experiment(), (0.1, 0.1), seed=4, repeats=150)
    assert at_most(found["fixed_last"], 0.05)
    assert found["fixed"].mean() > 3 * found["fixed_last"].mean()


@pytest.mark.parametrize(
    "kind", ["fixed", "thompson"]
)  # with 1 % exploration, a control is starved: 40 % power
def test_a_real_effect_is_found_and_lies_in_its_interval(kind):
    effect = 0.06
    found = looked_at(experiment(kind, exploration=0.1), (0.1, 0.1 + effect), repeats=80)
    assert found["sequential"].mean() > 0.6
    covered = (found["low"] <= effect) & (effect <= found["high"])
    assert at_most(~covered, 0.05)
    assert abs(found["difference"].mean() - effect) < 4 * found["difference"].std() / 80**0.5


def test_the_interval_and_the_p_value_say_the_same():
    for information in (0.01, 1.0, 8.0, 400.0):
        edge = boundary(information, 0.05)
        assert p_value(edge, information) == pytest.approx(0.05)
        assert p_value(0.99 * edge, information) > 0.05 > p_value(-1.01 * edge, information)
    assert (p_value(9.0, 0.0), boundary(0.0, 0.05)) == (1.0, np.inf)


def test_the_interval_is_narrowest_where_it_was_planned_to_be():
    best = tuned_information(0.05)
    grid = best * np.geomspace(0.1, 10, 201)
    assert grid[np.argmin([boundary(each, 0.05) for each in grid])] == pytest.approx(best, rel=0.02)


def test_the_sample_that_is_needed_gives_the_power_that_was_asked_for():
    information = tuned_information(0.05) / 5000
    n = sample_needed(0.1, 1.0, information=information, alpha=0.05, power=0.8)
    z = np.random.default_rng(0).normal(0.1 * np.sqrt(n), 1.0, 20_000)
    assert np.mean([p_value(each, information * n) <= 0.05 for each in z]) == pytest.approx(0.8, abs=0.015)
    assert sample_needed(1e-12, 1.0, information=information, alpha=0.05, power=0.8) == np.inf


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 19):
        values = rng.random(size) ** 3
        assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])


def test_a_guard_that_looks_all_the_time_stops_hardly_any_sound_experiment():
    from models.experiments.definition import VariantTally

    definition = experiment(guardrails=[{"metric": "skips", "limit": 0.0001}])
    rng, broken = np.random.default_rng(1), 0
    for _ in range(REPEATS):
        skips = rng.random((50, 2, 50)) < 0.3
        sums = skips.sum(axis=2).cumsum(axis=0)
        broken += any(
            breaches(
                definition,
                [
                    VariantTally(name, metrics={"skips": (n, float(s), float(s))})
                    for name, s in zip("ab", row, strict=True)
                ],
            )
            for n, row in zip(range(50, 2550, 50), sums, strict=True)
        )
    assert broken <= stats.binom.ppf(0.999, REPEATS, 0.05)
