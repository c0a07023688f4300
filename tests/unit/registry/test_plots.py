"""Pictures of an evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np

from models.family import Evaluation
from registry.plots import plots

EVALUATION = Evaluation(
    metrics={},
    intervals={},
    baselines={},
    classes=("low", "high"),
    confusion=np.array([[5, 1], [0, 0]]),
    calibration=[{"confidence": 0.7, "accuracy": 0.6, "rows": 10.0}],
    losses=np.zeros(1),
    groups=np.zeros(1),
    baseline_losses={},
    rows=6,
    importance={f"feature_{number}": float(number) for number in range(40)},
)


def test_each_figure_becomes_a_png() -> None:
    pictures = plots(EVALUATION)

    assert sorted(pictures) == ["calibration.png", "confusion.png", "importance.png"]
    assert all(png.startswith(b"\x89PNG") for png in pictures.values())


def test_what_was_not_measured_is_not_drawn() -> None:
    bare = dataclasses.replace(EVALUATION, confusion=np.zeros((0, 0)), calibration=[], importance={})

    assert plots(bare) == {}
