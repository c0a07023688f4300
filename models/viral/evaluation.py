"""Measure a predictor on held-out rows, beside two baselines on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.family import Evaluation
from models.metrics import measure
from models.viral.labels import class_index
from models.viral.options import ViralOptions
from models.viral.predictor import ViralPredictor


def evaluate(predictor: ViralPredictor, test: pa.Table, options: ViralOptions, seed: int) -> Evaluation:
    """Accuracy, macro-F1, log loss and calibration error with intervals over videos.

    The baselines are "no growth" (the class of the views at the snapshot, with the chances that the training
    rows gave to each change of class) and the majority class of the training rows (with their shares).

    Raises:
        InputError: there are no rows to measure on.
    """
    if test.num_rows == 0:
        raise InputError("There are no test rows with a known outcome.")
    truth = class_index(test["views_at_horizon"].to_numpy(), options)
    groups = np.asarray(test["video_id"].to_pylist(), dtype=object)
    answers = predictor.predict(test)
    measured = measure(truth, *answers_table(answers, options), groups, seed=seed)
    baselines = {
        name: measure(truth, *forecast, groups, seed=seed)
        for name, forecast in baseline_forecasts(predictor, test).items()
    }
    return Evaluation(
        metrics=measured.metrics,
        intervals=measured.intervals,
        baselines={name: base.metrics for name, base in baselines.items()},
        classes=options.classes,
        confusion=measured.confusion,
        calibration=measured.calibration,
        losses=measured.losses,
        groups=groups,
        baseline_losses={name: base.losses for name, base in baselines.items()},
        rows=test.num_rows,
        importance=predictor.booster.gains(),
        baseline_intervals={name: base.intervals for name, base in baselines.items()},
    )


def answers_table(answers: list[dict[str, Any]], options: ViralOptions) -> tuple[np.ndarray, np.ndarray]:
    """(n, classes) chances and (n,) class numbers out of answers."""
    chances = np.array([[row["probabilities"][name] for name in options.classes] for row in answers])
    return chances, np.array([options.classes.index(row["viral_class"]) for row in answers])


def baseline_forecasts(predictor: ViralPredictor, test: pa.Table) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What "no growth" and "majority" say about the rows: (n, classes) chances and (n,) class numbers."""
    options = predictor.options
    now = class_index(test["views"].to_numpy(), options)
    transitions = np.array(predictor.info["no_growth"])
    counts = np.array([predictor.info["class_counts"][name] for name in options.classes]) + 0.5
    shares = np.tile(counts / counts.sum(), (len(now), 1))
    return {
        "no_growth": (transitions[now], now),
        "majority": (shares, np.full(len(now), int(counts.argmax()))),
    }
