import numpy as np
import pytest

from models.ctr.calibration import Calibration, fit_calibration
from models.ctr.features import FEATURES
from models.ctr.interval import answers, observed_band_chances, ranks
from models.ctr.options import CtrOptions
from models.ctr.spread import Spread, log_odds, sigmoid

OPTIONS = CtrOptions()


def test_interval_and_confidence_are_those_of_the_beta():
    rng = np.random.default_rng(1)
    found = answers(np.array([0.04]), np.array([200.0]), OPTIONS)[0]
    drawn = rng.beta(8, 192, 400_000)
    assert found["predicted_ctr"] == 0.04
    assert found["predicted_band"] == "medium"
    assert [found["ctr_low"], found["ctr_high"]] == pytest.approx(np.quantile(drawn, [0.05, 0.95]), rel=0.01)
    assert found["confidence"] == pytest.approx(((drawn >= 0.03) & (drawn < 0.05)).mean(), abs=0.005)


def test_the_rate_lies_in_its_interval_even_where_it_is_past_a_quantile():
    found = answers(np.array([1e-5, 0.001, 0.9999]), np.array([2.0, 2.0, 2.0]), OPTIONS)
    for row in found:
        assert 0 <= row["ctr_low"] <= row["predicted_ctr"] <= row["ctr_high"] <= 1
        assert 0 <= row["confidence"] <= 1


def test_forecasts_that_hold_give_uniform_ranks():
    rng = np.random.default_rng(2)
    shown = rng.choice([3, 40, 2000], 3000)
    mean, phi = np.full(3000, 0.03), np.full(3000, 80.0)
    clicks = rng.binomial(shown, rng.beta(mean * phi, (1 - mean) * phi))
    found = ranks(clicks, shown, mean, phi, seed=1)
    assert np.quantile(found, [0.05, 0.25, 0.5, 0.75, 0.95]) == pytest.approx(
        [0.05, 0.25, 0.5, 0.75, 0.95], abs=0.03
    )
    huge = ranks(np.array([30_000]), np.array([10**6]), np.array([0.03]), np.array([500.0]), seed=1)
    assert 0.4 < huge[0] < 0.65


def test_the_chance_of_an_observed_band_is_how_often_it_comes():
    rng = np.random.default_rng(3)
    shown = np.array([30, 500])
    for band in range(4):
        claimed = observed_band_chances(shown, np.full(2, 0.04), np.full(2, 60.0), np.full(2, band), OPTIONS)
        drawn = rng.binomial(shown, rng.beta(2.4, 57.6, (100_000, 1))) / shown
        place = np.searchsorted(OPTIONS.thresholds, drawn, side="right")
        assert claimed == pytest.approx((place == band).mean(axis=0), abs=0.01)


def _rows(size, phi, slope, seed=4):
    rng = np.random.default_rng(seed)
    odds = log_odds(0.03) + rng.normal(0, 0.5, size)
    mean = sigmoid(log_odds(0.03) + slope * (odds - log_odds(0.03)))
    shown = rng.integers(50, 3000, size).astype(float)
    clicks = rng.binomial(shown.astype(int), rng.beta(mean * phi, (1 - mean) * phi)).astype(float)
    return odds, np.full((size, len(FEATURES)), np.nan), clicks, shown, Spread(0.03, phi)


def test_a_calibration_finds_slope_and_spread_and_sums_to_the_clicks():
    odds, matrix, clicks, shown, spread = _rows(4000, 150.0, 0.6)
    found = fit_calibration(odds, matrix, clicks, shown, spread)
    assert found.slope == pytest.approx(0.6, abs=0.06)
    assert found.phi(odds, 0.0, 0.0).mean() == pytest.approx(150, rel=0.15)
    assert (found.mean(odds) * shown).sum() == pytest.approx(clicks.sum(), rel=0.005)


def test_with_few_rows_claims_shrink_to_the_base_rate():
    slopes = [fit_calibration(*_rows(size, 150.0, 1.0)).slope for size in (5, 50, 2000)]
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[0] < 0.5


def test_a_claim_against_the_facts_is_not_believed():
    assert fit_calibration(*_rows(2000, 150.0, -1.0)).slope == 0.0


def test_a_calibrated_rate_is_never_zero_or_one():
    found = Calibration(-4.0, 0.0, 1.5, 5.0, 0.0, 0.0, 0.0)
    assert 0 < found.mean(-500.0) < 1e-5
    assert 1 > found.mean(500.0) > 1 - 1e-5
