"""What is being found out about a family on a day."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from models.family import Family
from models.monitoring.contract import Check, Compared, Figure, Finding, Live, Slice, Watch
from models.monitoring.inputs import DayInputs, Rules


@dataclass
class Day:
    """What was read, and what has been found out so far. ``as_asked``: the features of now are of what services
    were asked, as too few rows were collected.
    """

    family: Family
    watch: Watch
    options: Any
    inputs: DayInputs
    rules: Rules
    compared: list[Compared] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)
    live: Live | None = None
    slices: list[Slice] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    as_asked: bool = False
    unjudged: set[Check] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def comparable(self, rows: pa.Table | None) -> pa.Table | None:
        """Those of ``rows`` whose features are compared."""
        return rows if rows is None or self.watch.compared is None else self.watch.compared(rows)


def few(what: str, rows: str, table: pa.Table | None, rules: Rules) -> str:
    """That there are too few rows for something."""
    count = 0 if table is None else table.num_rows
    return f"{what}: {count:,} {rows} are too few; {rules.min_rows:,} are needed."
