"""The propensity that is logged is the frequency with which the variant is drawn: for every policy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from models.experiments.bandit import Bandit, LearnRow
from models.experiments.definition import Definition, VariantCounts, parse_definition
from models.experiments.policy import draw, floored, probabilities, uniform_of

DRAWS = 40_000


def experiment(**changes: Any) -> Definition:
    variants = [{"name": "a", "share": 1}, {"name": "b", "share": 2}, {"name": "c", "share": 5}]
    return parse_definition({"id": "x", "title": "x", "variants": variants, **changes})


COUNTS = [VariantCounts("a", 300, 12, 12), VariantCounts("b", 400, 20, 20), VariantCounts("c", 200, 11, 11)]


def contextual(explorer: str) -> np.ndarray:
    definition = experiment(
        policy={"kind": "contextual", "explorer": explorer, "exploration": 0.02}, context=[{"name": "who"}]
    )
    with Bandit(definition) as bandit:
        bandit.learn([LearnRow({"who": "me"}, "ab"[i % 2], 0.4, float(i % 2)) for i in range(40)])
        return bandit.probabilities({"who": "me"})


def chances(policy: str) -> np.ndarray:
    kind, _, detail = policy.partition(" ")
    if kind == "contextual":
        return contextual(detail)
    more = {"posterior": detail, "exploration": 0.03} if kind == "thompson" else {}
    return probabilities(experiment(policy={"kind": kind, **more}), COUNTS)


def p_value(logged: np.ndarray, drawn_with: np.ndarray) -> float:
    """Chi-square of the draws of ``drawn_with`` against the propensities ``logged``."""
    uniforms = np.random.default_rng(5).random(DRAWS)
    found = np.bincount([draw(drawn_with, each) for each in uniforms], minlength=len(drawn_with))
    return float(stats.chisquare(found, logged * DRAWS).pvalue)


POLICIES = (
    "fixed",
    "thompson beta",
    "thompson normal",
    "contextual squarecb",
    "contextual epsilon",
    "contextual softmax",
)


@pytest.mark.parametrize("policy", POLICIES)
def test_logged_propensities_match_the_frequencies_that_are_drawn(policy: str) -> None:
    logged = chances(policy)
    assert logged.sum() == pytest.approx(1)
    assert p_value(logged, logged) > 1e-3


@pytest.mark.parametrize("policy", POLICIES)
def test_a_propensity_that_is_two_points_off_is_found_out(policy: str) -> None:
    drawn_with = chances(policy)
    wrong = drawn_with + np.array([0.02, 0.0, -0.02]) * (1 if drawn_with[2] > 0.03 else -1)
    assert p_value(wrong, drawn_with) < 1e-6


def test_the_made_up_propensity_of_one_over_k_is_found_out() -> None:
    assert p_value(np.full(3, 1 / 3), chances("thompson beta")) < 1e-6


@pytest.mark.parametrize("posterior", ["beta", "normal"])
def test_thompson_draws_as_sampling_every_posterior_and_taking_the_greatest_does(posterior: str) -> None:
    definition = experiment(policy={"kind": "thompson", "posterior": posterior, "exploration": 0.0005})
    rng = np.random.default_rng(11)
    if posterior == "beta":
        won = [each.reward_sum for each in COUNTS]
        lost = [each.trials - each.reward_sum for each in COUNTS]
        samples = rng.beta(1 + np.array(won), 1 + np.array(lost), (DRAWS, 3))
    else:
        from models.experiments.posterior import posteriors

        samples = rng.normal(*posteriors(definition, COUNTS).params.T, (DRAWS, 3))
    found = np.bincount(samples.argmax(axis=1), minlength=3)
    assert stats.chisquare(found, probabilities(definition, COUNTS) * DRAWS).pvalue > 1e-3


def test_thompson_is_no_epsilon_greedy() -> None:
    """Two variants that are as good share the traffic, and the third gets by what is believed of it."""
    even = [VariantCounts("a", 300, 30, 30), VariantCounts("b", 300, 30, 30), VariantCounts("c", 300, 18, 18)]
    found = probabilities(experiment(policy={"kind": "thompson", "exploration": 0.001}), even)
    assert found[0] == pytest.approx(found[1])
    assert found[0] == pytest.approx(0.49, abs=0.02)
    assert found[2] < 0.03


def test_the_split_is_that_of_the_shares() -> None:
    assert chances("fixed").tolist() == [0.125, 0.25, 0.625]


@pytest.mark.parametrize("policy", ["thompson beta", "thompson normal"])
def test_no_variant_falls_below_the_floor(policy: str) -> None:
    kind, posterior = policy.split()
    definition = experiment(policy={"kind": kind, "posterior": posterior, "exploration": 0.05})
    clear = [
        VariantCounts("a", 10**6, 0, 0),
        VariantCounts("b", 10**6, 10**5, 10**5),
        VariantCounts("c", 500, 0, 0),
    ]
    found = probabilities(definition, clear)
    assert found.min() >= 0.05 - 1e-12
    assert found[1] == pytest.approx(0.9, abs=1e-3)


def test_the_floor_at_its_greatest_is_the_uniform_split() -> None:
    assert floored(np.array([1.0, 0, 0]), 1 / 3) == pytest.approx([1 / 3] * 3)


def test_a_variant_without_probability_is_never_drawn() -> None:
    numbers = [0.0, 0.3, 0.5, 0.999999, np.nextafter(1, 0)]
    assert {draw(np.array([0.0, 1.0, 0.0]), each) for each in numbers} == {1}
    assert draw(np.array([0.0, 0.5, 0.5, 0.0]), np.nextafter(1, 0)) == 2
    assert draw(np.full(10, 0.1), np.nextafter(1, 0)) == 9  # ten times 0.1 is less than 1


def test_a_subject_keeps_its_number_and_numbers_are_uniform_and_independent() -> None:
    definition = experiment(salt="s")
    numbers = np.array([uniform_of(definition, f"user {i}", "variant") for i in range(5000)])
    others = np.array([uniform_of(definition, f"user {i}", "traffic") for i in range(5000)])
    assert uniform_of(definition, "user 7", "variant") == numbers[7]
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers, others)[0, 1]) < 0.06
    salted = np.array([uniform_of(experiment(salt="t"), f"user {i}", "variant") for i in range(5000)])
    assert abs(np.corrcoef(numbers, salted)[0, 1]) < 0.06


def test_a_number_does_not_change_with_the_release() -> None:
    """Subjects of running experiments would change their variant."""
    assert uniform_of(experiment(salt="s"), "ümit", "variant") == pytest.approx(0.20439241705961442, abs=1e-15)


def test_what_belongs_to_subject_and_purpose_does_not_run_together() -> None:
    definition = experiment()
    assert uniform_of(definition, "a", "bc") != uniform_of(definition, "ab", "c")
    assert 0 <= uniform_of(definition, "\ud800", "variant") < 1


def test_a_contextual_policy_is_asked_of_its_bandit() -> None:
    definition = experiment(policy={"kind": "contextual"}, context=[{"name": "who"}])
    with pytest.raises(ValueError, match="Bandit"):
        probabilities(definition, [])
