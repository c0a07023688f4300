"""What the monitor looks at in a family, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa

Check = Literal["health", "drift", "stats", "freshness", "accuracy"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
#: ``family`` of what concerns no family but the platform.
PLATFORM = ""
#: How subjects begin of findings about a part of the live rows.
PART = "part "

#: Columns of what ``Watch.predicted`` gives: the class that was answered (or null), a number (score, rate,
#: confidence; or null), and the version that said so.
PREDICTED_SCHEMA = pa.schema([("answer", pa.string()), ("score", pa.float64()), ("version", pa.string())])


@dataclass(frozen=True)
class Watch:
    """What of a family's rows the monitor looks at. All functions are pure, and give a row for each row that
    they get, in its order.

    ``rows`` are examples in the family's schema, without its heavy columns unless said otherwise; of the
    training version (the reference), or of candidates and verified versions of the latest days.

    Attributes:
        features: (rows, options) -> the columns that are compared: numbers (float64, int, bool; null is a value
            of its own, its rate is compared) and strings of few values. Names are those that people know.
        predicted: (rows, options) -> a table of :data:`PREDICTED_SCHEMA`, of the rows that a service had been
            asked about, in their order; None: nothing of what was answered stands in the rows.
        asked: (rows of predictions: ``entity_id``, ``at``, ``inputs`` and ``answer`` as JSON texts,
            ``model_version``, options) -> (rows as ``features`` takes them, or None; table of
            :data:`PREDICTED_SCHEMA`): what services are asked now, long before the outcomes. None: no such.
        slices: (rows as ``Family.evaluate`` takes them, options) -> string columns, a row each, by which
            accuracy is looked at in parts (country, creator size, language, device); null: in no part.
        text: the column of free text whose embeddings are compared; None: there is none.
        picture: the heavy column of pictures whose embeddings are compared; None: there is none.
        embed: (predictor, pictures as bytes, options) -> (n, d) float64 embeddings of those that can be read
            and (n,) which they are; None: the pictures' simple statistics are compared.
        answers: (predictor, rows as ``Family.evaluate`` takes them, options) -> a table of
            :data:`PREDICTED_SCHEMA`, a row each: what the version answers to these rows now. None: answers are
            not compared.
        live: (rows, options) -> those whose outcome is known, in the shape that ``Family.evaluate`` takes; for
            families with a picture it gets and gives a ``RowStream``. None: the label is not null.
        weights: (rows as ``Family.evaluate`` takes them, options) -> (n,) by how much each row counts in the
            mean loss, such as impressions; None: all alike. ``losses`` hold these weights already.
        compared: (rows) -> those whose features are compared; None: all.
        answerable: (predictor, rows as ``Family.evaluate`` takes them) -> (those that the version can be right
            about, the share of outcomes that are left out); None: all of them.
        history: ``live`` needs the rows of the training version before the new ones, as where it makes
            questions about what users do next.
        live_stage: the stage whose rows hold outcomes first: ``candidates`` where outcomes come by themselves,
            ``verified`` where an admin gives them.
    """

    features: Callable[[pa.Table, Any], pa.Table]
    slices: Callable[[pa.Table, Any], pa.Table]
    predicted: Callable[[pa.Table, Any], pa.Table] | None = None
    asked: Callable[[pa.Table, Any], tuple[pa.Table | None, pa.Table]] | None = None
    text: str | None = None
    picture: str | None = None
    embed: Callable[[Any, list[bytes], Any], tuple[np.ndarray, np.ndarray]] | None = None
    answers: Callable[[Any, Any, Any], pa.Table] | None = None
    live: Callable[[Any, Any], Any] | None = None
    weights: Callable[[Any, Any], np.ndarray] | None = None
    compared: Callable[[pa.Table], pa.Table] | None = None
    answerable: Callable[[Any, Any], tuple[Any, float]] | None = None
    history: bool = False
    live_stage: Literal["candidates", "verified"] = "candidates"


@dataclass(frozen=True)
class Figure:
    """One number of one day; ``low`` and ``high`` are its interval, where it has one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, in words that an admin understands.

    Attributes:
        subject: what it is about, the same in each run, such as ``feature engagement_rate``.
        sentence: what is wrong and what to do, with the figures that matter.
        link: where to look: a path of the admin pages, or an address.
        figures: JSON-ready.
    """

    check: Check
    family: str
    subject: str
    severity: Severity
    sentence: str
    link: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Names the matter across runs."""
        return f"{self.check}/{self.family or 'platform'}/{self.subject}"


