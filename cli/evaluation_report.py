"""A file evaluation for people (tables) and for programs (a dictionary)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.file_evaluation import FileEvaluation
from cli.output import print_table, say

if TYPE_CHECKING:
    from models.family import Evaluation

_NAMES = {
    "model": "model",
    "no_growth": "no growth",
    "majority": "majority class",
    "pca_linear": "PCA and a linear model",
}
#: A matrix with more classes than this does not fit a terminal.
WIDEST_MATRIX = 8
WORST_CONFUSIONS = 12
#: A table of more figures than this has a line for each of them.
MOST_COLUMNS = 6
_RECALL = "recall/"


def as_dictionary(result: FileEvaluation) -> dict[str, Any]:
    """Everything measured, JSON-ready."""
    measured = result.evaluation
    return {
        "family": result.family,
        "options": result.options.describe() if hasattr(result.options, "describe") else {},
        "horizon_days": getattr(result.options, "horizon_days", None),
        "notes": result.notes,
        "files": {
            role: {
                "file": rows.path.name,
                "rows": rows.read,
                "good": rows.table.num_rows,
                "rejected": rows.read - rows.table.num_rows,
                "reasons": rows.rejected,
            }
            for role, rows in result.files.items()
        },
        "examples": result.examples,
        "rows": measured.rows,
        "metrics": measured.metrics,
        "intervals": measured.intervals,
        "baselines": measured.baselines,
        "baseline_intervals": measured.baseline_intervals,
        "loss": result.loss,
        "loss_below": result.comparisons,
        "classes": measured.classes,
        "confusion": measured.confusion.tolist(),
        "calibration": measured.calibration,
        "importance": dict(sorted(measured.importance.items(), key=lambda item: -item[1])),
    }


def print_report(result: FileEvaluation) -> None:
    """The tables: rows, metrics beside the baselines, confusion, calibration, and what weighed most."""
    measured = result.evaluation
    print_table(
        [
            {
                "role": role,
                "file": rows.path.name,
                "read": rows.read,
                "rejected": rows.read - rows.table.num_rows,
                "examples": result.examples.get(role, sum(result.examples.values())),
            }
            for role, rows in result.files.items()
        ],
        ["role", "file", "read", "rejected", "examples"],
        title="Rows",
    )
    _print_rejected(result)
    _print_metrics(result)
    if measured.classes:
        _print_confusion(measured)
    _print_calibration(measured)
    heavy = sorted(measured.importance.items(), key=lambda item: -item[1])[:8]
    if heavy:
        print_table(
            [{"feature": name, "share": f"{share:.1%}"} for name, share in heavy],
            ["feature", "share"],
            title="What the model looks at",
        )
    for note in result.notes:
        say(note)


def _print_calibration(measured: Evaluation) -> None:
    rows = [
        {
            "confidence": f"{point['from']:.1f} - {point['to']:.1f}",
            "rows": int(point["rows"]),
            "claimed": point["confidence"],
            "correct": point["accuracy"],
        }
        for point in measured.calibration
    ]
    if rows:
        print_table(rows, ["confidence", "rows", "claimed", "correct"], title="Calibration of the confidence")


def _print_confusion(measured: Evaluation) -> None:
    """The matrix where it fits; otherwise a line a class, and the pairs that are taken for one another."""
    if len(measured.classes) <= WIDEST_MATRIX:
        print_table(
            [
                {"truth": name, **dict(zip(measured.classes, row, strict=True))}
                for name, row in zip(measured.classes, measured.confusion.tolist(), strict=True)
            ],
            ["truth", *measured.classes],
            title="Confusion (answered, by column)",
        )
        return
    counts = measured.confusion
    print_table(
        [
            {
                "class": name,
                "rows": int(counts[place].sum()),
                "recall": f"{counts[place, place] / max(counts[place].sum(), 1):.3f}",
                "precision": f"{counts[place, place] / max(counts[:, place].sum(), 1):.3f}",
            }
            for place, name in enumerate(measured.classes)
        ],
        ["class", "rows", "recall", "precision"],
        title="By class",
    )
    pairs = sorted(
        (
            (int(count), truth, answer)
            for truth, row in zip(measured.classes, counts.tolist(), strict=True)
            for answer, count in zip(measured.classes, row, strict=True)
            if truth != answer and count
        ),
        reverse=True,
    )
    if pairs:
        print_table(
            [{"truth": truth, "answered": answer, "rows": n} for n, truth, answer in pairs[:WORST_CONFUSIONS]],
            ["truth", "answered", "rows"],
            title="Most confused",
        )


def _print_rejected(result: FileEvaluation) -> None:
    reasons = [
        {"role": role, "rows": count, "reason": reason}
        for role, rows in result.files.items()
        for reason, count in rows.rejected.items()
    ]
    if reasons:
        print_table(reasons, ["role", "rows", "reason"], title="Rejected rows")


def _print_metrics(result: FileEvaluation) -> None:
    measured = result.evaluation
    sources = {
        "model": (measured.metrics, measured.intervals),
        **{
            name: (figures, measured.baseline_intervals.get(name, {}))
            for name, figures in measured.baselines.items()
        },
    }
    rows = [
        {
            "forecast": _NAMES.get(name, name),
            **{
                metric: _figure(value, intervals.get(metric))
                for metric, value in figures.items()
                if not metric.startswith(_RECALL)
            },
        }
        for name, (figures, intervals) in sources.items()
    ]
    days = getattr(result.options, "horizon_days", None)
    horizon = f", {days:g} days ahead" if days is not None else ""
    columns = ["forecast", *(name for name in measured.metrics if not name.startswith(_RECALL))]
    if len(columns) > MOST_COLUMNS:
        rows, columns = _turned(rows, columns)
    print_table(
        rows,
        columns,
        title=f"{measured.rows:,} test rows{horizon} (in brackets: 95 % intervals, resampling whole groups)",
    )
    for name, found in result.comparisons.items():
        verdict = "better beyond chance" if found.better else "not better beyond chance"
        loss = result.loss[:1].upper() + result.loss[1:]
        say(
            f"{loss} below {_NAMES.get(name, name)} by {_rounded(found.difference)} "
            f"[{_rounded(found.low)}, {_rounded(found.high)}]: {verdict}."
        )


def _turned(rows: list[dict[str, str]], columns: list[str]) -> tuple[list[dict[str, str]], list[str]]:
    """The same table with a line for each column."""
    first, *others = columns
    turned = [{"figure": name, **{row[first]: row.get(name, "") for row in rows}} for name in others]
    return turned, ["figure", *(row[first] for row in rows)]


def _figure(value: float, interval: tuple[float, float] | None) -> str:
    return _rounded(value) + (f" [{_rounded(interval[0])}, {_rounded(interval[1])}]" if interval else "")


def _rounded(value: float) -> str:
    """With three digits behind the point; what begins behind them, with more."""
    size = abs(value)
    return f"{value:.{3 if size >= 0.1 or size < 1e-6 else 4 if size >= 0.01 else 5}f}"
