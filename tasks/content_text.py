"""Reports of runs on content, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

#: Rows that are listed one by one.
MOST = 50


def content_report(title: str, summary: Mapping[str, Any]) -> str:
    """What was asked for, what was done, and what was not, with the reason for each."""
    lines = [f"# {title}", "", f"{summary['done']} of {summary['asked']} done.", ""]
    for name in ("decisions", "predictions"):
        found = summary.get(name)
        if isinstance(found, Mapping) and found:
            counts = Counter(str(value) for value in found.values())
            lines += ["| " + name.rstrip("s") + " | contents |", "| --- | ---: |"]
            lines += [f"| {value} | {count} |" for value, count in counts.most_common()]
            lines.append("")
    if failed := summary.get("failed"):
        lines += ["| not done | why |", "| --- | --- |"]
        lines += [f"| {_cell(name)} | {_cell(why)} |" for name, why in list(failed.items())[:MOST]]
        if len(failed) > MOST:
            lines.append(f"| … | and {len(failed) - MOST} more |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")[:200]
