"""Building dataset versions: what was verified in a month, and everything up to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from prefect.futures import PrefectFuture

from models.family import get_family
from storage.erasure import rows_guard
from tasks import building
from tasks.candidates import rerank_waiting
from tasks.outcomes import Outcomes, finished, gather
from tasks.platform import platform
from tasks.policy import networked
from tasks.runtime import now, run_id


@networked("publish verified month")
def publish_verified(family_name: str, month: str) -> dict[str, Any]:
    """Publish ``verified/<month>`` (see :func:`tasks.building.plan_verified`); its figures."""
    with platform() as parts, rows_guard(parts.engine, family_name):
        build = building.plan_verified(parts, family_name, month)
        return building.publish(parts, build, at=now(), run_id=run_id())


@networked("publish full dataset")
def publish_full(family_name: str, month: str) -> dict[str, Any]:
    """Publish ``full/<month>`` (see :func:`tasks.building.plan_full`); its figures.

    Raises:
        VersionNotFound: there is neither a gold set nor any verified month.
    """
    with platform() as parts, rows_guard(parts.engine, family_name):
        build = building.plan_full(parts, family_name, month)
        return building.publish(parts, build, at=now(), run_id=run_id())


@networked("refresh dataset")
def refresh_dataset(family_name: str, dataset: str | None, scheduled: dt.datetime) -> str | None:
    """The version that a retraining asks for: ``dataset``, where one was named.

    Else, for a family that learns from the running month too, that month's versions are built of what was
    collected up to the day before ``scheduled``; without anything new they are those that are there.
    """
    family = get_family(family_name)
    if dataset is not None or not family.refresh:
        return dataset
    month = f"{scheduled - dt.timedelta(days=1):%Y-%m}"
    with platform() as parts, rows_guard(parts.engine, family_name):
        at, run = now(), run_id()
        building.publish(parts, building.plan_verified(parts, family_name, month), at=at, run_id=run)
        full = building.publish(parts, building.plan_full(parts, family_name, month), at=at, run_id=run)
    return str(full["dataset"])


@networked("order candidates")
def order_candidates(family_name: str) -> dict[str, Any]:
    """Put the candidates that wait in order by what is verified now; how many ``moved``."""
    with platform() as parts:
        return {"family": family_name, "moved": rerank_waiting(parts, get_family(family_name))}


def build_months(families: Sequence[str], month: str) -> tuple[Outcomes, Outcomes]:
    """Build ``month`` of each of ``families``, all families at once, in the running flow's task runner.

    Returns:
        What the versions are (verified and full of each family, in their order), and what became of the order
        of candidates.
    """
    building: list[PrefectFuture[dict[str, Any]]] = []
    for family in families:
        verified = publish_verified.submit(family, month)
        # a full set without the month that it is named after would be taken for the latest one
        building.append(verified)
        building.append(publish_full.submit(family, month, return_state=False, wait_for=[verified]))
    built = gather(finished(building))
    return built, gather(finished([order_candidates.submit(family) for family in families]))
