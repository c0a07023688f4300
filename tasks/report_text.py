"""The texts of the reports, as markdown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from registry.gate import GateResult
from registry.records import ModelVersion
from tasks.promotion import Outcome
from tasks.training import Champion, Scores
from tasks.training_rows import RoleRows


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A markdown table; ``|`` in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def collection_report(days: Sequence[Mapping[str, Any]], failures: Sequence[str]) -> str:
    """What ``publish_candidates`` said of each day."""
    rows = [
        [
            day["family"],
            day["day"],
            _counts(day["read"]),
            _counts({reason: rows for reason, rows in day["dropped"].items() if rows}),
            day["examples"],
            sum(day["flagged"].values()),
            _counts(day["joined"]),
            f"{day['dataset']} ({'new' if day['new'] else 'unchanged'})",
        ]
        for day in days
    ]
    reasons: Counter[str] = Counter()
    for day in days:
        reasons.update(day["flagged"])
    header = ["family", "day", "read", "left out", "examples", "flagged", "now with their outcome", "version"]
    parts = ["## Collected", table(header, rows)]
    parts.append("### Why rows are flagged for an admin, or set aside until one says otherwise\n")
    parts.append(table(["reason", "rows"], reasons.most_common()) if reasons else "None is.")
    return _joined(parts, failures)


def datasets_report(built: Sequence[Mapping[str, Any]], failures: Sequence[str]) -> str:
    """What ``publish_verified`` and ``publish_full`` said."""
    header = ["version", "built from", "read", "kept", "dropped: superseded by a later row"]
    header += ["dropped: rejected", "dropped: waiting for review", "accepted", "corrected", "classes"]
    rows = [
        [
            f"{one['dataset']} ({'new' if one['new'] else 'unchanged'})",
            f"{one['built from']} versions",
            *(one[name] for name in ("read", "kept", "superseded", "rejected")),
            *(one[name] for name in ("waiting for review", "accepted", "corrected")),
            _counts(one["classes"]),
        ]
        for one in built
    ]
    return _joined(["## Dataset versions", table(header, rows)], failures)


def training_report(
    version: ModelVersion,
    rows: RoleRows,
    scores: Scores,
    champion: Champion,
    gate: GateResult,
    outcome: Outcome,
) -> str:
    """Figures of challenger, champion and baselines on the same rows, the gate's checks, and what was done."""
    headline = "**promoted**" if outcome.promoted else "**not promoted**"
    forced = " (forced past the gate)" if outcome.forced else ""
    parts = [
        f"## {version.family}: version {version.version} was {headline[2:-2]}{forced}",
        f"{outcome.reason} In production: {outcome.production or 'nothing'}.",
        f"Trained on `{rows.dataset}`: {_counts(rows.counts)} rows.",
        "### On the same test rows",
        _figures_table(version, scores, champion),
    ]
    if champion.problem:
        parts.append(f"The champion could not be compared with: {champion.problem}")
    checks = [["passed" if check.passed else "failed", check.name, check.detail] for check in gate.checks]
    parts += ["### The gate", table(["", "check", "figures"], checks)]
    return "\n\n".join(parts)


def skipped_report(family: str, reason: str) -> str:
    """That nothing was trained, and why."""
    return f"## {family}: nothing was trained\n\n{reason}"


def skipped_summary(family: str, rows: RoleRows, reason: str) -> dict[str, Any]:
    """The same as plain figures."""
    return {
        "family": family,
        "version": None,
        "dataset": rows.dataset,
        "rows": rows.counts,
        "promoted": False,
        "production": None,
        "skipped": True,
        "reason": reason,
    }


def training_summary(
    version: ModelVersion, rows: RoleRows, champion: Champion, gate: GateResult, outcome: Outcome
) -> dict[str, Any]:
    """The same as plain, JSON-ready figures."""
    return {
        "family": version.family,
        "version": version.version,
        "run_id": version.run_id,
        "dataset": rows.dataset,
        "rows": rows.counts,
        "metrics": version.metrics,
        "champion": champion.version.version if champion.version else None,
        "gate_passed": gate.passed,
        "promoted": outcome.promoted,
        "forced": outcome.forced,
        "production": outcome.production,
        "reason": outcome.reason,
    }


def _figures_table(version: ModelVersion, scores: Scores, champion: Champion) -> str:
    columns: dict[str, Mapping[str, float]] = {
        f"challenger (version {version.version})": scores.challenger.metrics
    }
    if scores.champion and champion.version:
        columns[f"champion (version {champion.version.version})"] = scores.champion.metrics
    columns |= {f"baseline '{name}'": metrics for name, metrics in scores.challenger.baselines.items()}
    rows = []
    for name in scores.challenger.metrics:
        low_high = scores.challenger.intervals.get(name)
        interval = f"{low_high[0]:.4f} to {low_high[1]:.4f}" if low_high else ""
        rows.append([name, *(_number(column.get(name)) for column in columns.values()), interval])
    return table(["figure", *columns, "interval of the challenger"], rows)


def _joined(parts: list[str], failures: Sequence[str]) -> str:
    if failures:
        parts += ["### Failed", "\n".join(f"- {failure}" for failure in failures)]
    return "\n\n".join(parts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
