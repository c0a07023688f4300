"""What the monitor does about findings, where the settings say so: it asks for a retraining.

A family is not retrained again before its cooldown is over, nor while a retraining of it runs or waits, nor
when there is nothing to learn from that its model has not seen. Each decision is written down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from config.errors import AssayError, DatabaseUnavailable, VersionNotFound
from config.settings import Settings
from models.family import get_family
from models.monitoring.contract import Finding
from storage.database import advisory_guard
from storage.erasure import rows_guard
from storage.monitor import Action, actions, record_action
from tasks import building
from tasks.flow_client import FlowClient
from tasks.monitor_keeping import WATCHED
from tasks.monitoring import Seen
from tasks.platform import Platform

DAY = dt.timedelta(days=1)


def act(parts: Platform, seen: Sequence[Seen], *, at: dt.datetime, run_id: str | None) -> list[Action]:
    """Ask for retrainings that what was ``seen`` calls for; what was done, or why not.

    Raises:
        DatabaseUnavailable: nothing can be written down, so nothing more is done.
    """
    done = []
    for one in seen:
        reasons = reasons_to_retrain(parts.settings, one.findings)
        if one.family and reasons:
            with advisory_guard(parts.engine)(f"retrain:{one.family}"):
                done.append(_retrain(parts, one, reasons, at, run_id))
    return done


def reasons_to_retrain(settings: Settings, findings: Sequence[Finding]) -> list[Finding]:
    """Those of ``findings`` for which the settings ask for a retraining.

    One that says that another version does better, or that a service is asked otherwise than is collected, is
    mended by none.
    """
    wanted = {"drift": settings.retrain_on_drift, "accuracy": settings.retrain_on_lost_accuracy}
    return [
        one
        for one in findings
        if one.severity != "info"
        and wanted.get(one.check, False)
        and not one.subject.startswith((*WATCHED, "skew"))
    ]


def _retrain(
    parts: Platform, seen: Seen, reasons: Sequence[Finding], at: dt.datetime, run_id: str | None
) -> Action:
    try:
        done, outcome = _ask(parts, seen, at, run_id)
    except DatabaseUnavailable:
        raise
    except AssayError as error:
        done, outcome = False, f"It could not be started: {error.message}"
    return record_action(
        parts.engine,
        family=seen.family,
        action="retrain",
        version=seen.version,
        reason=_in_short(reasons),
        done=done,
        outcome=outcome,
        figures={one.fingerprint: dict(one.figures) for one in reasons},
        run_id=run_id,
        at=at,
    )


def _in_short(reasons: Sequence[Finding]) -> str:
    """What called for it, by name: the sentences stand with the findings."""
    names = {check: [one.subject for one in reasons if one.check == check] for check in ("drift", "accuracy")}
    return "; ".join(f"{check}: {', '.join(subjects)}" for check, subjects in names.items() if subjects)


def _ask(parts: Platform, seen: Seen, at: dt.datetime, run_id: str | None) -> tuple[bool, str]:
    """(whether a run was started, what became of it)."""
    name = f"retrain-{seen.family}"
    with FlowClient(parts.settings) as client:
        if client.running(name):
            return False, f"A run of {name} runs or waits already."
        rest = _cooldown(parts, client, seen.family, at)
        if rest > dt.timedelta():
            return False, f"It was retrained lately: not again for {rest / DAY:.1f} days."
        dataset = _newest_dataset(parts, seen.family, at, run_id)
        production = parts.registry.production(seen.family)
        if dataset is not None and production is not None and _same_rows(parts, dataset, production.dataset):
            return False, f"Nothing was verified since {production.dataset}, which the model has learned from."
        run = client.start(name, {"dataset": dataset} if dataset else None)
    return True, f"Started run {run.name} of {name}" + (f" on {dataset}." if dataset else ".")


def _cooldown(parts: Platform, client: FlowClient, family: str, at: dt.datetime) -> dt.timedelta:
    """How long the family is still left alone: since its last retraining, whoever asked for it."""
    since = [one.at for one in actions(parts.engine, family, action="retrain") if one.done][:1]
    since += [run.started_at for run in client.runs(f"retrain-{family}", limit=1) if run.started_at]
    pause = dt.timedelta(days=parts.settings.retrain_cooldown_days)
    return max((moment + pause - at for moment in since), default=dt.timedelta())


def _same_rows(parts: Platform, one: str, other: str) -> bool:
    """Whether two versions have the same rows: their parts are named by what is in them."""
    try:
        first, second = (parts.datasets.find(name) for name in (one, other))
    except VersionNotFound:
        return False
    return [part.sha256 for part in first.parts] == [part.sha256 for part in second.parts]


def _newest_dataset(parts: Platform, family_name: str, at: dt.datetime, run_id: str | None) -> str | None:
    """A full version with what was verified up to now; None: retraining makes one of its own."""
    if get_family(family_name).refresh:
        return None
    month, run = f"{at:%Y-%m}", run_id or "monitor"
    with rows_guard(parts.engine, family_name):
        building.publish(parts, building.plan_verified(parts, family_name, month), at=at, run_id=run)
        full = building.publish(parts, building.plan_full(parts, family_name, month), at=at, run_id=run)
    return str(full["dataset"])
