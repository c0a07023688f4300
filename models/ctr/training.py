"""Fit: what ids and words say, a linear part over that, trees on what is left, and a calibration.

Every step is fed with predictions for rows that it was fitted without (Wolpert 1992): entities are dealt into
five folds; encodings and words' weights for a fold come from the other four, and so do the trees whose
predictions the calibration is fitted on. What is kept in the end is fitted on all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import TrainingError
from models.columns import epoch_us, take_rows
from models.ctr.calibration import fit_calibration
from models.ctr.encoding import ENCODED, PRIOR_ROWS, fit_encoding
from models.ctr.features import FEATURES, Fitted, feature_matrix
from models.ctr.level import fit_level
from models.ctr.linear import fit_weights, offsets
from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor
from models.ctr.spread import PRIOR_PHI, PRIOR_RATE, Spread, fit_spread, sigmoid
from models.ctr.text import FIELDS, TextScores
from models.ctr.text_fit import fit_text, text_matrix
from models.fit_facts import chosen_params, library_versions
from models.machines import Machines, ThisMachine, TreeRows

FOLDS = 5
#: With fewer rows no words are weighed, and no trees grown: the base rate and ids is all that they can carry.
FEWEST_TEXT_ROWS, FEWEST_TREE_ROWS = 30, 100
DEFAULT_PARAMS: dict[str, Any] = {
    "trees": 150,
    "learning_rate": 0.05,
    "num_leaves": 12,
    "max_depth": 4,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 127,
}


@dataclass(frozen=True)
class _Rows:
    """Training rows as arrays (n,), what they are worth, and the fold of each."""

    table: pa.Table
    clicks: np.ndarray
    shown: np.ndarray
    worth: np.ndarray
    groups: np.ndarray
    folds: np.ndarray
    spread: Spread
    moments: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        return self.clicks / self.shown


def fit(
    train: pa.Table,
    valid: pa.Table,
    options: CtrOptions,
    params: Mapping[str, Any],
    seed: int,
    machines: Machines | None = None,
) -> CtrPredictor:
    """A predictor fitted to examples; the same inputs and seed give the same files.

    Args:
        train: examples with impressions and clicks; rows without impressions say nothing and are left out.
        valid: examples of other entities; they are learned from too, since calibration goes by folds.
        options: bands, and how many rows are needed.
        params: overrides of ``DEFAULT_PARAMS``.
        seed: of the trees' sampling.
        machines: where features are made and trees are grown; None: here.

    Raises:
        TrainingError: too few rows, an unknown parameter, or LightGBM refuses a value.
    """
    chosen = chosen_params("ctr", DEFAULT_PARAMS, params)
    rows = _rows(pa.concat_tables([train, valid]), options)
    text = _design(rows)
    machines = machines or ThisMachine()
    matrix = _held_out_features(rows, text, machines)
    linear = fit_weights(matrix, rows.rates, rows.worth, rows.spread)
    raw = offsets(matrix, linear)
    trees, left_over = _forest(matrix, rows, raw, chosen, seed, machines)
    calibration = fit_calibration(raw + left_over, matrix, rows.clicks, rows.shown, rows.spread)
    everything = np.ones(len(rows.clicks), dtype=bool)
    facts = {
        "rows": {"train": train.num_rows, "valid": valid.num_rows, "with_impressions": len(rows.clicks)},
        "impressions": int(rows.shown.sum()),
        "clicks": int(rows.clicks.sum()),
        "base_rate": _base_rate(rows),
        "params": chosen,
        "seed": seed,
        "libraries": library_versions("lightgbm", "numpy", "scipy"),
    }
    return CtrPredictor(trees, linear, _fitted(rows, text, everything), calibration, options, facts)


def _rows(table: pa.Table, options: CtrOptions) -> _Rows:
    shown = pc.fill_null(table["impressions"], 0).to_numpy().astype(np.float64)
    table = take_rows(table, shown > 0)
    if table.num_rows < options.min_outcomes:
        raise TrainingError(
            f"There are {table.num_rows} outcomes with impressions; at least {options.min_outcomes} needed.",
            hint="Until then the heuristic answers. CTR_MIN_OUTCOMES sets the number.",
        )
    shown = table["impressions"].to_numpy().astype(np.float64)
    clicks = np.minimum(table["clicks"].to_numpy().astype(np.float64), shown)
    spread = fit_spread(clicks, shown)
    moments = epoch_us(table["at"]).to_numpy()
    entities = _codes(table["entity"])
    return _Rows(
        table=table,
        clicks=clicks,
        shown=shown,
        worth=spread.worth(shown),
        groups=entities,
        folds=_folds(entities, moments),
        spread=spread,
        moments=moments.astype(np.float64),
    )


def _base_rate(rows: _Rows) -> float:
    """Clicks per impression of all rows, with the prior Beta(1, 60): what answers are measured against."""
    prior = PRIOR_RATE * PRIOR_PHI
    return float((rows.clicks.sum() + prior) / (rows.shown.sum() + PRIOR_PHI))


def _codes(column: Any) -> np.ndarray:
    return np.asarray(pc.dictionary_encode(column.combine_chunks()).indices.to_numpy())


def _folds(entities: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """(n,) fold of each row: entities by first sight, dealt out in turn, so that each fold has of all times.
    Rows of one entity only are dealt out themselves.
    """
    names, codes = np.unique(entities, return_inverse=True)
    if len(names) < 2:
        return np.arange(len(entities)) % FOLDS
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, codes, moments)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.lexsort((np.arange(len(names)), first))] = np.arange(len(names))
    return rank[codes] % FOLDS


def _design(rows: _Rows) -> Any:
    """The words of the rows, or None where there are too few rows or no text."""
    texts = [rows.table[field].to_pylist() for field in FIELDS]
    enough = len(rows.clicks) >= FEWEST_TEXT_ROWS and any(text for column in texts for text in column)
    return text_matrix(texts) if enough else None


def _fitted(rows: _Rows, text: Any, inside: np.ndarray) -> Fitted:
    """What the features take from the rows in the mask ``inside`` (n,)."""
    hits = rows.rates[inside] * rows.worth[inside]
    prior = PRIOR_ROWS * rows.spread.phi
    encodings = {
        name: fit_encoding(
            np.asarray(rows.table[name].to_pylist(), dtype=object)[inside],
            hits,
            rows.worth[inside],
            rows.spread.rate,
            prior,
        )
        for name in ENCODED
    }
    level = fit_level(rows.moments[inside], rows.rates[inside], rows.worth[inside], rows.spread)
    words = TextScores.silent()
    if text is not None:
        words = fit_text(
            level.at(rows.moments[inside]),
            text[inside],
            rows.clicks[inside],
            rows.shown[inside],
            rows.groups[inside],
            rows.spread,
        )
    return Fitted(rows.spread, encodings, level, words)


def _held_out_features(rows: _Rows, text: Any, machines: Machines) -> np.ndarray:
    """(n, features) in which what ids and words say of a row was learned without its fold."""
    matrix = np.empty((len(rows.clicks), len(FEATURES)))
    for fold in range(FOLDS):
        held = rows.folds == fold
        if held.any():
            make = partial(feature_matrix, fitted=_fitted(rows, text, ~held))
            matrix[held] = machines.features(make, take_rows(rows.table, held))
    return matrix


def _forest(
    matrix: np.ndarray,
    rows: _Rows,
    raw: np.ndarray,
    params: Mapping[str, Any],
    seed: int,
    machines: Machines,
) -> tuple[str | None, np.ndarray]:
    """LightGBM's text, and (n,) what trees grown without a row's fold add to its log odds. As many trees are
    grown as help on rows that they were grown without; None where none do.
    """
    nothing = np.zeros(len(raw))
    if len(raw) < FEWEST_TREE_ROWS:
        return None, nothing
    steps = sorted({round(int(params["trees"]) * part / 10) for part in range(1, 11)} - {0})
    added = np.zeros((len(steps) + 1, len(raw)))
    for fold in range(FOLDS):
        held = rows.folds == fold
        booster = _grow(matrix[~held], rows, ~held, raw[~held], params, seed, steps[-1], machines)
        for at, count in enumerate(steps, start=1):
            added[at, held] = booster.predict(matrix[held], raw_score=True, num_iteration=count)
    losses = [_loss(raw + extra, rows) for extra in added]
    best = int(np.argmin(losses))
    if best == 0:
        return None, nothing
    whole = _grow(matrix, rows, np.ones(len(raw), bool), raw, params, seed, steps[best - 1], machines)
    return str(whole.model_to_string()), added[best]


def _loss(odds: np.ndarray, rows: _Rows) -> float:
    mean = np.clip(sigmoid(odds), 1e-12, 1 - 1e-12)
    return float(-(rows.worth * (rows.rates * np.log(mean) + (1 - rows.rates) * np.log(1 - mean))).sum())


def _grow(
    matrix: np.ndarray,
    rows: _Rows,
    inside: np.ndarray,
    raw: np.ndarray,
    params: Mapping[str, Any],
    seed: int,
    trees: int,
    machines: Machines,
) -> Any:
    """A LightGBM booster of cross entropy on rates, weighted by the worth of impressions, beginning at
    ``raw``.
    """
    learned = TreeRows(matrix, rows.rates[inside], FEATURES, rows.worth[inside], raw)
    settings = {**params, "objective": "cross_entropy", "boost_from_average": False, "seed": seed}
    return machines.grow(learned, settings, trees)
