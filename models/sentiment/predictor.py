"""The fitted sentiment model: n-grams and the lexicon, joined by a small logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import ModelInvalid
from models.sentiment.lexicon import CLASSES, NEGATIVE, POSITIVE
from models.sentiment.lexicon_features import FEATURES, lexicon_features
from models.text.baseline import PlainModel
from models.text.calibration import softmax
from models.text.evaluation import texts_of
from models.text.files import from_files, to_files
from models.text.linear import LinearText
from models.text.spans import spans

_TINY = 1e-12


class SentimentPredictor:
    """Answers how a text feels.

    Args:
        classes: those that the training texts had, in the order negative, neutral, positive.
        linear: a head for each class, against the rest.
        joint: (classes + FEATURES, classes) weights of the heads' scores and of the lexicon's numbers.
        bias: (classes,).
        offsets: (classes,) what is added to log-probabilities before the largest is the answer.
        plain: the model that it is measured against.
        facts: JSON-ready facts of the fit.
    """

    def __init__(
        self,
        classes: Sequence[str],
        linear: LinearText,
        joint: np.ndarray,
        bias: np.ndarray,
        offsets: np.ndarray,
        plain: PlainModel,
        facts: Mapping[str, Any],
    ) -> None:
        self.classes = tuple(classes)
        self.linear, self.joint, self.bias, self.offsets = linear, joint, bias, offsets
        self.plain = plain
        self._facts = dict(facts)

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, features, rows, parameters, library versions."""
        return {
            **self._facts,
            "family": "sentiment",
            "classes": list(self.classes),
            "features": ["n-grams", *FEATURES],
        }

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(n, classes) calibrated chances; each row sums to one, and depends on no other row."""
        inputs = np.hstack([self.linear.logits(texts), lexicon_features(texts)])
        scores = np.tile(self.bias, (len(texts), 1))
        for at, weights in enumerate(self.joint):  # a product of matrices may depend on how many rows there are
            scores += inputs[:, at : at + 1] * weights
        return softmax(scores)

    def answers(self, probabilities: np.ndarray) -> np.ndarray:
        """(n,) class numbers answered."""
        return np.asarray((np.log(np.maximum(probabilities, _TINY)) + self.offsets).argmax(axis=1))

    def sentiments(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """``label``, ``score`` = p(positive) - p(negative) in [-1, 1], ``probabilities`` and ``confidence``."""
        if not texts:
            return []
        chances = self.probabilities(texts)
        found = []
        for row, number in zip(chances.tolist(), self.answers(chances).tolist(), strict=True):
            said = dict(zip(self.classes, row, strict=True))
            feeling = said.get(POSITIVE, 0.0) - said.get(NEGATIVE, 0.0)
            found.append(
                {
                    "label": self.classes[number],
                    "score": round(max(-1.0, min(1.0, feeling)), 4),
                    "probabilities": said,
                    "confidence": row[number],
                }
            )
        return found

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row's ``text``; ``explain`` adds ``spans`` of that many words that spoke for it."""
        texts = texts_of(examples)
        answers = self.sentiments(texts)
        if explain > 0:
            for text, answer in zip(texts, answers, strict=True):
                direction = np.full(len(self.classes), -1.0 / max(len(self.classes) - 1, 1))
                direction[self.classes.index(answer["label"])] = 1.0
                answer["spans"] = spans(self.linear, text, direction, explain)
        return answers

    def to_files(self) -> dict[str, bytes]:
        """The model as plain files."""
        return to_files(
            self.linear,
            {
                "family": "sentiment", "classes": list(self.classes), "joint": self.joint.tolist(),
                "bias": self.bias.tolist(), "offsets": self.offsets.tolist(), "lexicon": list(FEATURES),
                "plain": dict(self.plain.state), "training": self._facts,
            },
        )  # fmt: skip


def load(files: Mapping[str, bytes]) -> SentimentPredictor:
    """The predictor out of the files of :meth:`SentimentPredictor.to_files`. Raises ModelInvalid."""
    linear, stored = from_files(files, "sentiment")
    try:
        classes = tuple(str(name) for name in stored["classes"])
        joint, bias, offsets = parts = [
            np.asarray(stored[name], np.float64) for name in ("joint", "bias", "offsets")
        ]
        fits = joint.shape == (len(classes) + len(FEATURES), len(classes)) and linear.heads == len(classes)
        if not fits or any(len(part) != len(classes) for part in (bias, offsets)):
            raise ValueError("its classes and weights do not fit together")
        if stored["lexicon"] != list(FEATURES) or not set(classes) <= set(CLASSES) or len(classes) < 2:
            raise ValueError("it is of other classes or features than this version has")
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("not all of its numbers are finite")
        plain = PlainModel(dict(stored["plain"]))
        return SentimentPredictor(classes, linear, joint, bias, offsets, plain, dict(stored["training"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(
            f"The sentiment model is not usable: {error}.", hint="Retrain the family with this version."
        ) from None
