"""Which days and months a run is about. Pure; the moment a run was scheduled for comes from outside."""

from __future__ import annotations

import datetime as dt
import re

from config.errors import InputError
from models.family import FAMILIES, Window

MOST_DAYS = 400


def days_to_collect(date: dt.date | None, until: dt.date | None, scheduled: dt.datetime) -> list[dt.date]:
    """The days from ``date`` to ``until``, both included; without them, the day before the scheduled moment.

    Raises:
        InputError: the range is backwards, too long, or reaches into days that have not begun.
    """
    today = scheduled.astimezone(dt.UTC).date()
    if date is None:
        if until is not None:
            raise InputError("A range needs its first day too.", hint="Give `date` as well as `until`.")
        return [today - dt.timedelta(days=1)]
    last = until or date
    if last < date:
        raise InputError(f"The range ends on {last}, before it begins on {date}.")
    if last > today:
        raise InputError(f"{last} has not begun yet.", hint=f"The last day that has is {today}.")
    count = (last - date).days + 1
    if count > MOST_DAYS:
        raise InputError(
            f"{count} days are too many for one run.", hint=f"Ask for at most {MOST_DAYS} at a time."
        )
    return [date + dt.timedelta(days=offset) for offset in range(count)]


def month_to_build(month: str | None, scheduled: dt.datetime) -> str:
    """``month`` checked, or the month before the scheduled moment, as ``YYYY-MM``.

    Raises:
        InputError: not a month, or one that has not begun: its full set would be the latest one until it has.
    """
    first = scheduled.astimezone(dt.UTC).date().replace(day=1)
    if month is None:
        return f"{first - dt.timedelta(days=1):%Y-%m}"
    _check_month(month)
    if month > f"{first:%Y-%m}":
        raise InputError(f"{month} has not begun yet.", hint=f"The last month that has is {first:%Y-%m}.")
    return month


def _check_month(month: str) -> None:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise InputError(f"'{month}' is not a month.", hint="Write it as YYYY-MM, such as 2026-10.")


def day_window(day: dt.date) -> Window:
    """The day as a half-open span in UTC."""
    start = dt.datetime.combine(day, dt.time(), dt.UTC)
    return Window(start, start + dt.timedelta(days=1))


def month_bounds(month: str) -> tuple[dt.datetime, dt.datetime]:
    """The first moment of ``month`` (YYYY-MM) in UTC, and that of the month after. Raises InputError."""
    _check_month(month)
    start = dt.datetime.strptime(month, "%Y-%m").replace(tzinfo=dt.UTC)
    return start, (start + dt.timedelta(days=31)).replace(day=1)


def families_to_run(names: list[str] | None) -> list[str]:
    """``names`` checked against the families there are; without them, all.

    Raises:
        InputError: there is no such family.
    """
    for name in names or []:
        if name not in FAMILIES:
            raise InputError(f"There is no family '{name}'.", hint=f"Families: {', '.join(FAMILIES)}.")
    return list(dict.fromkeys(names)) if names else list(FAMILIES)
