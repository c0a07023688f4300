"""What a run of the monitor looks at: which checks, which families, which day. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from config.errors import InputError
from models.monitoring.contract import Check
from tasks.periods import day_window, families_to_run

CHECKS: tuple[Check, ...] = ("health", "freshness", "stats", "drift", "accuracy")
#: They can only be seen as they are now.
OF_NOW: tuple[Check, ...] = ("health", "freshness")
#: They need a family's rows, and its model.
JUDGED: tuple[Check, ...] = ("drift", "stats", "accuracy")


@dataclass(frozen=True)
class Plan:
    """What is looked at.

    Attributes:
        checks: in the order of :data:`CHECKS`.
        families: whose; ``all_families``: they were not chosen.
        day: the last day whose rows count (UTC).
        today: the day of figures that are of now.
        as_of: what was in production then is judged.
        version: this version of the one family is judged in its place.
    """

    checks: tuple[Check, ...]
    families: tuple[str, ...]
    all_families: bool
    day: dt.date
    today: dt.date
    as_of: dt.datetime
    version: str | None = None

    @property
    def judged(self) -> tuple[Check, ...]:
        """Those of the checks that need rows and models."""
        return tuple(check for check in self.checks if check in JUDGED)


def plan_monitoring(
    checks: Sequence[str] | None,
    families: Sequence[str] | None,
    day: dt.date | None,
    at: dt.datetime,
    version: str | None = None,
) -> Plan:
    """What to look at ``at`` a moment.

    Without ``day``, or with the last one that is over, things are looked at as they are now. Of a day before
    that, what can only be seen now is left out, and what was in production at its end is judged.

    Raises:
        InputError: no such check or family, the day is not over, a check of now for a day that is long past, or
            a version without its family.
    """
    unknown = sorted(set(checks or ()) - set(CHECKS))
    if unknown:
        raise InputError(f"There is no check '{unknown[0]}'.", hint=f"Checks: {', '.join(CHECKS)}.")
    today = at.astimezone(dt.UTC).date()
    last = today - dt.timedelta(days=1)
    chosen = day or last
    if chosen > last:
        raise InputError(f"{chosen} is not over yet.", hint=f"The last day that is: {last}.")
    if version is not None and len(families or ()) != 1:
        raise InputError("A version is one family's.", hint="Name the family too.")
    names = tuple(families_to_run(list(families) if families else None))
    wanted = tuple(check for check in CHECKS if check in checks) if checks else _usual(families)
    past = chosen < last
    if past and checks and set(wanted) & set(OF_NOW):
        now = " and ".join(check for check in wanted if check in OF_NOW)
        raise InputError(
            f"What {now} looks at can only be seen as of now, not of {chosen}.",
            hint=f"For a past day: {', '.join(JUDGED)}.",
        )
    if past:
        wanted = tuple(check for check in wanted if check in JUDGED)
    as_of = day_window(chosen).end if past else at
    return Plan(wanted, names, not families, chosen, today, as_of, version)


def _usual(families: Sequence[str] | None) -> tuple[Check, ...]:
    """Everything; where families were chosen, what is about families."""
    return tuple(check for check in CHECKS if not families or check != "health")
