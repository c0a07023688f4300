"""The fitted moderation model behind a typed ``predict``: chances of each label, and what caused them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import ModelInvalid
from models.moderation.labels import CLASSES, LABELS, class_chances
from models.text.baseline import PlainModel
from models.text.calibration import bounded, sigmoid
from models.text.evaluation import texts_of
from models.text.files import from_files, to_files
from models.text.linear import LinearText
from models.text.own_classes import OwnClasses, load_own
from models.text.spans import spans

FAMILY = "moderation"
_HATE, _TOXIC = LABELS.index("hate"), LABELS.index("toxicity")
_SPANS_FROM = 0.1


@dataclass(frozen=True)
class ModerationPredictor:
    """Answers which labels hold for a text.

    Attributes:
        linear: a head for each label; that of hate for texts that are toxic.
        slope, shift: (LABELS,) of the calibration.
        offsets: (CLASSES,) what is added to the log-chances of what may hold together before the largest is the
            answer; minus infinity for what training never had.
        baseline: the plain model that it is measured against, over ``CLASSES``.
        facts: what there is to tell of the training, JSON-ready.
    """

    linear: LinearText
    slope: np.ndarray
    shift: np.ndarray
    offsets: np.ndarray
    baseline: PlainModel
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, calibration, rows, parameters, library versions."""
        return {
            **self.facts,
            "family": FAMILY,
            "classes": list(LABELS),
            "features": ["words", "characters", "streams", "facts"],
            "calibration": {
                name: {"slope": float(self.slope[at]), "shift": float(self.shift[at])}
                for at, name in enumerate(LABELS)
            },
        }

    def taught(self, number: int) -> bool:
        """Whether training had texts of class ``number``: no other is ever answered."""
        return bool(np.isfinite(self.offsets[number]))

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """(n, LABELS) calibrated chances of spam, hate and toxicity; hate is at most toxicity."""
        return probabilities(self.linear.logits(texts), self.slope, self.shift)

    def answers(self, scores: np.ndarray) -> list[str]:
        """What holds for each text, as a label column has it, by its scores (n, LABELS)."""
        chances = np.log(np.maximum(class_chances(scores), 1e-12)) + self.offsets
        return [CLASSES[number] for number in chances.argmax(axis=1).tolist()]

    def spans(self, text: str, label: str, most: int) -> list[list[int]]:
        """(start, end) of up to ``most`` words that spoke for ``label``, in characters of ``text``."""
        direction = np.zeros(len(LABELS))
        direction[LABELS.index(label)] = 1.0
        return spans(self.linear, text, direction, most)

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row: ``label``, ``scores`` by label, and with ``explain`` the ``spans`` of as many words
        for each label that is not ruled out. Only the column ``text`` is read; a text that is null is empty.
        """
        return self.predict_texts(texts_of(examples), explain=explain)

    def predict_texts(self, texts: Sequence[str], *, explain: int = 0) -> list[dict[str, Any]]:
        """The answers of :meth:`predict` for texts, without a table."""
        scores = self.score(texts)
        found: list[dict[str, Any]] = []
        for text, label, row in zip(texts, self.answers(scores), scores.tolist(), strict=True):
            answer: dict[str, Any] = {"label": label, "scores": dict(zip(LABELS, row, strict=True))}
            if explain > 0:
                answer["spans"] = {
                    name: self.spans(text, name, explain)
                    for name, score in zip(LABELS, row, strict=True)
                    if score >= _SPANS_FROM
                }
            found.append(answer)
        return found

    def to_files(self) -> dict[str, bytes]:
        """The model as npy and JSON."""
        stored = {
            "family": FAMILY, "classes": list(LABELS), "slope": self.slope.tolist(),
            "shift": self.shift.tolist(),
            "offsets": [None if np.isinf(value) else float(value) for value in self.offsets],
            "baseline": dict(self.baseline.state), "training": dict(self.facts),
        }  # fmt: skip
        return to_files(self.linear, stored)


def probabilities(logits: np.ndarray, slope: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(n, LABELS) calibrated chances of (n, LABELS) logits. The head of hate says how probable it is in a text
    that is toxic, so that hate is at most toxicity.
    """
    scores = bounded(sigmoid(logits * slope + shift))
    scores[:, _HATE] *= scores[:, _TOXIC]
    return scores


def load(files: Mapping[str, bytes]) -> ModerationPredictor | OwnClasses:
    """The predictor out of the files of ``to_files``.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    linear, stored = from_files(files, FAMILY)
    if "own" in stored.get("more", {}):
        return load_own(files, FAMILY)
    try:
        if tuple(stored["classes"]) != LABELS or linear.heads != len(LABELS):
            raise ValueError(f"its labels are {stored['classes']}")
        slope, shift = (np.asarray(stored[name], np.float64) for name in ("slope", "shift"))
        offsets = np.array([-np.inf if value is None else float(value) for value in stored["offsets"]])
        if len(slope) != len(LABELS) or len(shift) != len(LABELS) or len(offsets) != len(CLASSES):
            raise ValueError("the calibration is not usable")
        if not np.isfinite(slope).all() or not np.isfinite(shift).all() or not np.isfinite(offsets).any():
            raise ValueError("the calibration is not usable")
        baseline = PlainModel(dict(stored["baseline"]))
        return ModerationPredictor(linear, slope, shift, offsets, baseline, dict(stored["training"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"The {FAMILY} model is not usable: {error}.") from None
