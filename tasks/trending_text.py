"""The report of a trending run, as markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.trending import Trending
from tasks.report_text import table

_DROPPED = {
    "repeated": "the account had done as much with the item that day: it counts once",
    "worthless": "of a kind that says no good of the item, such as skip",
    "too old": "happened before what any window reaches (60 days)",
}


def trending_report(summary: Mapping[str, Any], lists: Mapping[str, Sequence[Trending]]) -> str:
    """What came in, what was dropped and why, what was judged, and the first items of each window."""
    counted = summary["counted"]
    how = "counted anew, of all events that windows reach" if summary["rebuilt"] else "new since the last run"
    parts = [
        f"## What trends, as of {summary['as_of'][:16].replace('T', ' ')} UTC",
        f"{counted['events']:,} events, {how}: {counted['contributions']:,} count. "
        f"{counted['counted anew']:,} older ones count otherwise now, as more is known of their accounts. "
        f"{counted['overactive days']:,} days of accounts that did more than a person can are left out.",
        "### Left out",
        table(["events", "why"], [[counted[name], why] for name, why in _DROPPED.items()]),
        "### Judged, of all regions together",
        _judged(summary),
        "Windows that are not here keep their lists: less than a hundredth of what is in them has changed.",
    ]
    for window, rows in lists.items():
        parts += [f"### First in {window}", _first(rows) if rows else "Nothing."]
    return "\n\n".join(parts)


def _judged(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            window,
            *(figures[name] for name in ("items", "rising", "falling", "too few accounts", "listed")),
            f"{summary['scatter'][window]:.0%}",
        ]
        for window, figures in summary["judged"].items()
    ]
    header = ["window", "items", "rising", "falling", "too few accounts to be listed", "listed"]
    return table([*header, "growth strays by chance by"], rows) if rows else "Nothing was engaged with."


def _first(rows: Sequence[Trending]) -> str:
    header = ["item", "kind", "category", "score", "engagement an hour", "accounts", "", "growth"]
    return table(
        header,
        [
            [
                row.item_id, row.kind, row.category or "", f"{row.score:.2f}", f"{row.velocity:.2f}",
                row.accounts, row.direction, "" if row.growth is None else f"{row.growth:.2f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
