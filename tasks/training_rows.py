"""Which rows of a dataset version a training uses, and whether they are enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import DatasetError, TrainingError
from models.columns import conform
from models.family import Family, Rows


@dataclass(frozen=True)
class RoleRows:
    """Rows by role, and the dataset version that they are out of."""

    train: Rows
    valid: Rows
    test: Rows
    dataset: str
    dataset_sha256: str
    #: how many of the newest rows to learn from were asked for
    limit: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Rows by role."""
        return {"train": self.train.num_rows, "valid": self.valid.num_rows, "test": self.test.num_rows}


def as_of_today(table: pa.Table, family: Family, dataset: str) -> pa.Table:
    """``table`` in the schema of ``family``: later columns that it lacks are null. Raises DatasetError."""
    check_schema(table.schema, family, dataset)
    return conform(table, family.schema)


def check_schema(schema: pa.Schema, family: Family, dataset: str) -> None:
    """Raise DatasetError unless ``schema`` has the family's columns, but for later ones, with their types."""
    there = {column.name: column.type for column in schema}
    wrong = [
        column.name
        for column in family.schema
        if there.get(column.name, column.type if column.name in family.later else None) != column.type
    ]
    if wrong:
        raise DatasetError(
            f"{dataset} does not have the columns of family '{family.name}': {', '.join(wrong)}.",
            hint="Build it again with this version of the code.",
        )


def check_rows(rows: RoleRows, family: Family) -> None:
    """Raise TrainingError unless every role has rows and the training rows have at least two classes.

    Where the label is not what is learned, its classes do not matter; where a heuristic can stand in, rows that
    are missing are no fault (see :func:`shortage`).
    """
    empty = [] if family.fallback else [role for role, count in rows.counts.items() if not count]
    if empty:
        raise TrainingError(
            f"{rows.dataset} has no rows to {' and '.join(empty)} on.",
            hint="Collect more days: outcomes are known only after the horizon. "
            "If that setting was changed, collect and build the past again.",
        )
    if not family.target:
        return
    classes = pc.unique(rows.train[family.label]).drop_null().to_pylist()
    if len(classes) < 2:
        raise TrainingError(
            f"The training rows of {rows.dataset} have one class only: {', '.join(map(str, classes))}.",
            hint="Collect data with more than one outcome.",
        )


def shortage(rows: RoleRows, family: Family, least: int) -> str | None:
    """Why there is too little to learn from, for a family that can do without a model; None where there is
    enough. For any other family None: too little is a fault then, and said as one.

    Args:
        rows: the rows by role.
        family: whose they are.
        least: fewest training rows.
    """
    if not family.fallback:
        return None
    empty = [role for role, count in rows.counts.items() if not count]
    if rows.train.num_rows >= least and not empty:
        return None
    missing = f", and none to {' and '.join(empty)} on" if empty else ""
    return (
        f"{rows.dataset} has {rows.train.num_rows:,} rows to learn from, of at least {least:,}{missing}: "
        "what is in production stays, and without a version the heuristic answers."
    )


def newest(train: Rows, valid: Rows, *, time: str, limit: int | None) -> tuple[Rows, Rows]:
    """The ``limit`` most recent rows of ``train`` and ``valid`` together, each keeping its role.

    Rows of one moment stay together, so a few more than ``limit`` may stay.

    Raises:
        TrainingError: ``limit`` is not positive.
    """
    if limit is None:
        return train, valid
    if limit < 1:
        raise TrainingError(f"A limit of {limit} rows leaves nothing to train on.")
    times = pa.chunked_array([*train[time].chunks, *valid[time].chunks], type=train.schema.field(time).type)
    if len(times) <= limit:
        return train, valid
    order = pc.sort_indices(times, sort_keys=[("", "descending")])
    oldest = times[order[limit - 1].as_py()]
    return (
        train.filter(pc.greater_equal(train[time], oldest)),
        valid.filter(pc.greater_equal(valid[time], oldest)),
    )
