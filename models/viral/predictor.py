"""The fitted viral model behind a typed ``predict``: two plain files, fast answers, safe in many threads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import InputError, ModelInvalid, SettingsError
from models.booster import FastBooster
from models.viral.answer import answer
from models.viral.calibration import Calibration
from models.viral.features import FEATURES, feature_matrix, feature_row, feature_rows
from models.viral.masking import CASES, known_case, known_cases
from models.viral.options import ViralOptions

FORMAT = 2
TREES_FILE, FACTS_FILE = "model.txt", "model.json"
_VIEWS = FEATURES.index("views_log")


class ViralPredictor:
    """Answers what class a video will be in at the horizon."""

    def __init__(
        self,
        trees: str,
        calibrations: tuple[Calibration, ...],
        options: ViralOptions,
        facts: Mapping[str, Any],
    ) -> None:
        self.options = options
        self.calibrations = calibrations
        self.booster = FastBooster(trees)
        self._trees = trees
        self._facts = dict(facts)
        self._log_thresholds = tuple(options.log_thresholds.tolist())

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, features, options, rows, parameters, library versions."""
        return {
            **self._facts,
            "family": "viral",
            "classes": list(self.options.classes),
            "features": list(FEATURES),
            "options": self.options.describe(),
            "calibration": _described(self.calibrations),
            "trees": self.booster.trees,
        }

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row; ``explain`` adds that many top features.

        Raises:
            InputError: ``views`` is missing in a row.
        """
        return self._answers(feature_matrix(examples), explain)

    def predict_one(self, inputs: Mapping[str, Any], *, explain: int = 5) -> dict[str, Any]:
        """The answer of :meth:`predict` for one row given as a mapping, by the short way."""
        row = feature_row(inputs)
        answered = self._answer(float(row[_VIEWS]), known_case(row), self.booster.raw(row))
        return self._explained(answered, row, explain) if explain > 0 else answered

    def predict_many(self, rows: Sequence[Mapping[str, Any]], *, explain: int = 0) -> list[dict[str, Any]]:
        """The answers of :meth:`predict` for a request's rows given as mappings, without building a table."""
        return self._answers(feature_rows(rows), explain) if rows else []

    def to_files(self) -> dict[str, bytes]:
        """The model as text: LightGBM's own format, and JSON for all else."""
        trees = self._trees.encode()
        facts = {
            "format": FORMAT,
            "family": "viral",
            "trees_sha256": hashlib.sha256(trees).hexdigest(),
            "features": list(FEATURES),
            "options": self.options.describe(),
            "calibration": _described(self.calibrations),
            "facts": self._facts,
        }
        return {TREES_FILE: trees, FACTS_FILE: json.dumps(facts, indent=1, sort_keys=True).encode()}

    def _answers(self, matrix: np.ndarray, explain: int) -> list[dict[str, Any]]:
        # lists of plain numbers: taking them out of the matrix one by one costs more than the answers do
        columns = (matrix[:, _VIEWS], known_cases(matrix), self.booster.raw_batch(matrix))
        answers = [*map(self._answer, *(column.tolist() for column in columns))]
        if explain > 0:
            return [self._explained(one, row, explain) for one, row in zip(answers, matrix, strict=True)]
        return answers

    def _answer(self, log_views: float, case: int, mu: float) -> dict[str, Any]:
        if math.isnan(log_views):
            raise InputError("views is missing.", hint="A prediction starts from the views at the snapshot.")
        calibration = self.calibrations[case]
        chances = calibration.probabilities(mu, log_views, self._log_thresholds)
        expected = log_views + calibration.growth(mu)
        return answer(self.options.classes, self._log_thresholds, chances, expected)

    def _explained(self, answered: dict[str, Any], row: np.ndarray, explain: int) -> dict[str, Any]:
        parts = self.booster.contributions(row)
        top = np.argsort(-np.abs(parts), kind="stable")[:explain].tolist()
        return {**answered, "top_features": [{FEATURES[at]: float(parts[at])} for at in top]}


def load(files: Mapping[str, bytes]) -> ViralPredictor:
    """The predictor out of the files of :meth:`ViralPredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    for name in (TREES_FILE, FACTS_FILE):
        if name not in files:
            raise ModelInvalid(f"The viral model lacks its file {name}.")
    try:
        stored = json.loads(files[FACTS_FILE])
        _check_format(stored["format"], stored["family"])
        sha256 = stored["trees_sha256"]
        features = stored["features"]
        options = ViralOptions.restore(stored["options"])
        calibrations = tuple(_calibration(stored["calibration"][case]) for case in CASES)
        facts = dict(stored["facts"])
    except (ValueError, KeyError, TypeError, AttributeError, SettingsError) as error:
        raise ModelInvalid(f"{FACTS_FILE} does not describe a viral model: {error!r}.") from None
    _check_features(features)
    if hashlib.sha256(files[TREES_FILE]).hexdigest() != sha256:
        raise ModelInvalid(
            f"{TREES_FILE} is not the file that {FACTS_FILE} was written with (SHA-256 differs)."
        )
    return _build(files[TREES_FILE], calibrations, options, facts)


def _described(calibrations: tuple[Calibration, ...]) -> dict[str, dict[str, float]]:
    return {case: asdict(calibration) for case, calibration in zip(CASES, calibrations, strict=True)}


def _calibration(stored: Mapping[str, Any]) -> Calibration:
    """One calibration out of the file. Raises ValueError or TypeError where it is not usable."""
    calibration = Calibration(**{name: float(value) for name, value in stored.items()})
    if not all(map(math.isfinite, asdict(calibration).values())) or calibration.scale <= 0:
        raise ValueError(f"the calibration is not usable: {calibration}")
    return calibration


def _check_format(form: Any, family: Any) -> None:
    if (form, family) != (FORMAT, "viral"):
        raise ModelInvalid(
            f"{FACTS_FILE} is of format {form} and family '{family}', not {FORMAT} and 'viral'.",
            hint="Retrain the family with this version.",
        )


def _check_features(features: Any) -> None:
    if features != list(FEATURES):
        strange = (
            sorted(set(map(str, features)) ^ set(FEATURES)) if isinstance(features, list) else [str(features)]
        )
        raise ModelInvalid(
            "The model was trained on other features than this version computes: "
            f"{', '.join(strange) or 'their order'}.",
            hint="Retrain the family with this version.",
        )


def _build(
    trees: bytes, calibrations: tuple[Calibration, ...], options: ViralOptions, facts: Mapping[str, Any]
) -> ViralPredictor:
    from lightgbm.basic import LightGBMError

    try:
        predictor = ViralPredictor(trees.decode(), calibrations, options, facts)
    except (LightGBMError, UnicodeDecodeError) as error:
        raise ModelInvalid(f"{TREES_FILE} is no LightGBM model: {error}.") from None
    if predictor.booster.names != list(FEATURES):
        raise ModelInvalid(f"The trees in {TREES_FILE} were grown on other features than {FACTS_FILE} names.")
    return predictor
