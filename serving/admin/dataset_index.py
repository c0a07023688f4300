"""The table of months: what each has in each stage, with the days of collection folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from storage.versions import RecordedVersion

BASE = "base"


@dataclass
class Month:
    """A month (YYYY-MM, or ``base`` for gold): the latest revisions, and the days of candidates."""

    month: str
    gold: RecordedVersion | None = None
    verified: RecordedVersion | None = None
    full: RecordedVersion | None = None
    days: list[RecordedVersion] = field(default_factory=list)

    @property
    def candidates(self) -> int:
        """Rows of all its days."""
        return sum(day.rows for day in self.days)


def family_months(family: str, recorded: Iterable[RecordedVersion]) -> list[Month]:
    """The months of ``family``, the newest first, gold last."""
    months: dict[str, Month] = {}
    for one in _latest_revisions(family, recorded):
        month = months.setdefault(one.period[:7], Month(one.period[:7]))
        if one.stage == "candidates":
            month.days.append(one)
        else:
            setattr(month, one.stage, one)
    for month in months.values():
        month.days.sort(key=lambda day: day.period, reverse=True)
    return sorted(months.values(), key=lambda one: "" if one.month == BASE else one.month, reverse=True)


def _latest_revisions(family: str, recorded: Iterable[RecordedVersion]) -> Sequence[RecordedVersion]:
    latest: dict[tuple[str, str], RecordedVersion] = {}
    for one in recorded:
        known = latest.get((one.stage, one.period))
        if one.family == family and (known is None or one.revision > known.revision):
            latest[one.stage, one.period] = one
    return list(latest.values())
