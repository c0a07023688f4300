"""Building dataset versions: what was verified in a month, and everything up to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from config.errors import VersionNotFound
from models.family import Family, get_family
from storage import reviews
from storage.datasets.manifest import Manifest
from storage.datasets.merge import Decision, MergePlan, Selection, Source, decisions_by_key, merged, plan_merge
from storage.datasets.repository import Published
from tasks.platform import Platform, platform
from tasks.policy import networked
from tasks.reviewing import correction
from tasks.runtime import now, run_id
from tasks.versions import publish_and_record

MADE_BY = "build-datasets-monthly"


@networked("publish verified month")
def publish_verified(family_name: str, month: str) -> dict[str, Any]:
    """Publish ``verified/<month>``: the month's candidates that need no admin, or that one let pass.

    Returns:
        Figures: rows ``read``, ``kept``, ``corrected``, ``accepted``, ``rejected``, ``waiting for review``,
        ``superseded``; the ``dataset`` and whether it is ``new``.
    """
    with platform() as parts:
        family = get_family(family_name)
        days = parts.datasets.latest_of_each(family_name, "candidates", f"{month}-")
        decisions = {
            candidate: Decision(review.decision, review.corrected_label)
            for candidate, review in reviews.latest_decisions(parts.engine, family_name).items()
        }
        by_key = decisions_by_key(decisions, key=family.key, schema=family.schema)
        selection = Selection("flag", by_key)
        plan = plan_merge(_sources(parts, days), key=family.key, selection=selection)
        return _published(parts, family, "verified", month, days, plan)


@networked("publish full dataset")
def publish_full(family_name: str, month: str) -> dict[str, Any]:
    """Publish ``full/<month>``: the gold base set and every verified month up to this one, later rows winning.

    Raises:
        VersionNotFound: there is neither a gold set nor any verified month.
    """
    with platform() as parts:
        family = get_family(family_name)
        gold = parts.datasets.latest(family_name, "gold")
        verified = parts.datasets.latest_of_each(family_name, "verified")
        months = [manifest for manifest in verified if manifest.period <= month]
        versions = [*([gold] if gold else []), *months]
        if not versions:
            raise VersionNotFound(
                f"Family '{family_name}' has no gold set and no verified month up to {month}."
            )
        plan = plan_merge(_sources(parts, versions), key=family.key)
        return _published(parts, family, "full", month, versions, plan)


def _sources(parts: Platform, versions: Sequence[Manifest]) -> list[Source]:
    return [partial(parts.datasets.batches, manifest) for manifest in versions]


def _published(
    parts: Platform, family: Family, stage: str, month: str, versions: Sequence[Manifest], plan: MergePlan
) -> dict[str, Any]:
    published: Published = publish_and_record(
        parts,
        at=now(),
        run_id=run_id(),
        family=family.name,
        stage=stage,
        period=month,
        schema=family.schema,
        batches=merged(
            plan, _sources(parts, versions), schema=family.schema, correct=correction(family, parts.settings)
        ),
        made_by=MADE_BY,
        label=family.label,
        split="split",
        built_from=[manifest.ref for manifest in versions],
        details=dict(plan.report),
    )
    manifest = published.manifest
    return {
        "family": family.name,
        "stage": stage,
        "month": month,
        "dataset": manifest.ref.name,
        "new": published.created,
        "rows": manifest.rows,
        "classes": dict(manifest.classes),
        "split": dict(manifest.split),
        "built from": len(versions),
        **plan.report,
    }
