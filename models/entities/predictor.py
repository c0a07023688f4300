"""The fitted CRF behind a typed ``predict``: weights in a table, decoded by our own Viterbi.

crfsuite trains it, but the model is kept as plain numbers and names, not in crfsuite's binary format, whose
reader trusts the offsets in a file. So serving needs no crfsuite.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import ModelInvalid
from models.entities.features import features
from models.entities.tags import OUTSIDE, Span, is_tag, spans_of
from models.entities.tokens import Token, tokenize
from models.entities.viterbi import allowed, best_tags

FORMAT = 1
WEIGHTS_FILE, STEPS_FILE, FACTS_FILE = "weights.npy", "steps.npy", "model.json"
#: Texts that are scored at once; more only cost memory.
_TOGETHER = 256


class EntityPredictor:
    """Answers which names stand where in a text.

    Args:
        tags: BIO tags.
        attributes: the features with a weight.
        weights: (attributes, tags).
        steps: (tags, tags) weight of each tag after each other.
        facts: JSON-ready facts of the fit.
    """

    def __init__(
        self,
        tags: Sequence[str],
        attributes: Sequence[str],
        weights: np.ndarray,
        steps: np.ndarray,
        facts: Mapping[str, Any],
    ) -> None:
        self.tags = tuple(tags)
        self._attributes = tuple(attributes)
        self._weights, self._steps = weights, steps
        # row 0 is nothing, so that a token without a known feature has a sum too
        self._table = np.vstack([np.zeros((1, len(self.tags))), weights.astype(np.float64)])
        self._rows = {name: row for row, name in enumerate(attributes, start=1)}
        self._allowed = np.vstack([steps, np.zeros((1, len(self.tags)))]) + allowed(self.tags)
        self._facts = dict(facts)

    @property
    def types(self) -> tuple[str, ...]:
        """Types of names, sorted."""
        return tuple(sorted({tag[2:] for tag in self.tags if tag != OUTSIDE}))

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, types, features, rows, parameters, library versions."""
        return {
            **self._facts,
            "family": "entities",
            "classes": list(self.types),
            "features": len(self._attributes),
        }

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """``entities`` of each row's ``text``: {text, type, start, end} in characters; and ``label``, the tags
        of its tokens. ``explain`` adds the tokens.
        """
        texts = [text or "" for text in examples["text"].to_pylist()]
        answers = []
        for text, (tokens, tags) in zip(texts, self.tagged(texts), strict=True):
            answer: dict[str, Any] = {
                "entities": described(text, spans_of(tags, [(each.start, each.end) for each in tokens])),
                "label": " ".join(tags),
            }
            if explain > 0:
                answer["tokens"] = [token.text for token in tokens]
            answers.append(answer)
        return answers

    def entities(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        """The names in each text, as :meth:`predict` gives them: the short way for services."""
        return [
            described(text, spans_of(tags, [(each.start, each.end) for each in tokens]))
            for text, (tokens, tags) in zip(texts, self.tagged(texts), strict=True)
        ]

    def tagged(self, texts: Sequence[str]) -> list[tuple[list[Token], list[str]]]:
        """The tokens of each text and the tag of each token."""
        found = []
        for start in range(0, len(texts), _TOGETHER):
            found += self._tagged([tokenize(text) for text in texts[start : start + _TOGETHER]])
        return found

    def _tagged(self, texts: list[list[Token]]) -> list[tuple[list[Token], list[str]]]:
        sizes = [len(tokens) for tokens in texts if tokens]
        rows: list[int] = []
        begins: list[int] = []
        known = self._rows
        for tokens in texts:
            for names in features(tokens):
                begins.append(len(rows))
                rows.append(0)
                rows += [known[name] for name in names if name in known]
        if not sizes:
            return [(tokens, []) for tokens in texts]
        scores = np.add.reduceat(self._table[rows], begins, axis=0)
        chosen = best_tags(scores, sizes, self._allowed).tolist()
        answers, at = [], 0
        for tokens in texts:
            answers.append((tokens, [self.tags[number] for number in chosen[at : at + len(tokens)]]))
            at += len(tokens)
        return answers

    def to_files(self) -> dict[str, bytes]:
        """The model as two tables of numbers, and JSON for all else."""
        files = {WEIGHTS_FILE: _npy(self._weights), STEPS_FILE: _npy(self._steps)}
        facts = {
            "format": FORMAT,
            "family": "entities",
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            "tags": list(self.tags),
            "attributes": list(self._attributes),
            "facts": self._facts,
        }
        return {**files, FACTS_FILE: json.dumps(facts, ensure_ascii=True, sort_keys=True).encode()}


def described(text: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Spans of ``text`` as answers have them."""
    return [
        {"text": text[span.start : span.end], "type": span.type, "start": span.start, "end": span.end}
        for span in spans
    ]


def load(files: Mapping[str, bytes]) -> EntityPredictor:
    """The predictor out of the files of :meth:`EntityPredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    for name in (WEIGHTS_FILE, STEPS_FILE, FACTS_FILE):
        if name not in files:
            raise ModelInvalid(f"The entities model lacks its file {name}.")
    try:
        stored = json.loads(files[FACTS_FILE])
        if (stored["format"], stored["family"]) != (FORMAT, "entities"):
            raise ValueError(f"it is of format {stored['format']} and family {stored['family']}")
        for name, expected in stored["sha256"].items():
            if hashlib.sha256(files[name]).hexdigest() != expected:
                raise ValueError(f"{name} is not the file that it was written with (SHA-256 differs)")
        tags, attributes = list(map(str, stored["tags"])), list(map(str, stored["attributes"]))
        weights, steps = _array(files[WEIGHTS_FILE]), _array(files[STEPS_FILE])
        _check(tags, attributes, weights, steps)
        return EntityPredictor(tags, attributes, weights, steps, dict(stored["facts"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{FACTS_FILE} does not describe an entities model: {error}.",
            hint="Retrain the family with this version.",
        ) from None


def _check(tags: list[str], attributes: list[str], weights: np.ndarray, steps: np.ndarray) -> None:
    """Raises ValueError where the parts do not fit each other."""
    if OUTSIDE not in tags or not all(map(is_tag, tags)) or len(set(tags)) != len(tags):
        raise ValueError(f"its tags {tags} are no BIO tags")
    if weights.shape != (len(attributes), len(tags)) or steps.shape != (len(tags), len(tags)):
        raise ValueError(f"its tables {weights.shape} and {steps.shape} do not fit its features and tags")
    if not (np.isfinite(weights).all() and np.isfinite(steps).all()):
        raise ValueError("a weight is no number")


def _npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def _array(data: bytes) -> np.ndarray:
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
