import json
from typing import Any

import numpy as np
import pytest

from config.errors import InputError
from models.experiments.definition import ContextField, parse_definition
from models.experiments.off_policy import estimate, off_policy_report
from models.experiments.reward_model import cross_fitted

#: group x variant: what each group likes
RATES = np.array([[0.5, 0.2, 0.1], [0.1, 0.2, 0.6]])
FIELDS = (ContextField(name="who"), ContextField(name="hour", kind="number"))


def experiment(**changes: Any) -> Any:
    return parse_definition(
        {
            "id": "x",
            "title": "x",
            "variants": [{"name": name} for name in "abc"],
            "context": [{"name": "who"}, {"name": "hour", "kind": "number"}],
            **changes,
        }
    )


def logged(n: int, seed: int) -> dict[str, Any]:
    """A policy that favours what its group likes, as a bandit does, so that plain means of variants mislead."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(2, size=n)
    chances = 0.1 + 0.7 * RATES[groups] / RATES[groups].sum(axis=1, keepdims=True)
    variants = (rng.random((n, 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    return {
        "variant": variants,
        "reward": (rng.random(n) < RATES[groups, variants]).astype(float),
        "propensity": chances[np.arange(n), variants],
        "context": [{"who": f"g{group}", "hour": float(group)} for group in groups],
    }


def test_the_estimates_are_those_worked_out_by_hand() -> None:
    rewards, propensities = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.25, 0.25])
    target = np.array([1.0, 1.0, 0.0, 0.5])  # weights 2, 2, 0, 2
    predicted = (np.array([0.5, 0.5, 0.0, 0.25]), np.array([0.5, 0.5, 0.5, 0.25]))
    found = estimate(rewards, propensities, target, predicted)
    assert found["ips"]["value"] == pytest.approx(0.5)
    assert found["snips"]["value"] == pytest.approx(1 / 3)
    # 0.5 + 2·0.5, 0.5 - 2·0.5, 0.5, 0.25 - 2·0.25
    assert found["doubly_robust"] is not None
    assert found["doubly_robust"]["value"] == pytest.approx((1.5 - 0.5 + 0.5 - 0.25) / 4)
    assert found["effective_sample_size"] == pytest.approx(36 / 12)
    assert found["effective_rewards"] == pytest.approx(1)
    assert found["rows"] == 4


def test_every_estimate_finds_what_each_variant_and_the_uniform_split_earn_and_plain_means_do_not() -> None:
    log = logged(20_000, seed=1)
    truth = [*RATES.mean(axis=0), RATES.mean()]
    found = off_policy_report(experiment(), log)
    assert [(row["policy"], row["variant"]) for row in found["policies"]] == [
        ("always", "a"),
        ("always", "b"),
        ("always", "c"),
        ("uniform", None),
    ]
    for row, value in zip(found["policies"], truth, strict=True):
        assert row["doubly_robust"] is not None
        for one in (row["ips"], row["snips"], row["doubly_robust"]):
            assert one["value"] == pytest.approx(value, abs=0.03)
        assert row["warning"] is None
    plain = [log["reward"][log["variant"] == place].mean() for place in range(3)]
    assert abs(plain[0] - truth[0]) > 0.04
    logged_value = found["logged"]["value"]
    assert logged_value is not None
    assert logged_value == pytest.approx(log["reward"].mean())
    assert logged_value > truth[3]


def test_intervals_hold_as_often_as_they_say_and_the_reward_model_narrows_them() -> None:
    """Of 95 % intervals of 200 logs, at least 90 % hold the truth (binomial: 95 % minus three errors)."""
    held: dict[str, int] = dict.fromkeys(("ips", "snips", "doubly_robust"), 0)
    widths: dict[str, float] = dict.fromkeys(held, 0.0)
    for seed in range(200):
        log = logged(1500, seed)
        expected = cross_fitted(log["context"], log["variant"], log["reward"], fields=FIELDS, arms=3, seed=seed)
        of_logged = expected[np.arange(1500), log["variant"]]
        target = np.full(1500, 1 / 3)
        found: Any = estimate(log["reward"], log["propensity"], target, (of_logged, expected.mean(axis=1)))
        for name in held:
            held[name] += found[name]["low"] <= RATES.mean() <= found[name]["high"]
            widths[name] += found[name]["high"] - found[name]["low"]
    assert min(held.values()) >= 180
    assert widths["doubly_robust"] < min(widths["snips"], widths["ips"])


def test_a_wrong_reward_model_does_not_bias_the_doubly_robust_estimate() -> None:
    log = logged(40_000, seed=5)
    wrong = (np.full(40_000, 0.9), np.full(40_000, 0.9))
    found = estimate(log["reward"], log["propensity"], np.full(40_000, 1 / 3), wrong)
    assert found["doubly_robust"] is not None
    assert found["doubly_robust"]["value"] == pytest.approx(RATES.mean(), abs=0.02)


def test_made_up_propensities_are_noticed() -> None:
    log = logged(20_000, seed=3)
    target = (log["variant"] == 0).astype(float)
    assert estimate(log["reward"], log["propensity"], target)["warning"] is None
    warning = estimate(log["reward"], np.full(20_000, 0.25), target)["warning"]
    assert warning is not None
    assert "in place of 1" in warning


@pytest.mark.parametrize(
    ("rows", "rewarded", "propensity", "words"),
    [(50, 25, 0.5, "weigh as 50"), (5000, 3, 0.5, "about 3 rewards"), (5000, 0, 0.5, "about 0 rewards")],
)
def test_a_log_that_is_too_small_says_so(rows: int, rewarded: int, propensity: float, words: str) -> None:
    rewards = np.zeros(rows)
    rewards[:rewarded] = 1
    warning = estimate(rewards, np.full(rows, propensity), np.full(rows, propensity))["warning"]
    assert warning is not None
    assert words in warning


def test_one_great_weight_among_thousands_leaves_a_small_effective_sample() -> None:
    propensities = np.full(5000, 0.5)
    propensities[0] = 0.0001
    found = estimate(np.ones(5000), propensities, np.full(5000, 0.5))
    assert found["effective_sample_size"] < 10
    assert found["warning"] is not None


def test_without_a_decision_that_the_policy_would_make_nothing_is_said() -> None:
    found = estimate(np.ones(10), np.full(10, 0.5), np.zeros(10), (np.ones(10), np.ones(10)))
    for one in (found["ips"], found["snips"], found["doubly_robust"]):
        assert one == {"value": None, "low": 0.0, "high": 1.0}
    assert found["warning"] is not None
    assert "nothing can be said" in found["warning"]


def test_no_reward_seen_is_no_certainty_of_zero() -> None:
    found = estimate(np.zeros(30), np.full(30, 0.5), np.full(30, 0.5))
    assert found["ips"] == {"value": 0.0, "low": 0.0, "high": 1.0}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_report_of_hardly_any_rows_is_ready_for_json_and_warns(rows: int) -> None:
    log = {name: values[:rows] for name, values in logged(10, seed=2).items()}
    found = off_policy_report(experiment(), log)
    json.dumps(found, allow_nan=False)
    assert all(row["warning"] for row in found["policies"])


def test_a_report_is_on_the_rewards_own_scale_and_leaves_unknown_rewards_out() -> None:
    log = logged(5000, seed=4)
    seconds = off_policy_report(experiment(reward={"kind": "number", "low": -10, "high": 30}), log)
    plain = off_policy_report(experiment(), log)
    for there, here in zip(seconds["policies"], plain["policies"], strict=True):
        assert here["snips"]["value"] is not None
        assert there["snips"]["value"] == pytest.approx(-10 + 40 * here["snips"]["value"])
        assert there["snips"]["high"] == pytest.approx(-10 + 40 * here["snips"]["high"])
    log["reward"][:1000] = np.nan
    assert off_policy_report(experiment(), log)["rows"] == 4000


def test_a_row_is_predicted_by_a_model_that_has_not_seen_it() -> None:
    """Rewards that follow nothing: a model that had seen its rows would seem to foretell them."""
    rng = np.random.default_rng(8)
    n = 600
    contexts = [{"who": f"w{i % 200}", "hour": rng.random()} for i in range(n)]
    variants, rewards = rng.integers(3, size=n), rng.integers(2, size=n).astype(float)
    found = cross_fitted(contexts, variants, rewards, fields=FIELDS, arms=3)
    assert np.corrcoef(found[np.arange(n), variants], rewards)[0, 1] < 0.1


def test_the_reward_model_learns_context_numbers_and_missing_values() -> None:
    rng = np.random.default_rng(9)
    n = 6000
    hours = rng.random(n)
    missing = rng.random(n) < 0.3
    contexts = [None if gone else {"hour": hour} for hour, gone in zip(hours, missing, strict=True)]
    variants = rng.integers(2, size=n)
    chance = np.where(missing, 0.9, 0.2 + 0.5 * hours * variants)
    found = cross_fitted(contexts, variants, (rng.random(n) < chance) * 1.0, fields=FIELDS, arms=2)
    assert found[missing].mean() == pytest.approx(0.9, abs=0.04)
    shown = ~missing
    assert np.abs(found[shown, 1] - (0.2 + 0.5 * hours[shown])).mean() < 0.06
    assert np.abs(found[shown, 0] - 0.2).mean() < 0.06


@pytest.mark.parametrize(
    ("rewards", "propensities", "target"),
    [
        ([1.0], [0.0], [0.5]),
        ([1.0], [1.1], [0.5]),
        ([1.0], [float("nan")], [0.5]),
        ([1.0], [0.5], [1.5]),
        ([2.0], [0.5], [0.5]),
        ([1.0, 1.0], [0.5], [0.5]),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    rewards: list[float], propensities: list[float], target: list[float]
) -> None:
    with pytest.raises(InputError):
        estimate(np.array(rewards), np.array(propensities), np.array(target))


def test_a_variant_that_the_definition_lacks_is_refused() -> None:
    log = logged(10, seed=2)
    log["variant"][0] = 3
    with pytest.raises(InputError, match="does not have"):
        off_policy_report(experiment(), log)
