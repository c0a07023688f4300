"""The fitted CTR model behind a typed ``predict``: three plain files, fast answers, safe in many threads."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import ModelInvalid, SettingsError
from models.booster import FastBooster
from models.ctr import interval
from models.ctr.calibration import Calibration, pasts
from models.ctr.encoding import DEVICE, ENCODED
from models.ctr.features import FEATURES, PLACES, Fitted, feature_matrix, feature_row, feature_rows
from models.ctr.level import Level
from models.ctr.linear import TERMS, offsets, terms
from models.ctr.options import BANDS, CtrOptions
from models.ctr.spread import Spread
from models.ctr.text import FIELDS, HEADS, TextScores
from models.words import BUCKETS

FORMAT = 1
TREES_FILE, WORDS_FILE, FACTS_FILE = "model.txt", "words.npy", "model.json"
_TERM_PLACES = [PLACES[name] for name in TERMS]
#: What a version was trained on before there were devices: all but the last.
_WITHOUT_DEVICE = FEATURES[:-1]


class CtrPredictor:
    """Answers what share of impressions will be clicks."""

    def __init__(
        self,
        trees: str | None,
        weights: np.ndarray,
        fitted: Fitted,
        calibration: Calibration,
        options: CtrOptions,
        facts: Mapping[str, Any],
    ) -> None:
        self.options = options
        self.fitted = fitted
        self.weights = weights
        self.calibration = calibration
        #: None where no tree helped.
        self.booster = FastBooster(trees) if trees else None
        #: How many features the trees take: of an older version, not the last.
        self._columns = self.booster.columns if self.booster else len(FEATURES)
        self._trees = trees or ""
        self._facts = dict(facts)

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, bands, features, options, rows, base rate, parameters, library versions."""
        return {
            **self._facts,
            "family": "ctr",
            "classes": list(BANDS),
            "features": list(FEATURES[: self._columns]),
            "options": self.options.describe(),
            "calibration": self.calibration.describe(),
            "spread": {"rate": self.fitted.spread.rate, "phi": self.fitted.spread.phi},
            "linear": dict(zip(("intercept", *TERMS), self.weights.tolist(), strict=True)),
            "trees": self.booster.trees if self.booster else 0,
        }

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row; ``explain`` adds that many top features, in log odds."""
        return self._answers(feature_matrix(examples, self.fitted), explain)

    def predict_one(self, inputs: Mapping[str, Any], *, explain: int = 0) -> dict[str, Any]:
        """The answer of :meth:`predict` for one row given as a mapping, by the short way."""
        row = feature_row(inputs, self.fitted)
        return self._answers(row[None, :], explain)[0]

    def predict_many(self, rows: Sequence[Mapping[str, Any]], *, explain: int = 0) -> list[dict[str, Any]]:
        """The answers of :meth:`predict` for a request's rows given as mappings, without building a table."""
        return self._answers(feature_rows(rows, self.fitted), explain) if rows else []

    def rates(self, examples: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """(n,) the mean and (n,) phi of each row's Beta(mean phi, (1 - mean) phi)."""
        return self._distribution(feature_matrix(examples, self.fitted))

    def importance(self, examples: pa.Table) -> dict[str, float]:
        """How far each feature moves the log odds of the rows on average, as shares of the whole."""
        matrix = feature_matrix(examples, self.fitted)
        parts = np.array([np.abs(self._contributions(row)) for row in matrix]).reshape(-1, len(FEATURES))
        moved = parts.sum(axis=0)
        return dict(zip(FEATURES, (moved / max(moved.sum(), 1e-300)).tolist(), strict=True))

    def to_files(self) -> dict[str, bytes]:
        """The model as LightGBM's own text, the words' weights as npy, and JSON for all else."""
        files = {TREES_FILE: self._trees.encode(), WORDS_FILE: _npy(self.fitted.text.weights)}
        facts = {
            "format": FORMAT,
            "family": "ctr",
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            "features": list(FEATURES),
            "options": self.options.describe(),
            "calibration": self.calibration.describe(),
            "linear": self.weights.tolist(),
            "spread": {"rate": self.fitted.spread.rate, "phi": self.fitted.spread.phi},
            "level": self.fitted.level.describe(),
            "encodings": {name: dict(self.fitted.encodings[name]) for name in ENCODED},
            "facts": self._facts,
        }
        return {**files, FACTS_FILE: json.dumps(facts, indent=1, sort_keys=True).encode()}

    def _odds(self, matrix: np.ndarray) -> np.ndarray:
        found = offsets(matrix, self.weights)
        if self.booster is None:
            return found
        if len(matrix) == 1:
            return found + self.booster.raw(matrix[0, : self._columns])
        return found + self.booster.raw_batch(matrix[:, : self._columns])

    def _distribution(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        odds = self._odds(matrix)
        return self.calibration.mean(odds), self.calibration.phi(odds, *pasts(matrix))

    def _answers(self, matrix: np.ndarray, explain: int) -> list[dict[str, Any]]:
        found = interval.answers(*self._distribution(matrix), self.options)
        if explain > 0:
            for answered, row in zip(found, matrix, strict=True):
                answered["top_features"] = self._top(row, explain)
        return found

    def _top(self, row: np.ndarray, explain: int) -> list[dict[str, float]]:
        """The features that move the log odds most, by the linear part and the trees together."""
        parts = self._contributions(row)
        top = np.argsort(-np.abs(parts), kind="stable")[:explain].tolist()
        return [{FEATURES[at]: float(parts[at])} for at in top]

    def _contributions(self, row: np.ndarray) -> np.ndarray:
        """(features,) what each feature of one row adds to its log odds."""
        parts = np.zeros(len(FEATURES))
        if self.booster is not None:
            parts[: self._columns] = self.booster.contributions(row[: self._columns])
        parts[_TERM_PLACES] += terms(row[None, :])[0] * self.weights[1:]
        return np.asarray(parts * self.calibration.slope)


def load(files: Mapping[str, bytes]) -> CtrPredictor:
    """The predictor out of the files of :meth:`CtrPredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    for name in (TREES_FILE, WORDS_FILE, FACTS_FILE):
        if name not in files:
            raise ModelInvalid(f"The CTR model lacks its file {name}.")
    try:
        stored = _of_today(json.loads(files[FACTS_FILE]))
        _check_format(stored["format"], stored["family"])
        _check_features(stored["features"])
        _check_sums(stored["sha256"], files)
        options = CtrOptions.restore(stored["options"])
        calibration = Calibration(**{name: float(value) for name, value in stored["calibration"].items()})
        spread = Spread(float(stored["spread"]["rate"]), float(stored["spread"]["phi"]))
        weights = np.array([float(value) for value in stored["linear"]])
        encodings = {name: _encoding(stored["encodings"][name]) for name in ENCODED}
        level = Level.restore(stored["level"])
        facts = dict(stored["facts"])
        _check_numbers(calibration, spread, weights)
    except (ValueError, KeyError, TypeError, AttributeError, SettingsError) as error:
        raise ModelInvalid(f"{FACTS_FILE} does not describe a CTR model: {error!r}.") from None
    fitted = Fitted(spread, encodings, level, TextScores(_words(files[WORDS_FILE])))
    return _build(files[TREES_FILE], weights, fitted, calibration, options, facts)


def _of_today(stored: dict[str, Any]) -> dict[str, Any]:
    """What a version from before there were devices says, as it is said now: it knows no device."""
    if stored["features"] != list(_WITHOUT_DEVICE):
        return stored
    return stored | {
        "features": list(FEATURES),
        "linear": [*stored["linear"], 0.0],
        "encodings": {**stored["encodings"], DEVICE: {}},
    }


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _words(content: bytes) -> np.ndarray:
    try:
        weights = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelInvalid(f"{WORDS_FILE} is no array: {error}.") from None
    shape = (len(FIELDS), BUCKETS, len(HEADS))
    if weights.dtype != np.float32 or weights.shape != shape or not np.isfinite(weights).all():
        raise ModelInvalid(f"{WORDS_FILE} does not hold {shape} finite float32 numbers.")
    return np.asarray(weights)


def _encoding(stored: Mapping[str, Any]) -> dict[str, float]:
    found = {str(value): float(deviation) for value, deviation in stored.items()}
    if not all(map(math.isfinite, found.values())):
        raise ValueError("an encoding is not finite")
    return found


def _check_numbers(calibration: Calibration, spread: Spread, weights: np.ndarray) -> None:
    """Raises ValueError where a number is not usable."""
    numbers = [*calibration.describe().values(), *weights.tolist(), spread.rate, spread.phi]
    if not all(map(math.isfinite, numbers)) or len(weights) != 1 + len(TERMS):
        raise ValueError("the calibration or the linear part is not usable")
    if not 0 < spread.rate < 1 or spread.phi <= 0 or calibration.slope < 0:
        raise ValueError("the base rate, the spread or the slope is not usable")


def _check_format(form: Any, family: Any) -> None:
    if (form, family) != (FORMAT, "ctr"):
        raise ModelInvalid(
            f"{FACTS_FILE} is of format {form} and family '{family}', not {FORMAT} and 'ctr'.",
            hint="Retrain the family with this version.",
        )


def _check_features(features: Any) -> None:
    if features != list(FEATURES):
        listed = set(map(str, features)) if isinstance(features, list) else {str(features)}
        raise ModelInvalid(
            "The model was trained on other features than this version computes: "
            f"{', '.join(sorted(listed ^ set(FEATURES))) or 'their order'}.",
            hint="Retrain the family with this version.",
        )


def _check_sums(sums: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    for name in (TREES_FILE, WORDS_FILE):
        if hashlib.sha256(files[name]).hexdigest() != sums[name]:
            raise ModelInvalid(f"{name} is not the file that {FACTS_FILE} was written with (SHA-256 differs).")


def _build(
    trees: bytes,
    weights: np.ndarray,
    fitted: Fitted,
    calibration: Calibration,
    options: CtrOptions,
    facts: Mapping[str, Any],
) -> CtrPredictor:
    from lightgbm.basic import LightGBMError

    try:
        predictor = CtrPredictor(trees.decode() or None, weights, fitted, calibration, options, facts)
    except (LightGBMError, UnicodeDecodeError) as error:
        raise ModelInvalid(f"{TREES_FILE} is no LightGBM model: {error}.") from None
    if predictor.booster is not None and tuple(predictor.booster.names) not in (FEATURES, _WITHOUT_DEVICE):
        raise ModelInvalid(f"The trees in {TREES_FILE} were grown on other features than {FACTS_FILE} names.")
    return predictor
