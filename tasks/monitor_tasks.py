"""The monitor's steps as tasks of its flow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefect.client.schemas.objects import State

from config.errors import FlowError
from config.settings import load_settings
from models.monitoring.contract import PLATFORM
from storage.monitor import Action
from tasks import alerts, monitor_actions, monitor_keeping, monitoring
from tasks.alerts import Told
from tasks.family_watch import Looks
from tasks.monitor_keeping import Kept
from tasks.monitor_plan import Plan
from tasks.monitor_schedules import Schedule
from tasks.monitor_text import monitor_report, monitor_summary
from tasks.monitoring import Seen
from tasks.platform import platform
from tasks.policy import looking, networked
from tasks.reports import publish_report
from tasks.runtime import now, run_id

#: How the failure begins of a watch that was not made to its end.
WATCH = "watch over promotions"


@looking("look at the platform")
def see_platform(plan: Plan) -> tuple[Seen, Mapping[str, Schedule]]:
    """See :func:`tasks.monitoring.see_platform`."""
    return monitoring.see_platform(load_settings(), plan, now())


@looking("look at a family")
def see_family(family: str, plan: Plan, schedules: Mapping[str, Schedule]) -> Seen:
    """See :func:`tasks.monitoring.see_family`."""
    with platform() as parts:
        return monitoring.see_family(parts, family, plan, schedules, now())


def see_families(plan: Plan, schedules: Mapping[str, Schedule]) -> list[Seen]:
    """Each family, one after the other: the rows and the model of one are in memory at a time. One that fails
    is reported as such, and the rest goes on.
    """
    seen = []
    for family in plan.families if set(plan.checks) - {"health"} else ():
        state = see_family(family, plan, schedules, return_state=True)
        if state.is_completed():
            seen.append(_value(state))
        else:
            seen.append(Seen(family, plan.day, failure=f"{family}: {state.message or state.name}"))
    return seen


@networked("keep what was seen")
def keep(seen: Sequence[Seen], plan: Plan, watched: Collection[tuple[str, str]]) -> Kept:
    """See :func:`tasks.monitor_keeping.keep`."""
    with platform() as parts:
        return monitor_keeping.keep(parts, seen, today=plan.today, at=now(), run_id=run_id(), watched=watched)


@networked("alert")
def send_alerts(plan: Plan) -> Told:
    """See :func:`tasks.alerts.send_alerts`; of a past day nobody is told."""
    if not of_now(plan):
        return Told()
    with platform() as parts:
        return alerts.send_alerts(parts, now())


@networked("act on findings")
def act(seen: Sequence[Seen], plan: Plan) -> list[Action]:
    """See :func:`tasks.monitor_actions.act`; of a past day nothing is done."""
    if not of_now(plan):
        return []
    with platform() as parts:
        return monitor_actions.act(parts, seen, at=now(), run_id=run_id())


def of_now(plan: Plan) -> bool:
    """Whether the run is about how things are now: of a past day nobody is told, and nothing is done."""
    return plan.as_of > now() - dt.timedelta(days=1)


@looking("watch promotions")
def _watch(families: Sequence[str]) -> Looks:
    from tasks.rollback_watch import watch_promotions
    from tasks.rollout_comparison import compare_running

    with platform() as parts:
        return watch_promotions(parts, families, now()) + compare_running(parts, families, now())


def with_promotions(plan: Plan, seen: Sequence[Seen]) -> tuple[list[Seen], frozenset[tuple[str, str]]]:
    """``seen`` with what the watch over promoted versions found, and did; and what it judged."""
    if not watches(plan):
        return list(seen), frozenset()
    state = _watch(plan.families, return_state=True)
    looks = _value(state) if state.is_completed() else Looks(failures=(state.message or str(state.name),))
    found = [
        replace(one, findings=(*one.findings, *(each for each in looks.found if each.family == one.family)))
        for one in seen
    ]
    failed = [Seen(PLATFORM, plan.day, failure=f"{WATCH}: {why}") for why in looks.failures]
    return [*found, *failed], looks.judged


def _value(state: State[Any]) -> Any:
    """What a task gave; it is kept in memory, in a record."""
    return getattr(state.data, "result", state.data)


def watches(plan: Plan) -> bool:
    """Whether promotions are watched in this run."""
    return "accuracy" in plan.checks and of_now(plan)


def finish(plan: Plan, seen: Sequence[Seen], kept: Kept, told: Told, done: Sequence[Action]) -> dict[str, Any]:
    """Leave the run's report, and give its figures.

    Raises:
        FlowError: something could not be looked at, kept or sent.
    """
    pages = load_settings().admin_ui_url
    failures = [one.failure for one in seen if one.failure]
    failures += [*kept.failures, *told.failures]
    summary = monitor_summary(plan, seen, kept, told, done)
    text = monitor_report(plan, seen, kept, told, done, failures, pages)
    publish_report("monitor", text, summary)
    if failures:
        raise FlowError(f"{len(failures)} parts failed: " + " | ".join(failures))
    return summary
