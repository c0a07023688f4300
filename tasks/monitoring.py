"""The monitor: looks at the platform and at each family, and keeps what it saw.

No Prefect here: the flow's tasks call it (tasks/monitor_tasks.py), and so does ``assay monitor``, which must
work while Prefect is away, and tell quickly how the platform is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from config.errors import AssayError
from config.settings import Settings
from models.family import Family, get_family
from models.monitoring.contract import PLATFORM, Check, FamilyDay, Figure, Finding
from models.monitoring.inputs import Rules
from storage.monitor import latest_figures
from tasks.monitor_freshness import look_at_freshness, look_at_runs
from tasks.monitor_health import look_at_platform
from tasks.monitor_looked import Looked
from tasks.monitor_plan import JUDGED, Plan
from tasks.monitor_schedules import Schedule, read_schedules
from tasks.monitor_stats import look_at_answers
from tasks.platform import Platform

Say = Callable[[str], None]


@dataclass(frozen=True)
class Seen:
    """What was seen of a family, or ('') of the platform.

    Attributes:
        ran: the checks that were made to the end: what they do not find any more has ended.
        figures: of ``day``; ``figures_now`` are of the day of the run.
        replaced: those of ``ran`` that last judged another version: what they found of it has ended with it.
        judged: what the family's report shows; None: its rows were not looked at.
        failure: why it could not be looked at, or not at all of it; None: it could.
    """

    family: str
    day: dt.date
    ran: tuple[Check, ...] = ()
    replaced: frozenset[Check] = frozenset()
    findings: tuple[Finding, ...] = ()
    figures: tuple[Figure, ...] = ()
    figures_now: tuple[Figure, ...] = ()
    version: str | None = None
    judged: FamilyDay | None = None
    failure: str | None = None


@dataclass
class _Seeing:
    """What is being seen, check by check; one that fails leaves the others."""

    family: str
    ran: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    figures_now: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, check: Check, look: Callable[[], Looked], *, of_now: bool) -> None:
        """Make a check."""
        try:
            looked = look()
        except Exception as error:  # noqa: BLE001 - whatever broke a check, the others go on and it is told
            self.failures.append(f"{check}: {_why(error)}")
            return
        self.ran.append(check)
        self.findings += looked.findings
        (self.figures_now if of_now else self.figures).extend(looked.figures)

    @property
    def failure(self) -> str | None:
        """All that failed, as one sentence."""
        return f"{self.family or 'platform'}: {' '.join(self.failures)}" if self.failures else None


def see_platform(settings: Settings, plan: Plan, at: dt.datetime) -> tuple[Seen, Mapping[str, Schedule]]:
    """The platform itself, and the schedules of its flows (none where freshness is not looked at).

    Never raises: what is away is a finding, or the failure of what needs it.
    """
    seeing = _Seeing(PLATFORM)
    schedules: dict[str, Schedule] = {}
    if "health" in plan.checks:
        seeing.take("health", lambda: look_at_platform(settings, at), of_now=True)
    if "freshness" in plan.checks:
        try:
            schedules = dict(read_schedules(settings, at))
        except Exception as error:  # noqa: BLE001 - as above
            seeing.failures.append(f"freshness: {_why(error)}")
        else:
            # runs of families that are not looked at stay as they are
            seeing.take(
                "freshness", lambda: _about(look_at_runs(settings, schedules, at), PLATFORM), of_now=True
            )
    seen = Seen(
        family=PLATFORM,
        day=plan.today,
        ran=tuple(seeing.ran),
        findings=tuple(seeing.findings),
        figures_now=tuple(seeing.figures_now),
        failure=seeing.failure,
    )
    return seen, schedules


def see_family(
    parts: Platform, family_name: str, plan: Plan, schedules: Mapping[str, Schedule], at: dt.datetime
) -> Seen:
    """A family by all checks of the plan. A check that lacks a store is its ``failure``; the others go on."""
    family = get_family(family_name)
    seeing, found, version = _Seeing(family_name), None, None
    replaced: frozenset[Check] = frozenset()
    if "freshness" in plan.checks and schedules:
        seeing.take("freshness", lambda: _fresh(parts, family, schedules, at), of_now=True)
    if "stats" in plan.checks:
        seeing.take("stats", lambda: look_at_answers(parts, family, plan.day), of_now=False)
    if plan.judged and family.watch is not None:
        try:
            found = _judge(parts, family, plan)
            replaced = _replaced(parts, family_name, found.version)
        except Exception as error:  # noqa: BLE001 - as above
            seeing.failures.append(f"{', '.join(plan.judged)}: {_why(error)}")
            seeing.ran = [check for check in seeing.ran if check not in JUDGED]
        else:
            version, known = found.version, {"drift": bool(found.subjects), "accuracy": found.live is not None}
            judged = [one for one in plan.judged if one in known and (known[one] or one in replaced)]
            seeing.ran = [check for check in (*seeing.ran, *judged) if check not in found.unjudged]
            seeing.failures += found.failures
            seeing.findings += [one for one in found.findings if one.check in plan.checks]
            seeing.figures += found.figures
    return Seen(
        family=family_name,
        day=plan.day,
        ran=tuple(seeing.ran),
        findings=tuple(seeing.findings),
        figures=tuple(seeing.figures),
        figures_now=tuple(seeing.figures_now),
        replaced=replaced,
        version=version,
        judged=found,
        failure=seeing.failure,
    )


def _judge(parts: Platform, family: Family, plan: Plan) -> FamilyDay:
    from models.monitoring.judging import judge
    from tasks.monitor_reading import read_day
    from tasks.options import options_of

    inputs = read_day(
        parts,
        family,
        plan.day,
        as_of=plan.as_of,
        version=plan.version,
        accuracy="accuracy" in plan.checks,
    )
    return judge(family, options_of(family, parts.settings), inputs, Rules.of(parts.settings))


def _replaced(parts: Platform, family: str, version: str | None) -> frozenset[Check]:
    """The checks of rows that were last made of another version."""
    before = latest_figures(parts.engine, family)
    last = {check: before.get(f"findings.{check}") for check in JUDGED}
    return frozenset(check for check, one in last.items() if one is not None and one.version != version)


def worst(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, the worst first."""
    order = {"critical": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda one: (order[one.severity], one.family, one.check, one.subject))


def _why(error: Exception) -> str:
    return error.message if isinstance(error, AssayError) else f"{type(error).__name__}: {error}."


def _fresh(parts: Platform, family: Family, schedules: Mapping[str, Schedule], at: dt.datetime) -> Looked:
    looked = look_at_freshness(parts, family, schedules, at)
    runs = _about(look_at_runs(parts.settings, schedules, at), family.name)
    return Looked(looked.figures, (*looked.findings, *runs.findings))


def _about(looked: Looked, family: str) -> Looked:
    return Looked(looked.figures, tuple(one for one in looked.findings if one.family == family))
