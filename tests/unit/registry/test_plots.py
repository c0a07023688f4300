"""Pictures of an evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np

from models.family import Evaluation, Mistake, Projection
from registry.plots import plots, shown_in_mistakes

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


def test_fifteen_classes_their_mistakes_and_their_embedding_are_drawn() -> None:
    rng = np.random.default_rng(1)
    classes = tuple(f"class number {number}" for number in range(15))
    picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    mistakes = tuple(Mistake(picture, classes[0], classes[1], 0.9, f"user-{row}") for row in range(7))
    labels = np.arange(200) % 15

    drawn = plots(
        Evaluation(
            metrics={}, intervals={}, baselines={}, classes=classes, confusion=np.eye(15, dtype=int) * 9,
            calibration=[], losses=np.zeros(1), groups=np.zeros(1), baseline_losses={}, rows=135,
            mistakes=mistakes, projection=Projection(rng.normal(size=(200, 2)), labels),
        )
    )  # fmt: skip

    assert set(drawn) == {"confusion.png", "mistakes.png", "embedding.png"}
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())
    shown = shown_in_mistakes(mistakes)
    assert [one["entity"] for one in shown] == [f"user-{row}" for row in range(7)]
