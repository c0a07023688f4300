"""The contract that every family meets, and the table of families.

A family is a value: its name, the schema of its examples, and pure functions. Flows, the registry, the CLI
and the services know families only through this contract, so adding one is adding a folder and a row here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from config.errors import InputError
from config.settings import Settings
from models.candidates import CandidateFacts, Verdict
from models.monitoring.contract import Watch
from models.streams import RowStream

#: name -> module that holds ``FAMILY: Family``. Imported only when it is asked for.
FAMILIES: dict[str, str] = {
    "viral": "models.viral",
    "ctr": "models.ctr",
    "recommendation": "models.recommendation",
    "face": "models.face",
    "moderation": "models.moderation",
    "imagery": "models.imagery",
    "sentiment": "models.sentiment",
    "topics": "models.topics",
    "entities": "models.entities",
}

TRAIN, VALID, TEST = "train", "valid", "test"

#: Rows to learn from or to test on: a table, or a stream where the family has heavy columns.
Rows = pa.Table | RowStream


@dataclass(frozen=True)
class Window:
    """A half-open span of time, ``start <= t < end``, both UTC."""

    start: datetime
    end: datetime


class Predictor(Protocol):
    """A fitted model behind a typed ``predict``; what the registry stores and the services load."""

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, features, options, training rows, library versions."""
        ...

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row of ``examples``; ``explain`` adds that many top features. A batch answers as its
        rows do one by one.
        """
        ...

    def to_files(self) -> dict[str, bytes]:
        """The model as named files of plain data (text, JSON, npy): never a pickle."""
        ...


@dataclass(frozen=True)
class Mistake:
    """A test row that was answered wrong, with its picture (height, width, 3) uint8."""

    picture: np.ndarray
    truth: str
    answer: str
    confidence: float
    entity: str


@dataclass(frozen=True)
class Projection:
    """Embeddings of test rows in the plane: points (n, 2) and the class number of each (n,)."""

    points: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What was measured on held-out rows.

    ``losses`` (n,) is the per-row loss by which two models are compared on the same rows, and ``groups`` (n,)
    the entity of each row: resampling draws whole entities.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    baselines: dict[str, dict[str, float]]
    classes: tuple[str, ...]
    confusion: np.ndarray
    calibration: list[dict[str, float]]
    losses: np.ndarray
    groups: np.ndarray
    baseline_losses: dict[str, np.ndarray]
    rows: int
    importance: dict[str, float] = field(default_factory=dict)
    baseline_intervals: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    projection: Projection | None = None


@dataclass(frozen=True)
class Rejected:
    """A record set aside: where it stood in its source, its values, and why."""

    row: int
    reason: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Family:
    """One kind of model with its data. All functions are pure.

    Attributes:
        schema: Arrow schema of an example row: inputs as known at ``time``, outcome columns, ``label``,
            ``flag`` (why an admin should look, or null) and ``split``.
        key: columns that identify an example.
        entity: the column that must not straddle train and test.
        time: the column with the moment of prediction (timestamp[us, UTC]).
        label: the column with the outcome's class.
        primary_metric: name of the metric by which versions are listed, and whether more is better.
        options: this family's own options out of the settings.
        collect: (sources, window, options) -> examples whose outcome matured in the window. ``sources`` are
            the tables that ``storage/sources/<family>.py`` reads for that window.
        source_span: (window, options) -> the wider span of time whose rows ``collect`` needs.
        fit: (train, valid, options, params, seed) -> predictor. Raises TrainingError.
        evaluate: (predictor, test, options, seed) -> Evaluation.
        training_rows: (examples, options) -> (train, valid, test) tables out of one version: which rows are
            honest to train and to test on.
        load: files of ``Predictor.to_files`` -> predictor. Raises ModelInvalid.
        examples_from_rows: (raw rows of plain files by role, options) -> examples by role; for
            ``assay evaluate``.
        clean: (raw table, column mapping or None, as_of or None) -> (rows in the import schema, rejected
            rows). What lies after ``as_of`` is rejected.
        probe: a few realistic examples that a version must answer before it is promoted.
        check: (answers to probe) -> None. Raises ModelInvalid when an answer is not possible.
        correct: (rows, row -> the label that an admin gave it, options) -> rows with those labels, for a family
            that learns from more than the label; None: the label alone changes. Raises InputError for a label
            that is none.
        review: ``flagged``: rows without a flag need no admin; ``all``: only what an admin confirmed or
            corrected is verified, in the month of the decision, and a flag sets a row aside.
        settle: (rows, row -> the admin's verdict, options) -> the rows with their labels and the audit columns
            filled. Goes before ``correct``; for families whose every row is decided. Raises InputError.
        facts: (rows without heavy columns, options) -> what the index of candidates keeps of each row; None:
            a family's flagged rows are indexed by their label and their values.
        heavy: columns too large to hold for all rows (image bytes). Then ``training_rows``, ``fit`` and
            ``evaluate`` get a :class:`RowStream` for each role, ``fit`` takes one more argument, ``context``
            (:class:`models.training_context.TrainingContext`), and ``collect`` may give batches one by one.
        person: the column that names whose data a row is; ``assay forget user`` removes by it.
        about: the column that names an item that a row is about; with a person go the rows of others about the
            person, and about items that the person made.
        gate_metric: the metric that has a floor in the gate (``Settings.gate_floors``).
        target: whether the label is what the model learns; False: it is for counts alone, and may be one only.
        refresh: retraining first builds the versions of the running month, up to the day before.
        fallback: a heuristic answers while no version is in production; too few rows to learn from are then
            no failure, and retraining ends as skipped.
        cut_rows: (clean rows of one file, ``group`` or ``time``) -> rows by role, to evaluate by.
        loss: what ``Evaluation.losses`` are, in a few words.
        returning: the entities of the training rows are asked about again on purpose, as where the question is
            what they do next.
        veiled: pictures are shown blurred until somebody asks to see them.
        spreads: ``fit`` takes one more argument, ``machines`` (:class:`models.machines.Machines`): where what
            grows with the rows is done.
        assets: settings -> {name: path or object key} of files that the options need; they are read where I/O
            is allowed, and put into the options' field ``assets`` as {name: bytes}.
        later: columns that dataset versions of before lack; there nothing is known of them.
        watch: what the monitor looks at (``models/<family>/watching.py``).
    """

    name: str
    title: str
    schema: pa.Schema
    key: tuple[str, ...]
    entity: str
    time: str
    label: str
    primary_metric: tuple[str, bool]
    options: Callable[[Settings], Any]
    source_span: Callable[[Window, Any], Window]
    collect: Callable[[Mapping[str, Any], Window, Any], pa.Table | Iterator[pa.RecordBatch]]
    training_rows: Callable[[Any, Any], tuple[Any, Any, Any]]
    fit: Callable[..., Predictor]
    evaluate: Callable[[Predictor, Any, Any, int], Evaluation]
    load: Callable[[Mapping[str, bytes]], Predictor]
    clean: Callable[[pa.Table, Mapping[str, str] | None, datetime | None], tuple[pa.Table, list[Rejected]]]
    examples_from_rows: Callable[[Mapping[str, pa.Table], Any], dict[str, pa.Table]]
    probe: Callable[[Any], pa.Table]
    check: Callable[[Sequence[Mapping[str, Any]], Any], None]
    correct: Callable[[pa.RecordBatch, Mapping[int, str], Any], pa.RecordBatch] | None = None
    review: Literal["flagged", "all"] = "flagged"
    settle: Callable[[pa.RecordBatch, Mapping[int, Verdict], Any], pa.RecordBatch] | None = None
    facts: Callable[[pa.RecordBatch, Any], list[CandidateFacts]] | None = None
    heavy: tuple[str, ...] = ()
    person: str | None = None
    about: str | None = None
    gate_metric: str = "accuracy"
    target: bool = True
    refresh: bool = False
    fallback: bool = False
    cut_rows: Callable[[pa.Table, str], dict[str, pa.Table]] | None = None
    loss: str = "log loss"
    returning: bool = False
    veiled: bool = False
    spreads: bool = False
    assets: Callable[[Settings], Mapping[str, str]] | None = None
    later: tuple[str, ...] = ()
    watch: Watch | None = None


def get_family(name: str) -> Family:
    """The family called ``name``.

    Raises:
        InputError: there is no such family; the message lists those there are.
    """
    if name not in FAMILIES:
        raise InputError(f"There is no family '{name}'.", hint=f"Families: {', '.join(FAMILIES)}.")
    family: Family = importlib.import_module(FAMILIES[name]).FAMILY
    return family
