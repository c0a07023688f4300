"""A fitted model of pictures behind a typed ``predict``: plain files, no torch, safe in many threads.

Each family says by a subclass what an answer looks like.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa

from config.errors import InputError, ModelInvalid
from models.images.calibration import Calibration
from models.images.classifier import Answers, ImageClassifier
from models.images.formats import ImageInvalid
from models.images.limits import ImageLimits
from models.images.options import DETECTOR, PhotoOptions
from models.images.prepare import ENTIRE, FOUND, WHOLE, Prepared, Preparer

P = TypeVar("P", bound="PhotoPredictor")
FORMAT = 1
MODEL, FACTS, CENTROIDS, WEIGHTS, BASELINE, DETECTOR_FILE = (
    "model.onnx", "model.json", "centroids.npy", "weights.safetensors", "baseline.npy", "detector.onnx",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What a model is besides its arrays.

    Attributes:
        known: numbers of the classes that it was trained on; the others are never answered.
        training: JSON-ready: rows, parameters, figures of the fit.
    """

    options: PhotoOptions
    known: tuple[int, ...]
    calibration: Calibration
    training: Mapping[str, Any]


class PhotoPredictor:
    """Answers which of some classes a picture is of.

    Attributes:
        family: whose files these are.
        options_class: of the options that are read back.

    Raises:
        ModelInvalid: the arrays do not fit together.
    """

    family: ClassVar[str]
    options_class: ClassVar[type[PhotoOptions]] = PhotoOptions

    def __init__(
        self,
        facts: Facts,
        *,
        model: bytes,
        centroids: np.ndarray,
        weights: bytes,
        baseline: np.ndarray,
        detector: bytes | None = None,
    ) -> None:
        self.options, self.baseline = facts.options, baseline
        self.classifier = ImageClassifier(model, centroids, facts.calibration)
        self._facts, self._known = facts, np.array(facts.known)
        if len(self._known) != self.classifier.classes:
            raise ModelInvalid(f"There are {self.classifier.classes} centroids for {len(self._known)} classes.")
        self._files = {MODEL: model, CENTROIDS: _npy(centroids), WEIGHTS: weights, BASELINE: _npy(baseline)}
        if detector is not None:
            self._files[DETECTOR_FILE] = detector
        self.prepare = Preparer(self.classifier.size, self.options.limits, self.options.faces, detector)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.options.classes

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, options, rows, parameters, calibration, library versions."""
        described = self._described()
        return {
            **described["facts"],
            "family": self.family,
            "classes": list(self.classes),
            "never_answered": described["never_answered"],
            "options": described["options"],
            "size": self.classifier.size,
            "calibration": described["calibration"],
            "none_of_these": self._none_of_these(),
            "files": {name: len(data) for name, data in sorted(self._files.items())},
        }

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:  # noqa: ARG002 - pixels have no names
        """Answer each row by its column ``image``.

        Raises:
            InputError: a row has no photo, or one that cannot be opened; the message names the row.
        """
        photos = [photo or b"" for photo in examples["image"].to_pylist()]
        answers: list[dict[str, Any]] = []
        for row, answer in enumerate(self.answer_photos(photos)):
            if isinstance(answer, ImageInvalid):
                raise InputError(f"The photo of row {row} cannot be answered: {answer.reason}.")
            answers.append(answer)
        return answers

    def answer_photo(self, photo: bytes, limits: ImageLimits | None = None) -> dict[str, Any]:
        """The answer for an image file; ``limits``: those of the service. Raises ImageInvalid."""
        return self._answers([self.prepare(photo, limits)])[0]

    def answer_photos(self, photos: Sequence[bytes]) -> list[dict[str, Any] | ImageInvalid]:
        """An answer for each image file, or why there is none; a bad photo does not touch the others."""
        seen = [self._prepared(photo) for photo in photos]
        answers = iter(self._answers([each for each in seen if isinstance(each, Prepared)]))
        return [next(answers) if isinstance(each, Prepared) else each for each in seen]

    def spread(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, known classes) -> (n, classes), with 0 for those that were not trained on."""
        whole = np.zeros((len(probabilities), len(self.classes)))
        whole[:, self._known] = probabilities
        return whole

    def to_files(self) -> dict[str, bytes]:
        """The model as plain data: ONNX, arrays, safetensors, and JSON for all else."""
        described = {
            "format": FORMAT,
            "family": self.family,
            **self._described(),
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in self._files.items()},
        }
        facts = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False)
        return {**self._files, FACTS: facts.encode()}

    def _prepared(self, photo: bytes) -> Prepared | ImageInvalid:
        try:
            return self.prepare(photo)
        except ImageInvalid as error:
            return error

    def _answers(self, seen: Sequence[Prepared]) -> list[dict[str, Any]]:
        if not seen:
            return []
        found = self.classifier.classify(np.stack([each.crop for each in seen]))
        chances = self.spread(found.probabilities)
        return [self._answer(seen[row], chances[row].tolist(), found, row) for row in range(len(seen))]

    def _answer(self, seen: Prepared, chances: list[float], found: Answers, row: int) -> dict[str, Any]:
        """The answer to one picture; a family adds what it knows besides."""
        best = max(range(len(chances)), key=chances.__getitem__)
        return {
            "class": self.classes[best],
            "confidence": chances[best],
            "probabilities": dict(zip(self.classes, chances, strict=True)),
            "none_of_these": bool(found.nobody[row]),
            "distance": float(found.distances[row]),
            "width": seen.width,
            "height": seen.height,
        }

    def _described(self) -> dict[str, Any]:
        known = set(self._facts.known)
        return {
            "options": self.options.describe(),
            "known": list(self._facts.known),
            "never_answered": [name for number, name in enumerate(self.classes) if number not in known],
            "calibration": self._facts.calibration.describe(),
            "facts": dict(self._facts.training),
        }

    def _none_of_these(self) -> str:
        found = self._facts.calibration
        return (
            f"A photo farther than {found.threshold:.3f} (1 - cosine) from the nearest centroid is none of"
            f" these. Of {found.rows:,} validation photos, all of the classes, {found.false_alarm_rate:.1%}"
            f" are so; a new one is with a chance of at most {found.asked_rate:.1%}. How many photos of other"
            " things lie closer depends on what they show, and was not measured."
        )


