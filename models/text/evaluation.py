"""Measure an answerer of texts on held-out rows, beside what is said without reading, and a plain model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.family import Evaluation
from models.metrics import measure

_ADDED = 0.5


def evaluate_classes(
    truth: Sequence[str],
    classes: Sequence[str],
    chances: np.ndarray,
    answers: Sequence[str],
    groups: Sequence[str],
    *,
    shares: Mapping[str, int],
    baselines: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    more: Mapping[str, float] | None = None,
    seed: int,
) -> Evaluation:
    """Accuracy, macro-F1, log loss and calibration error with intervals over groups; ``recall/<class>`` and
    ``f1/<class>`` of each class that occurs.

    Args:
        truth: (n,) true classes; those that are not among ``classes`` get the smallest chance.
        classes: of the columns of ``chances``.
        chances: (n, classes).
        answers: (n,) classes answered.
        groups: (n,) what belongs together.
        shares: class -> training texts, for the baseline ``majority``.
        baselines: name -> ((n, classes) chances, (n,) class numbers among ``classes``).
        more: the family's own figures.
        seed: of the resampling.
    """
    names = tuple(dict.fromkeys([*classes, *sorted(set(truth) - set(classes))]))
    number = {name: at for at, name in enumerate(names)}
    wide = np.zeros((len(truth), len(names)))
    wide[:, : len(classes)] = chances
    facts = np.array([number[name] for name in truth])
    entities = np.asarray(list(groups), dtype=object)
    found = measure(facts, wide, np.array([number[name] for name in answers]), entities, seed=seed)
    counts = np.array([shares.get(name, 0) for name in names], float) + _ADDED
    prior = np.tile(counts / counts.sum(), (len(facts), 1))
    others = {"majority": (prior, prior.argmax(axis=1))}
    for name, (said, numbers) in (baselines or {}).items():
        others[name] = (np.pad(said, ((0, 0), (0, len(names) - said.shape[1]))), numbers)
    measured = {name: measure(facts, *said, entities, seed=seed) for name, said in others.items()}
    return Evaluation(
        metrics={**found.metrics, **by_class(found.confusion, names), **(more or {})},
        intervals=found.intervals,
        baselines={name: base.metrics for name, base in measured.items()},
        classes=names,
        confusion=found.confusion,
        calibration=found.calibration,
        losses=found.losses,
        groups=entities,
        baseline_losses={name: base.losses for name, base in measured.items()},
        rows=len(facts),
        baseline_intervals={name: base.intervals for name, base in measured.items()},
    )


def by_class(confusion: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """``recall/<class>`` and ``f1/<class>`` of each class that occurs."""
    found = {}
    for at, name in enumerate(names):
        has, said, hits = confusion[at].sum(), confusion[:, at].sum(), confusion[at, at]
        if has:
            spoken = name.replace("+", "-")  # MLflow takes no plus in the name of a figure
            found[f"recall/{spoken}"] = float(hits / has)
            found[f"f1/{spoken}"] = float(2 * hits / (has + said))
    return found


def texts_of(table: Any) -> list[str]:
    """The texts of a table, absent ones empty."""
    return [text or "" for text in table["text"].to_pylist()]
