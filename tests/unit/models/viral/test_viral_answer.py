import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.viral.answer import answer
from models.viral.calibration import Calibration, fit_calibration
from models.viral.options import SCORE_RANGES, ViralOptions

OPTIONS = ViralOptions()
LOGS = tuple(OPTIONS.log_thresholds.tolist())
calibrations = st.builds(
    Calibration, shift=st.floats(-1, 1), scale=st.floats(0.05, 4), slip=st.floats(0.0001, 0.01)
)
growths, sizes = st.floats(-8, 4), st.floats(0, 22)


def ask(calibration, mu, log_views):
    chances = calibration.probabilities(mu, log_views, LOGS)
    return answer(OPTIONS.classes, LOGS, chances, log_views + calibration.growth(mu))


@settings(max_examples=300, deadline=None)
@given(calibrations, st.lists(st.tuples(growths, sizes), min_size=2, max_size=6))
def test_over_all_rows_the_score_rises_with_the_expectation_within_the_range_of_the_class(calibration, rows):
    answers = sorted((ask(calibration, *row) for row in rows), key=lambda found: found["expected_views"])
    scores = [found["viral_score"] for found in answers]
    assert scores == sorted(scores)
    for found in answers:
        low, high = SCORE_RANGES[OPTIONS.classes.index(found["viral_class"])]
        assert low <= found["viral_score"] <= high


@settings(max_examples=300, deadline=None)
@given(calibrations, growths, sizes)
def test_the_chances_sum_to_one_and_the_class_answered_leads(calibration, mu, log_views):
    found = ask(calibration, mu, log_views)
    chances = list(found["probabilities"].values())
    assert min(chances) >= 0
    assert sum(chances) == pytest.approx(1, abs=1e-9)
    assert found["confidence"] == max(chances) == found["probabilities"][found["viral_class"]]
    assert found["expected_views"] >= math.expm1(log_views) * (1 - 1e-9)


def test_calibration_finds_the_link_that_made_the_classes():
    rng = np.random.default_rng(2)
    mu, log_views = rng.normal(-1, 1, 6000), rng.uniform(8, 15, 6000)
    made = Calibration(shift=0.3, scale=0.5, slip=0.001)
    chances = np.array([made.probabilities(m, v, LOGS) for m, v in zip(mu, log_views, strict=True)])
    classes = (rng.random((6000, 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    found = fit_calibration(mu, log_views, OPTIONS.log_thresholds, classes, slip=0.001)
    assert found.shift == pytest.approx(0.3, abs=0.1)
    assert found.scale == pytest.approx(0.5, abs=0.07)


def test_a_handful_of_rows_does_not_make_it_certain():
    found = fit_calibration(
        np.array([-1.0]), np.array([10.0]), OPTIONS.log_thresholds, np.array([0]), slip=0.01
    )
    assert 0.1 < found.scale < 2
