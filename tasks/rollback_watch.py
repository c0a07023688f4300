"""Watches promoted versions: one that errs more than the version before it, beyond chance, is rolled back.

Both versions are asked the same rows, whose outcome became known since the promotion and that neither learned
from. The interval holds at all looks together (``models.monitoring.rollouts``), so that it does not matter how
often the monitor looks within the watch: of promotions that are as good as what was before, at most the share
``1 - GATE_CONFIDENCE`` is ever rolled back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from config.errors import ModelInvalid, RegistryError
from models.family import Family, get_family
from models.monitoring.contract import Finding
from models.monitoring.rollback import MONITOR, Watched, watched
from models.monitoring.rollouts import LossGap
from storage.history import Promotion, list_promotions
from storage.monitor import Action, actions, record_action, was_told
from tasks.family_watch import Looks, look_at_each
from tasks.live_rows import gap_since
from tasks.platform import Platform
from tasks.policy import TRANSIENT
from tasks.runtime import run_id

ROLLED_BACK, ADVISED = "rolled back", "advised"
#: How the subjects begin of what is found: a version that errs more, and one that was rolled back for it. They
#: are two findings, as people who were told of the first are told of the second too.
ERRS, UNDONE = "promotion of version", "rollback of version"
#: So long a rollback is a finding, for those who look at the pages.
SHOWN = dt.timedelta(hours=12)
#: And so long one is of which nobody could be told: the run that did it may have died, or no channel took it.
UNTOLD = dt.timedelta(days=14)


def watch_promotions(parts: Platform, families: Sequence[str], at: dt.datetime) -> Looks:
    """Look at each family's last promotion, and roll back where it must be; a finding for each that errs more.

    Raises:
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away.
    """
    return look_at_each(
        families,
        "last promotion",
        (ERRS, UNDONE),
        lambda name: watch_promotion(parts, get_family(name), at),
    )


def watch_promotion(parts: Platform, family: Family, at: dt.datetime) -> Finding | None:
    """Look at the last promotion of ``family``; see :func:`watch_promotions`."""
    moves = list_promotions(parts.engine, family.name)
    if (told := _settle(parts, family, moves, at)) is not None:
        return told
    watch = watched(moves, at, parts.settings.rollback_watch_days)
    if watch is None:
        return None
    production = parts.registry.production(family.name)
    if production is None or production.version != watch.version:
        return None  # the alias was moved by hand: the next promotion writes that down
    gap = gap_since(parts, family, watch.before, watch.version, watch.since, at)
    if gap is None or gap.verdict != "worse":
        return None
    return _act(parts, family, watch, gap, at)


def _act(parts: Platform, family: Family, watch: Watched, gap: LossGap, at: dt.datetime) -> Finding:
    reason = (
        f"Version {watch.version} errs more than version {watch.before} on what came since its promotion:"
        f" {family.loss} {gap.challenger:.4f} against {gap.champion:.4f} on the same {gap.rows:,} rows"
        f" (difference {-gap.difference:.4f}, at all looks together between {-gap.high:.4f} and {-gap.low:.4f})"
    )
    command = f'assay models rollback {family.name} --to {watch.before} --reason "it errs more"'
    if watch.by_hand is not None:
        return _advise(parts, family, watch, gap, at, reason, f"{watch.by_hand}, so people decide: {command}")
    if not parts.settings.auto_rollback:
        advice = f"roll it back with {command}, or set AUTO_ROLLBACK=true to have it done"
        return _advise(parts, family, watch, gap, at, reason, advice)
    try:
        parts.registry.rollback(
            family.name,
            actor=MONITOR,
            reason=f"{reason}.",
            to=watch.before,
            at=at,
            expected=watch.version,
        )
    except (ModelInvalid, RegistryError) as error:
        if isinstance(error, TRANSIENT):
            raise
        return _advise(parts, family, watch, gap, at, reason, f"it could not be rolled back: {error.message}")
    _record(parts, family.name, watch.version, f"{reason}.", asdict(gap), at, done=True)
    return _undone(family, watch.version, watch.before, f"{reason}.", asdict(gap))


def _advise(
    parts: Platform,
    family: Family,
    watch: Watched,
    gap: LossGap,
    at: dt.datetime,
    reason: str,
    advice: str,
) -> Finding:
    told = actions(parts.engine, family.name, action="rollback")
    if not any(one.version == watch.version and not one.done and one.at >= watch.since for one in told):
        _record(parts, family.name, watch.version, f"{reason}.", asdict(gap), at, done=False)
    return _finding(family, f"{ERRS} {watch.version}", asdict(gap), f"{reason}: {advice}.")


def _undone(
    family: Family, version: str | None, before: str, reason: str, figures: Mapping[str, Any]
) -> Finding:
    sentence = f"{reason} It was rolled back: version {before} is in production again."
    return _finding(family, f"{UNDONE} {version}", figures, sentence)


def _finding(family: Family, subject: str, figures: Mapping[str, Any], sentence: str) -> Finding:
    return Finding(
        check="accuracy",
        family=family.name,
        subject=subject,
        severity="critical",
        sentence=sentence,
        link=f"/models/{family.name}",
        figures=figures,
    )


def _settle(parts: Platform, family: Family, moves: Sequence[Promotion], at: dt.datetime) -> Finding | None:
    """Write down a rollback whose process ended before it could. One of lately is found again, and so is one of
    which nobody was told yet: the finding has one name, so that it is one alert.
    """
    if not moves or (last := moves[0]).action != "rollback" or last.actor != MONITOR:
        return None
    known = actions(parts.engine, family.name, action="rollback")
    mine = [one for one in known if one.done and one.version == last.from_version and one.at == last.at]
    if not mine:
        mine = [_record(parts, family.name, last.from_version, last.reason, {}, last.at, done=True)]
    found = _undone(family, last.from_version, last.to_version, last.reason, mine[0].figures)
    if at - last.at <= SHOWN:
        return found
    late = at - last.at > UNTOLD or was_told(parts.engine, found.fingerprint, since=last.at)
    return None if late else found


def _record(
    parts: Platform,
    family: str,
    version: str | None,
    reason: str,
    figures: dict[str, object],
    at: dt.datetime,
    *,
    done: bool,
) -> Action:
    return record_action(
        parts.engine,
        family=family,
        action="rollback",
        version=version,
        reason=reason,
        done=done,
        outcome=ROLLED_BACK if done else ADVISED,
        figures=figures,
        run_id=run_id(),
        at=at,
    )