def load_photo_model(make: type[P], files: Mapping[str, bytes]) -> P:
    """The predictor ``make`` out of the files of :meth:`PhotoPredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    for name in (MODEL, FACTS, CENTROIDS, WEIGHTS, BASELINE):
        if name not in files:
            raise ModelInvalid(f"The {make.family} model lacks its file {name}.")
    facts, sums = _read_facts(make, files)
    for name, sha256 in sums.items():
        if name not in files:
            raise ModelInvalid(f"The {make.family} model lacks its file {name}.")
        if hashlib.sha256(files[name]).hexdigest() != sha256:
            raise ModelInvalid(f"{name} is not the file that {FACTS} was written with (SHA-256 differs).")
    baseline = _array(files, BASELINE)
    if baseline.ndim != 2 or len(baseline) != len(facts.known):
        raise ModelInvalid(f"{BASELINE} has the shape {baseline.shape} for {len(facts.known)} classes.")
    return make(
        facts,
        model=files[MODEL],
        centroids=_array(files, CENTROIDS),
        weights=files[WEIGHTS],
        baseline=baseline,
        detector=files.get(DETECTOR_FILE) if DETECTOR_FILE in sums else None,
    )


def _read_facts(make: type[PhotoPredictor], files: Mapping[str, bytes]) -> tuple[Facts, dict[str, str]]:
    """What ``model.json`` says, and the SHA-256 of the other files."""
    try:
        stored = json.loads(files[FACTS])
        form, family = stored["format"], stored["family"]
        if (form, family) != (FORMAT, make.family):
            raise ModelInvalid(
                f"{FACTS} is of format {form} and family '{family}', not {FORMAT} and '{make.family}'.",
                hint="Retrain the family with this version.",
            )
        options = _options(make, stored["options"], files.get(DETECTOR_FILE))
        known = tuple(int(number) for number in stored["known"])
        calibration = _calibration(stored["calibration"])
        sums = {str(name): str(value) for name, value in stored["sha256"].items()}
        facts = Facts(options, known, calibration, dict(stored["facts"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(f"{FACTS} does not describe a model of {make.family}: {error!r}.") from None
    if list(known) != sorted(set(known)) or not known or not 0 <= known[0] <= known[-1] < len(options.classes):
        raise ModelInvalid(f"{FACTS} names classes that it does not have: {list(known)}.")
    if set(sums) - {DETECTOR_FILE} != {MODEL, CENTROIDS, WEIGHTS, BASELINE}:
        raise ModelInvalid(f"{FACTS} lists other files than such a model has: {', '.join(sorted(sums))}.")
    return facts, sums


def _options(make: type[PhotoPredictor], stored: Mapping[str, Any], detector: bytes | None) -> PhotoOptions:
    classes = tuple(stored["classes"])
    if len(set(classes)) != len(classes) or not all(isinstance(name, str) and name for name in classes):
        raise ValueError(f"the classes are not usable: {classes}")
    if stored["faces"] not in (FOUND, WHOLE, ENTIRE):
        raise ValueError(f"faces is {stored['faces']!r}")
    limits = ImageLimits(int(stored["max_bytes"]), int(stored["max_pixels"]))
    assets = {} if detector is None else {DETECTOR: detector}
    return make.options_class(classes, limits, int(stored["near_bits"]), stored["faces"], assets)


def _calibration(stored: Mapping[str, Any]) -> Calibration:
    """Out of the file. Raises ValueError or TypeError where it is not usable."""
    found = Calibration(**{**stored, "rows": int(stored["rows"])})
    values = (found.scale, found.threshold, found.asked_rate, found.false_alarm_rate)
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values) or found.scale <= 0:
        raise ValueError(f"the calibration is not usable: {found}")
    return found


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
    return out.getvalue()


def _array(files: Mapping[str, bytes], name: str) -> np.ndarray:
    try:
        found = np.load(io.BytesIO(files[name]), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelInvalid(f"{name} is not a stored array: {error}.") from None
    if not isinstance(found, np.ndarray) or found.dtype != np.float32:
        raise ModelInvalid(f"{name} does not hold single-precision numbers.")
    return found
