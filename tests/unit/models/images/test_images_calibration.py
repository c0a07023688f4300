"""Reading probabilities and "none of these" off cosines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.images.calibration import best_scale, calibrate, log_loss, softmax


def drawn(rows: int, scale: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Cosines, and classes drawn with the probabilities that those say at ``scale``."""
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-0.3, 0.9, (rows, 4))
    chances = softmax(scale * cosines)
    return cosines, np.array([rng.choice(4, p=row) for row in chances])


def test_the_scale_that_the_classes_were_drawn_with_is_found() -> None:
    cosines, truth = drawn(4000, 9.0)

    assert best_scale(cosines, truth) == pytest.approx(9.0, rel=0.1)


def test_a_small_set_answered_without_a_mistake_does_not_ask_for_certainty() -> None:
    cosines = np.full((20, 3), -0.2)
    truth = np.arange(20) % 3
    cosines[np.arange(20), truth] = 0.9

    confidence = softmax(best_scale(cosines, truth) * cosines).max(axis=1)

    assert 0.9 < confidence[0] < 0.99


@given(st.integers(1, 300), st.sampled_from([0.01, 0.02, 0.05, 0.2]))
def test_no_more_pictures_of_the_classes_than_asked_for_are_called_none(rows: int, rate: float) -> None:
    cosines, truth = drawn(rows, 5.0, seed=rows)

    found = calibrate(cosines, truth, rate)

    assert found.false_alarm_rate <= rate
    assert found.asked_rate == pytest.approx(max(rate, 1 / (rows + 1)))
    assert (1.0 - cosines.max(axis=1) > found.threshold).mean() == found.false_alarm_rate


def test_new_pictures_of_the_classes_are_called_none_as_rarely_as_promised() -> None:
    rates = []
    for seed in range(200):
        cosines, truth = drawn(150, 5.0, seed=seed)
        found = calibrate(cosines[:100], truth[:100], 0.1)
        rates.append((1.0 - cosines[100:].max(axis=1) > found.threshold).mean())

    assert np.mean(rates) <= 0.105


def test_the_loss_is_that_of_the_softmax() -> None:
    cosines, truth = drawn(50, 5.0)

    expected = -np.log(softmax(7.0 * cosines)[np.arange(50), truth]).mean()

    assert log_loss(cosines, truth, 7.0) == pytest.approx(expected)