@dataclass(frozen=True)
class Compared:
    """A feature, slice, embedding or answer of now against the training version's.

    Attributes:
        kind: ``number``, ``category``, ``text``, ``picture`` or ``answer``.
        psi, statistic, p, adjusted_p: population stability index; the test's statistic (Kolmogorov-Smirnov
            distance, chi-square, or AUC of telling the two apart), its p-value, and that after correction.
        usual: the largest psi that the reference's own windows of this length show against the rest of it;
            None where it has too few, or where texts and pictures shift too little for it to matter.
        nulls: (share of nulls in the reference, now).
        drifted: significant after correction, of a size that matters, and beyond what was usual.
        reference, current: histogram or counts of both over the same bins, for the plot: {bin: share}.
    """

    name: str
    kind: Literal["number", "category", "text", "picture", "answer"]
    psi: float
    statistic: float
    test: str
    p: float
    adjusted_p: float
    usual: float | None
    nulls: tuple[float, float]
    drifted: bool
    reference: Mapping[str, float]
    current: Mapping[str, float]

    @property
    def subject(self) -> str:
        """Of a finding about it."""
        what = {"answer": "answers", "text": "text", "picture": "pictures"}.get(self.kind, "feature")
        return f"{what} {self.name}"


@dataclass(frozen=True)
class Live:
    """Accuracy of one version as outcomes matured, against its figure at promotion.

    ``metric`` is the family's primary metric; ``loss`` the mean loss a row, with its interval; ``at_promotion``
    the same two of the held-out rows then. ``worse``: beyond chance and beyond what the intervals allow.
    """

    version: str
    rows: int
    metric: Figure
    loss: Figure
    metric_at_promotion: Figure | None
    loss_at_promotion: Figure | None
    worse: bool


@dataclass(frozen=True)
class Slice:
    """A part of the live rows that got worse while the mean did not."""

    column: str
    value: str
    rows: int
    loss: Figure
    reference_loss: Figure
    adjusted_p: float
    worse: bool

    @property
    def subject(self) -> str:
        """Of a finding about it."""
        return f"{PART}{self.column}={self.value}"


@dataclass(frozen=True)
class FamilyDay:
    """All that was measured of a family on a day: what the report shows.

    Attributes:
        unjudged: checks of which a part could not be made to its end: what they do not find may be there still.
        failures: why, where it is not the rows' fault, a sentence each.
    """

    family: str
    version: str | None
    reference: str | None
    compared: tuple[Compared, ...] = ()
    live: Live | None = None
    slices: tuple[Slice, ...] = ()
    figures: tuple[Figure, ...] = ()
    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()
    counts: Mapping[date, int] = field(default_factory=dict)
    unjudged: frozenset[Check] = frozenset()
    failures: tuple[str, ...] = ()

    @property
    def subjects(self) -> frozenset[str]:
        """What was compared: of everything else nobody knows whether it is still as it was."""
        features = [one.name for one in self.compared if one.kind in ("number", "category")]
        also = [f"{what} {name}" for name in features for what in ("missing", "values")]
        skew = [one.name for one in self.figures if one.name == "skew"]
        return frozenset([*(one.subject for one in self.compared), *also, *skew])

    @property
    def parts(self) -> frozenset[str]:
        """The parts that had outcomes enough: of every other one nobody knows whether it is still worse."""
        return frozenset(one.subject for one in self.slices)
