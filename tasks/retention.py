"""Retention as tasks of a flow: planning it, putting the plan on record, and carrying it out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from config.settings import load_settings
from tasks import retaining, retention_looking
from tasks.platform import platform
from tasks.policy import networked
from tasks.retention_looking import Work
from tasks.runtime import now, run_id

ACTOR = "flow retention"


def applies(asked: bool | None) -> bool:
    """Whether a run deletes: as it was asked to, or else as RETENTION_APPLY says."""
    return load_settings().retention_apply if asked is None else asked


@networked("plan retention")
def plan_retention(at: dt.datetime) -> Work:
    """What would be deleted as of ``at``; see :func:`tasks.retention_looking.look`."""
    with platform() as parts:
        return retention_looking.look(parts, at)


@networked("record retention plan")
def record_plan(work: Work) -> None:
    """Put on record what would have been deleted."""
    with platform() as parts:
        retaining.record_dry_run(parts, work, at=now(), actor=ACTOR, run_id=run_id())


@networked("delete by retention")
def delete_by_retention(work: Work, expected: str | None = None) -> dict[str, Any]:
    """Delete what the plan says; done again, it deletes what is left. See :func:`tasks.retaining.apply`."""
    with platform() as parts:
        done = retaining.apply(parts, work, at=now(), actor=ACTOR, run_id=run_id(), expected=expected)
    return done.as_json()
