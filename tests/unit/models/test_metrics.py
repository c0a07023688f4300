import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, log_loss

from config.errors import InputError
from models.comparison import compare_losses
from models.metrics import bootstrap, calibration_error, group_sums, measure


def made(rows=400, seed=0, groups=80):
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(4), rows)
    truth = (rng.random((rows, 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return truth, chances, chances.argmax(axis=1), rng.integers(0, groups, rows)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(0, 1000))
def test_measures_agree_with_scikit_learn(rows, seed):
    truth, chances, answers, groups = made(rows, seed)
    found = measure(truth, chances, answers, groups, seed=1)
    assert found.metrics["macro_f1"] == pytest.approx(
        f1_score(truth, answers, average="macro", zero_division=0)
    )
    assert found.metrics["log_loss"] == pytest.approx(log_loss(truth, chances, labels=range(4)))
    assert found.metrics["accuracy"] == pytest.approx((truth == answers).mean())
    assert np.array_equal(found.confusion, confusion_matrix(truth, answers, labels=range(4)))
    assert sum(point["rows"] for point in found.calibration) == rows


def test_true_chances_are_calibrated_and_boasts_are_not():
    truth, chances, answers, groups = made(4000)
    honest = measure(truth, chances, answers, groups, seed=1).metrics["calibration_error"]
    boasts = np.eye(4)[answers] * 0.99 + 0.0025
    boasting = measure(truth, boasts, answers, groups, seed=1).metrics["calibration_error"]
    assert honest < 0.03 < 0.3 < boasting


def test_intervals_are_wide_where_rows_repeat_their_group():
    truth, chances, answers, _ = made(400)
    repeated = [np.repeat(column, 10, axis=0) for column in (truth, chances, answers)]
    by_row = measure(*repeated, np.arange(4000), seed=1).intervals["accuracy"]
    by_group = measure(*repeated, np.repeat(np.arange(400), 10), seed=1).intervals["accuracy"]
    assert by_group[1] - by_group[0] > 2.5 * (by_row[1] - by_row[0])


def test_an_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(60):
        sums = np.stack([rng.normal(1.0, 1.0, 60), np.ones(60)], axis=1)
        low, high = bootstrap(sums, lambda s: s[:, :1] / s[:, 1:], confidence=0.9, seed=seed)
        covered += low[0] <= 1.0 <= high[0]
    assert 48 <= covered <= 60


def test_sums_over_groups_are_sums():
    sums = group_sums(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array(["b", "a", "b"]))
    assert sums.tolist() == [[3.0, 4.0], [6.0, 8.0]]
    assert calibration_error(np.array([2.0, 2.0]), np.array([1.0, 2.0]), np.array([0.0, 2.0])) == 0.25


def test_the_same_losses_are_no_improvement_and_clearly_lower_ones_are():
    rng = np.random.default_rng(0)
    losses, groups = rng.exponential(1, 500), np.repeat(np.arange(100), 5)
    same = compare_losses(losses, losses, groups)
    assert (same.difference, same.low, same.high, same.better) == (0, 0, 0, False)
    lower = compare_losses(losses, losses - 0.1, groups)
    assert lower.better
    assert lower.difference == pytest.approx(0.1)
    assert not compare_losses(losses - 0.1, losses, groups).better


def test_one_lucky_group_is_not_beyond_chance():
    champion, challenger = np.ones(100), np.ones(100)
    challenger[:30] = 0.0
    groups = np.concatenate([np.zeros(30), np.arange(1, 71)])
    found = compare_losses(champion, challenger, groups)
    assert found.difference == pytest.approx(0.3)
    assert not found.better


def test_losses_that_cannot_be_compared_are_refused():
    with pytest.raises(InputError, match="same rows"):
        compare_losses(np.ones(3), np.ones(2), np.arange(3))
    with pytest.raises(InputError, match="same rows"):
        compare_losses(np.ones(0), np.ones(0), np.arange(0))
    with pytest.raises(InputError, match="not finite"):
        compare_losses(np.array([1.0, np.inf]), np.ones(2), np.arange(2))
