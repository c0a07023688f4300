"""Fit the CRF on tagged texts with crfsuite (Okazaki 2007), and take its weights out as plain numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.entities.features import BIAS, features
from models.entities.options import EntityOptions
from models.entities.predictor import EntityPredictor
from models.entities.tags import OUTSIDE
from models.entities.tokens import tokenize
from models.fit_facts import chosen_params, library_versions

#: The features of each token of a text, and the tag of each.
Sequence_ = tuple[list[list[str]], list[str]]
FEWEST_ROWS = 20
#: c1 and c2 weigh the absolute and the squared weights; ``masked`` is the share of the words of names that are
#: hidden in a second copy of a text, and ``outside`` what is taken off the score of no name. Chosen within
#: WNUT 2017's training part: taught on the texts with a mention, hashtag or address, measured on the others, as
#: names are to be found in kinds of text that were not taught.
DEFAULT_PARAMS: dict[str, Any] = {
    "c1": 0.1,
    "c2": 0.05,
    "max_iterations": 60,
    "minfreq": 1,
    "masked": 0.9,
    "outside": 1.0,
}
#: Features by which a word itself is known, and not how it is written and where it stands.
_OF_WORDS = ("w=", "w-1", "w+1", "w-2", "w+2", "w,", "p3", "p4", "e3", "e4")
#: Words of no name are hidden as often as this, so that hiding is no sign of a name.
_MASKED_OTHERS = 0.15


def fit(
    train: pa.Table, valid: pa.Table, _options: EntityOptions, params: Mapping[str, Any], seed: int
) -> EntityPredictor:
    """A predictor fitted to tagged texts of both tables; the same inputs give the same files.

    A CRF has nothing to calibrate, so that the validation rows teach too. A text with names is shown twice,
    once with words hidden: names to come are words that no one has seen. ``seed`` says which.

    Raises:
        TrainingError: too few rows, no name in them, or an unknown parameter.
    """
    chosen = chosen_params("entities", DEFAULT_PARAMS, params)
    sequences = _sequences(train) + _sequences(valid)
    tags = sorted({tag for _, row in sequences for tag in row} | {OUTSIDE})
    if len(sequences) < FEWEST_ROWS or len(tags) < 2:
        raise TrainingError(
            f"There are {len(sequences)} tagged texts with {len(tags) - 1} tags of names; at least"
            f" {FEWEST_ROWS} texts and one name are needed.",
            hint="Import texts with tags, or wait for corrections.",
        )
    hidden = _masked(sequences, float(chosen["masked"]), seed)
    attributes, weights, steps = _learned([*sequences, *hidden], tags, chosen)
    if BIAS in attributes:
        weights[attributes.index(BIAS), tags.index(OUTSIDE)] -= float(chosen["outside"])
    facts = {
        "rows": {"train": train.num_rows, "valid": valid.num_rows},
        "params": chosen,
        "seed": seed,
        "type_counts": _type_counts(sequences),
        "words": _common_tags(sequences),
        "libraries": library_versions("python-crfsuite", "numpy"),
    }
    return EntityPredictor(tags, attributes, weights, steps, facts)


def _sequences(rows: pa.Table) -> list[Sequence_]:
    """(features of each token, tag of each token) of each row whose tags fit its tokens."""
    found = []
    for text, label in zip(rows["text"].to_pylist(), rows["label"].to_pylist(), strict=True):
        tokens, tags = tokenize(text or ""), (label or "").split()
        if tokens and len(tokens) == len(tags):
            found.append((features(tokens), tags))
    return found


def _masked(sequences: list[Sequence_], share: float, seed: int) -> list[Sequence_]:
    """Copies of the texts with names, in which some words are known by their shape and place only."""
    rng = np.random.default_rng(seed)
    copies = []
    for rows, tags in sequences:
        if share <= 0.0 or all(tag == OUTSIDE for tag in tags):
            continue
        lots = rng.random(len(tags))
        chances = [share * (_MASKED_OTHERS if tag == OUTSIDE else 1.0) for tag in tags]
        copy = [
            [name for name in row if not name.startswith(_OF_WORDS)] if lot < chance else row
            for row, lot, chance in zip(rows, lots, chances, strict=True)
        ]
        copies.append((copy, tags))
    return copies


def _learned(
    sequences: list[Sequence_], tags: list[str], params: Mapping[str, Any]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The features that have a weight, (features, tags) weights and (tags, tags) weights of steps."""
    import pycrfsuite

    # numbers instead of names: crfsuite's dump is text, which a name such as "-->" would break
    numbers: dict[str, int] = {}
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    for rows, row_tags in sequences:
        coded = [[str(numbers.setdefault(name, len(numbers))) for name in row] for row in rows]
        trainer.append(coded, row_tags)
    trainer.set_params(
        {
            "c1": float(params["c1"]),
            "c2": float(params["c2"]),
            "max_iterations": int(params["max_iterations"]),
            "feature.minfreq": int(params["minfreq"]),
            "feature.possible_transitions": True,
        }
    )
    # crfsuite writes a model to a file only; it is gone when the weights are read
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        dumped = tagger.info()
        tagger.close()
    names = list(numbers)
    places = {tag: place for place, tag in enumerate(tags)}
    kept = sorted({int(number) for number, _ in dumped.state_features})
    row_of = {number: row for row, number in enumerate(kept)}
    weights = np.zeros((len(kept), len(tags)), np.float32)
    for (number, tag), weight in dumped.state_features.items():
        weights[row_of[int(number)], places[tag]] = weight
    steps = np.zeros((len(tags), len(tags)), np.float32)
    for (before, after), weight in dumped.transitions.items():
        steps[places[before], places[after]] = weight
    return [names[number] for number in kept], weights, steps


def _type_counts(sequences: list[Sequence_]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _, tags in sequences:
        for tag in tags:
            if tag.startswith("B-"):
                counts[tag[2:]] = counts.get(tag[2:], 0) + 1
    return counts


def _common_tags(sequences: list[Sequence_]) -> dict[str, str]:
    """The most frequent tag of each word that is part of a name more often than not: the baseline."""
    counts: dict[str, dict[str, int]] = {}
    for rows, tags in sequences:
        for row, tag in zip(rows, tags, strict=True):
            seen = counts.setdefault(row[1], {})
            seen[tag] = seen.get(tag, 0) + 1
    best = {word: max(sorted(seen), key=lambda tag: seen[tag]) for word, seen in counts.items()}
    return {word.removeprefix("w="): tag for word, tag in sorted(best.items()) if tag != OUTSIDE}
