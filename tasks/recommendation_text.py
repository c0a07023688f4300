"""The report of a run that made lists ahead, as markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.report_text import table

_WHY = {
    "forgotten": "of users who were forgotten",
    "newer": "another run stored a newer one meanwhile",
    "no time": "the run's time was over (users, of those who acted longest ago)",
    "nothing to recommend": "there is nothing that the user has not seen",
    "too many users": "more users were active than one run takes: those who acted longest ago wait",
}


def recommendations_report(summary: Mapping[str, Any]) -> str:
    """How many lists of whom, how fast, by which version, from which sources, and what was left out and why."""
    made, moment = summary, summary["as_of"][:16].replace("T", " ")
    parts = [
        f"## Lists made ahead by version {made['version']}, as of {moment} UTC",
        f"{made['users']:,} users, {made['lists']:,} lists with {made['entries']:,} items, in "
        f"{made['seconds']:,.1f} s: {made['users_a_second']:,.0f} users a second. "
        f"{made['without_history']:,} users have no history. "
        f"The version was told of {made['live_items']:,} items that it did not know. "
        f"{made['pruned']:,} lists of users who are no longer active were deleted.",
        "### Where the items came from",
        _shares(summary["sources"]),
        "### Left out",
        _left_out(summary),
    ]
    return "\n\n".join(parts)


def no_lists_report(reason: str) -> str:
    """That no lists were made, and why."""
    return f"## No lists were made\n\n{reason}"


def no_lists_summary(reason: str) -> dict[str, Any]:
    """The same as plain figures."""
    return {"version": None, "users": 0, "lists": 0, "skipped": True, "reason": reason}


def _shares(sources: Mapping[str, int]) -> str:
    whole = sum(sources.values())
    rows = [[name, count, f"{count / whole:.1%}"] for name, count in sources.items()]
    return table(["source", "items", "share"], rows) if rows else "There are none."


def _left_out(summary: Mapping[str, Any]) -> str:
    rows = [[count, _WHY[reason]] for reason, count in summary["left_out"].items()]
    said = table(["lists", "why"], rows) if rows else "No list was."
    entries = summary["forgotten_entries"]
    return (
        f"{said}\n\n{entries:,} items of lists were, as they name somebody who was forgotten."
        if entries
        else said
    )
