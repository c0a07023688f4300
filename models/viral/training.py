"""Fit: trees on log growth, and class chances calibrated on rows that the trees have not seen.

Validation rows are scarce where data are: a fifth of a month, less the horizon. So each row, of train and
valid, is predicted once by trees grown without its video (five folds), the chances are calibrated on those
predictions, and the trees that are kept are grown on all rows. On both YouTube sets this lowers log loss
(0.303 on average; 0.325 calibrated on valid alone) and calibration error (0.019; 0.024).

Each row is shown twice: as it is, and with parts of it hidden (:mod:`models.viral.masking`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.columns import epoch_us
from models.fit_facts import chosen_params, library_versions
from models.machines import Machines, ThisMachine, TreeRows, refused
from models.viral.calibration import Calibration, fit_calibration, growth_target
from models.viral.features import FEATURES, feature_matrix
from models.viral.labels import class_index
from models.viral.masking import CASES, hide, known_cases
from models.viral.options import ViralOptions
from models.viral.predictor import ViralPredictor

FEWEST_ROWS = 20
FOLDS = 5
#: Each row as it is, and once with parts hidden.
COPIES = 2
FEWEST_CASE_ROWS = 100
#: Small trees and few of them: a request's exact contributions cost what the trees' leaves cost.
DEFAULT_PARAMS: dict[str, Any] = {
    "trees": 70,
    "learning_rate": 0.07,
    "num_leaves": 12,
    "max_depth": 4,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 127,
}


def fit(
    train: pa.Table,
    valid: pa.Table,
    options: ViralOptions,
    params: Mapping[str, Any],
    seed: int,
    machines: Machines | None = None,
) -> ViralPredictor:
    """A predictor fitted to labelled examples; the same inputs and seed give the same files.

    Args:
        train: labelled examples.
        valid: labelled examples of other videos, later ones where the files are cut by time.
        options: thresholds and horizon.
        params: overrides of ``DEFAULT_PARAMS``.
        seed: of the trees' sampling.
        machines: where features are made and trees are grown; None: here.

    Raises:
        TrainingError: too few rows, one video only, an unknown parameter, or LightGBM refuses a value.
    """
    _check_rows("training", train)
    _check_rows("validation", valid)
    chosen = chosen_params("viral", DEFAULT_PARAMS, params)
    rows = pa.concat_tables([train, valid])
    folds = _folds(rows)
    classes = _classes(rows, options)
    machines = machines or ThisMachine()
    matrix = np.vstack([machines.features(feature_matrix, each) for each in (rows, hide(rows, seed))])
    target = growth_target(rows["views"].to_numpy(), rows["views_at_horizon"].to_numpy())
    target = np.tile(target, COPIES)
    calibrations = _calibrate(
        _held_out(matrix, target, np.tile(folds, COPIES), chosen, seed, machines),
        known_cases(matrix),
        np.tile(np.log1p(rows["views"].to_numpy().astype(np.float64)), COPIES),
        np.tile(classes, COPIES),
        _slip(rows, classes, options),
        options,
    )
    trees: str = _grow(matrix, target, chosen, seed, machines).model_to_string()
    facts = {
        "rows": {"train": train.num_rows, "valid": valid.num_rows},
        "params": chosen,
        "seed": seed,
        "class_counts": _counts(classes, options),
        "no_growth": _transitions(rows, classes, options),
        "libraries": library_versions("lightgbm", "numpy"),
    }
    return ViralPredictor(trees, calibrations, options, facts)


def _calibrate(
    mu: np.ndarray,
    cases: np.ndarray,
    log_views: np.ndarray,
    classes: np.ndarray,
    slip: float,
    options: ViralOptions,
) -> tuple[Calibration, ...]:
    """One calibration a case of what is known; a case with few rows takes that of all rows."""
    thresholds = options.log_thresholds
    overall = fit_calibration(mu, log_views, thresholds, classes, slip)
    fitted = []
    for case in range(len(CASES)):
        inside = cases == case
        enough = inside.sum() >= FEWEST_CASE_ROWS
        fitted.append(
            fit_calibration(mu[inside], log_views[inside], thresholds, classes[inside], slip)
            if enough
            else overall
        )
    return tuple(fitted)


def _grow(
    matrix: np.ndarray, target: np.ndarray, params: Mapping[str, Any], seed: int, machines: Machines
) -> Any:
    """A LightGBM booster that predicts ``target`` (n,) from ``matrix`` (n, features)."""
    try:
        # a leaf holds as many different rows as it is told to, however often each is shown
        least, trees = int(params["min_data_in_leaf"]) * COPIES, int(params["trees"])
    except (TypeError, ValueError) as error:
        raise refused(error) from None
    settings = {**params, "objective": "regression", "min_data_in_leaf": least, "seed": seed}
    return machines.grow(TreeRows(matrix, target, FEATURES), settings, trees)


def _held_out(
    matrix: np.ndarray,
    target: np.ndarray,
    folds: np.ndarray,
    params: Mapping[str, Any],
    seed: int,
    machines: Machines,
) -> np.ndarray:
    """(n,) the prediction for each row by trees that were grown without its fold (Wolpert 1992)."""
    predicted = np.empty(len(target))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            booster = _grow(matrix[~held], target[~held], params, seed, machines)
            predicted[held] = booster.predict(matrix[held])
    return predicted


def _folds(rows: pa.Table) -> np.ndarray:
    """(n,) fold of each row: videos by first sight, dealt out in turn, so that each fold has of all times.

    Raises:
        TrainingError: all rows are of one video, so that no trees can be grown without it.
    """
    first_seen = epoch_us(rows["first_seen_at"]).to_numpy()
    videos = rows["video_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first_rows = np.unique(videos, return_index=True)
    if len(first_rows) < 2:
        raise TrainingError("All rows to train on are of one video.", hint="More videos are needed.")
    rank = np.empty(len(first_rows), dtype=np.int64)
    rank[np.lexsort((first_rows, first_seen[first_rows]))] = np.arange(len(first_rows))
    return rank[videos] % FOLDS


def _check_rows(name: str, rows: pa.Table) -> None:
    if rows.num_rows < FEWEST_ROWS:
        raise TrainingError(
            f"There are {rows.num_rows} {name} rows with a known outcome; at least {FEWEST_ROWS} are needed.",
            hint="More days of snapshots, or a shorter horizon, give more.",
        )


def _classes(rows: pa.Table, options: ViralOptions) -> np.ndarray:
    return class_index(rows["views_at_horizon"].to_numpy(), options)


def _counts(classes: np.ndarray, options: ViralOptions) -> dict[str, int]:
    counts = np.bincount(classes, minlength=len(options.classes)).tolist()
    return dict(zip(options.classes, counts, strict=True))


def _transitions(train: pa.Table, classes: np.ndarray, options: ViralOptions) -> list[list[float]]:
    """(classes, classes) chance of each class at the horizon by the class at the snapshot: what makes "no
    growth" a forecast with chances. Half a row is added to each cell.
    """
    size = len(options.classes)
    now = class_index(train["views"].to_numpy(), options)
    counts = np.bincount(now * size + classes, minlength=size * size).reshape(size, size) + 0.5
    return [[float(value) for value in row] for row in counts / counts.sum(axis=1, keepdims=True)]


def _slip(train: pa.Table, classes: np.ndarray, options: ViralOptions) -> float:
    """The chance that a class falls, which only a recount can do; never quite zero."""
    fell = int((classes < class_index(train["views"].to_numpy(), options)).sum())
    return (fell + 0.5) / (train.num_rows + 1.0)
