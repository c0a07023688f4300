import numpy as np
import pytest

from models.ctr.encoding import encode, encode_column, fit_encoding
from models.ctr.level import DAY_US, Level, fit_level
from models.ctr.spread import Spread, fit_spread, log_odds, sigmoid


def test_rate_and_spread_of_a_beta_binomial_are_found_again():
    rng = np.random.default_rng(1)
    shown = rng.integers(50, 5000, 3000).astype(float)
    clicks = rng.binomial(shown.astype(int), rng.beta(0.02 * 150, 0.98 * 150, 3000)).astype(float)
    found = fit_spread(clicks, shown)
    assert found.rate == pytest.approx(0.02, rel=0.05)
    assert found.phi == pytest.approx(150, rel=0.15)


def test_one_row_of_a_billion_impressions_does_not_decide_the_base_rate():
    shown, clicks = np.array([1000.0] * 50 + [1e9]), np.array([20.0] * 50 + [4e8])
    assert fit_spread(clicks, shown).rate < 0.05


def test_a_handful_of_impressions_leaves_the_prior_rate():
    found = fit_spread(np.array([1.0, 0.0]), np.array([3.0, 3.0]))
    assert 1 / 61 / 2 < found.rate < 0.06


def test_impressions_of_a_row_are_worth_less_and_less():
    spread = Spread(0.02, 99.0)
    assert spread.worth(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert spread.worth(np.array([100.0]))[0] == pytest.approx(100 / 1.99)
    assert spread.worth(np.array([1e12]))[0] == pytest.approx(100)


def test_log_odds_and_back():
    rates = np.array([0.001, 0.5, 0.9])
    assert sigmoid(log_odds(rates)) == pytest.approx(rates)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_a_value_deviates_by_how_much_is_known_of_it():
    values = ["often"] * 50 + ["once"] + ["usual"] * 100 + [None]
    clicks = np.array([6.0] * 51 + [3.0] * 101)
    found = fit_encoding(values, clicks, np.full(152, 100.0), 0.03, 300.0)
    assert found["often"] > found["once"] > found["usual"] == pytest.approx(0)
    assert found["often"] < log_odds(0.06) - log_odds(0.03)
    assert encode(found, "never seen") == 0.0
    assert np.isnan(encode(found, None))
    assert encode_column(found, ["often", "x"]).tolist() == [found["often"], 0.0]


def test_the_level_follows_the_days_and_stays_after_the_newest():
    days = np.repeat(np.arange(60), 5)
    rates = np.where(days < 30, 0.02, 0.04)
    level = fit_level(days * DAY_US, rates, np.full(300, 100.0), Spread(0.03, 99.0))
    early, late, newest, beyond = (float(level.at(day * DAY_US)) for day in (10, 59, 61, 5000))
    assert early < -0.1 < 0.1 < late < newest == beyond
    assert float(level.at(-5 * DAY_US)) == float(level.at(0.0))
    assert np.isnan(level.at(float("nan")))
    restored = Level.restore(level.describe())
    assert restored.at(days * DAY_US).tolist() == level.at(days * DAY_US).tolist()


def test_a_day_knows_only_the_days_whose_counts_were_final_when_it_began():
    days = np.repeat(np.arange(40), 5)
    rates = np.where(days < 20, 0.02, 0.04)
    spread = Spread(0.03, 99.0)
    whole = fit_level(days * DAY_US, rates, np.full(200, 100.0), spread)
    past = days < 20
    before = fit_level(days[past] * DAY_US, rates[past], np.full(past.sum(), 100.0), spread)
    for day in range(22):
        assert float(whole.at(day * DAY_US)) == float(before.at(day * DAY_US))
    assert float(whole.at(22 * DAY_US)) > float(before.at(22 * DAY_US))
    assert float(whole.at(0.0)) == float(whole.at(DAY_US)) == pytest.approx(0)


def test_rows_of_one_day_have_the_base_rate_for_a_level():
    level = fit_level(np.zeros(100), np.full(100, 0.03), np.full(100, 50.0), Spread(0.03, 99.0))
    assert level.deviations == pytest.approx(np.zeros(3))


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="level"):
        Level.restore({"first": 1, "deviations": []})
