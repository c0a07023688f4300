"""What retention says to people: the table by kind, and what stays and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from storage.retention import KINDS, Line, Plan
from tasks.report_text import table

_STEPS = ("bytes", "KB", "MB", "GB", "TB")
_STEP = 1024.0


def kinds_table(plan: Plan) -> list[dict[str, Any]]:
    """A row a kind: ``kind``, ``rows``, ``objects``, ``bytes``, ``oldest``, ``newest``, ``settings``."""
    found = []
    for kind in KINDS:
        lines = plan.of(kind)
        moments = [at for line in lines for at in (line.oldest, line.newest) if at is not None]
        days = sorted(f"{at:%Y-%m-%d}" for at in moments)
        found.append(
            {
                "kind": kind,
                **{unit: sum(one.count for one in lines if one.unit == unit) for unit in ("rows", "objects")},
                "bytes": sum(one.bytes or 0 for one in lines),
                "oldest": days[0] if days else min((one.month for one in lines if one.month), default=None),
                "newest": days[-1] if days else max((one.month for one in lines if one.month), default=None),
                "settings": plan.settings.get(kind, ""),
            }
        )
    return found


def retention_report(plan: Plan, done: Mapping[str, Any] | None) -> str:
    """The plan in markdown, and what was deleted of it (None: nothing, it only says so)."""
    header = ["kind", "rows", "objects", "size", "oldest", "newest", "settings"]
    rows = [
        [
            row["kind"], row["rows"], row["objects"], size_text(row["bytes"]), row["oldest"] or "",
            row["newest"] or "", row["settings"],
        ]
        for row in kinds_table(plan)
    ]  # fmt: skip
    parts = [_headline(plan, done), table(header, rows)]
    if plan.held:
        parts += ["### Old enough, and kept all the same", "\n".join(f"- {sentence}" for sentence in plan.held)]
    if plan.lines:
        parts += ["### By place and month", table(["kind", "what", "month", "how many", "size"], _places(plan))]
    if done is not None and done["left"]:
        parts += ["### Left for the next run", "\n".join(f"- {sentence}" for sentence in done["left"])]
    return "\n\n".join(parts)


def retention_summary(plan: Plan, done: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same as plain figures."""
    return {
        "as_of": plan.at.isoformat(),
        "digest": plan.digest,
        "applied": done is not None,
        "would_delete": {
            row["kind"]: {name: row[name] for name in ("rows", "objects", "bytes")} for row in kinds_table(plan)
        },
        "deleted": dict(done["deleted"]) if done is not None else {},
        "held": len(plan.held),
        "left": len(done["left"]) if done is not None else 0,
    }


def size_text(size: float) -> str:
    """A number of bytes as people write it."""
    for step in _STEPS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {step}" if step == _STEPS[0] else f"{size:.1f} {step}"
        size /= _STEP
    return f"{size:.1f} {_STEPS[-1]}"


def _headline(plan: Plan, done: Mapping[str, Any] | None) -> str:
    day = f"{plan.at:%Y-%m-%d}"
    if done is None:
        return (
            f"## What retention would delete, as of {day}\n\nNothing was deleted. The digest of this plan is"
            f" `{plan.digest}`: run `retention` with `apply` and this as `expected` to delete exactly this."
        )
    deleted = ", ".join(f"{kind} {count:,}" for kind, count in done["deleted"].items() if count) or "nothing"
    return f"## What retention deleted, as of {day}\n\nDeleted: {deleted}. The plan was `{plan.digest}`:"


def _places(plan: Plan) -> list[list[Any]]:
    """Versions of one stage and month together, the rest as it is."""
    together: dict[tuple[str, str, str, str], list[Line]] = defaultdict(list)
    for line in plan.lines:
        together[line.kind, _place(line), line.month, line.unit].append(line)
    return [
        [kind, place if len(lines) == 1 else f"{place} ({len(lines)} versions)", month,
         f"{sum(one.count for one in lines):,} {unit}", size_text(sum(one.bytes or 0 for one in lines))]
        for (kind, place, month, unit), lines in together.items()
    ]  # fmt: skip


def _place(line: Line) -> str:
    pieces = line.what.split("/")
    return "/".join(pieces[:2]) if len(pieces) == 3 else line.what
