"""Versions' figures in the form of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.family import Family
from registry.records import ModelVersion

#: Shown in the list of versions after the family's own metric, where they were measured.
USUAL = ("accuracy", "macro_f1", "top1", "log_loss", "ece")
MOST_COLUMNS = 4


@dataclass(frozen=True)
class Row:
    """One metric of several versions: the values in their order, and each one's difference from the first."""

    name: str
    values: tuple[float | None, ...]
    differences: tuple[float | None, ...]
    primary: bool


def main_metrics(family: Family, versions: Sequence[ModelVersion]) -> list[str]:
    """The metrics worth a column: the family's own first."""
    measured = {name for version in versions for name in version.metrics}
    names = dict.fromkeys((family.primary_metric[0], *USUAL))
    return [name for name in names if name in measured][:MOST_COLUMNS]


def side_by_side(family: Family, answers: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row a metric out of comparisons (``Registry.compare``) that all begin with the same version."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for number, answer in enumerate(answers):
        for metric in answer["metrics"]:
            found.setdefault(metric["name"], {})[number] = metric
    rows = []
    primary = family.primary_metric[0]
    for name in sorted(found, key=lambda name: (name != primary, name)):
        metrics = [found[name].get(number, {}) for number in range(len(answers))]
        first = next((metric["a"] for metric in metrics if metric.get("a") is not None), None)
        rows.append(
            Row(
                name,
                (first, *(metric.get("b") for metric in metrics)),
                (None, *(metric.get("difference") for metric in metrics)),
                name == primary,
            )
        )
    return rows
