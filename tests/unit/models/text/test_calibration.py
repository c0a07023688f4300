"""From scores to probabilities."""

from __future__ import annotations

import numpy as np

from models.text.calibration import chosen_offsets, platt, sigmoid, softmax, vector_scaling
from models.text.classifier import macro_f1_of


def test_platts_curve_finds_the_chances_that_made_the_truth() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4000)
    truth = rng.random(4000) < sigmoid(2.0 * scores - 1.0)
    slope, shift = platt(scores, truth)
    assert abs(slope - 2.0) < 0.25
    assert abs(shift + 1.0) < 0.2


def test_few_rows_make_no_certainty() -> None:
    scores, truth = np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True])
    slope, shift = platt(scores, truth)
    assert 0.6 < float(sigmoid(np.array(slope * 3.0 + shift))) < 0.95
    both = np.stack([-scores, scores], axis=1)
    slopes, shifts = vector_scaling(both, truth.astype(int))
    assert softmax(both * slopes + shifts).max() < 0.97


def test_one_side_alone_leaves_the_scores_as_they_are() -> None:
    assert platt(np.array([1.0, 2.0]), np.array([True, True])) == (1.0, 0.0)


def test_offsets_make_a_rare_class_heard() -> None:
    scores = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]]))
    truth = np.array([0, 0, 1, 1])
    offsets = chosen_offsets(scores, truth, macro_f1_of)
    assert (scores + offsets).argmax(axis=1).tolist() == [0, 0, 1, 1]
