"""Dataset versions and rows of the index of candidates that retention takes away, family by family."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from models.family import FAMILIES, get_family
from storage import tables
from storage.database import transaction
from storage.datasets import naming
from storage.datasets.manifest import Manifest
from storage.erasure import rows_guard
from storage.history import list_promotions
from storage.retention import CANDIDATES, REVISIONS, Line
from storage.retention_rows import OldRows, count_old, delete_old
from storage.retention_runs import decided_months, index_of
from storage.retention_versions import STILL_BUILT, Choice, Shelf, freed, old_candidates, superseded
from storage.versions import list_versions
from tasks.platform import Platform

#: Whoever publishes is waited for so long.
GUARD_SECONDS = 300.0


@dataclass(frozen=True)
class Retiring:
    """What goes of one family.

    Attributes:
        versions: that are retired, or were by a run that did not get to their parts.
        kinds: by version whether it goes as ``candidates`` or as ``revisions``.
        keys: by version the parts that go with it.
        index: rows of the index of candidates, of days that are retired.
    """

    family: str
    versions: tuple[Manifest, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, list[str]] = field(default_factory=dict)
    index: OldRows | None = None


def choose(parts: Platform, day: dt.datetime, lines: list[Line], held: list[str]) -> list[Retiring]:
    """What goes as of ``day`` of all families; adds to ``lines``, and to ``held`` why something stays.

    Raises:
        DatabaseUnavailable, StoreError, RegistryUnavailable: not everything can be looked at.
    """
    settings = parts.settings
    if settings.retention_candidates_days is None and settings.retention_revisions_days is None:
        return []
    sizes = {info.key: info.size for info in parts.store.list(naming.PARTS)}
    found = []
    for family in FAMILIES:
        shelf = _shelf(parts, family)
        choice, kinds = _choice(parts, family, shelf, day)
        held += [_held(family, reason, days) for reason, days in choice.held.items()]
        keys = freed(shelf, choice.versions, sizes)
        versions = tuple(one for one in choice.versions if one.name not in shelf.gone or keys[one.name])
        index, index_lines = _index(parts, family, shelf, versions)
        lines += [_line(one, kinds[one.name], keys[one.name], sizes) for one in versions]
        lines += index_lines
        if versions or index:
            found.append(Retiring(family, versions, kinds, keys, index))
    return found


def retire(parts: Platform, retiring: Retiring, *, note: Mapping[str, Any], day: dt.datetime) -> dict[str, int]:
    """Mark the versions, then delete their parts, then the rows of the index; how many went by kind.

    Nobody publishes meanwhile, and what has come to need a version since it was planned keeps it.

    Raises:
        DatabaseError: somebody publishes for longer than is waited.
        DatabaseUnavailable, StoreError: it broke off; run it again.
    """
    deleted = dict.fromkeys((CANDIDATES, REVISIONS), 0)
    with rows_guard(parts.engine, retiring.family, GUARD_SECONDS):
        shelf = _shelf(parts, retiring.family)
        still = {one.name for one in _choice(parts, retiring.family, shelf, day)[0].versions}
        versions = tuple(one for one in retiring.versions if one.name in still)
        for one in versions:
            if one.name not in shelf.gone:
                parts.datasets.retire(one, note)
        for one in versions:  # now that none of them names a part that they share
            gone = parts.datasets.remove_parts(retiring.keys[one.name])
            deleted[retiring.kinds[one.name]] += len(gone)
        index, _ = _index(parts, retiring.family, shelf, versions) if retiring.index else (None, [])
        if index is not None:
            deleted[CANDIDATES] += delete_old(parts.engine, index)
    return deleted


def _shelf(parts: Platform, family: str) -> Shelf:
    published = {
        naming.version_name(one.family, one.stage, one.period, one.revision): one.published_at
        for one in list_versions(parts.engine, family)
    }
    return Shelf(parts.datasets.list(family), parts.datasets.gone_names(family), published)


def _choice(parts: Platform, family: str, shelf: Shelf, day: dt.datetime) -> tuple[Choice, dict[str, str]]:
    """What goes, with what was retired already, and by version of which kind it is."""
    settings = parts.settings
    retired = parts.datasets.retired_names(family)
    closed = {revisions[-1].series for revisions in shelf.series("candidates").values()
              if revisions[-1].name in retired}  # fmt: skip
    kinds = {one.name: CANDIDATES if one.series in closed else REVISIONS for one in shelf.manifests}
    goes = [one for one in shelf.manifests if one.name in retired]
    held: Mapping[str, Any] = {}
    if settings.retention_candidates_days is not None:
        before = (day - dt.timedelta(days=settings.retention_candidates_days)).date()
        chosen = old_candidates(
            shelf,
            before.isoformat(),
            every=get_family(family).review == "all",
            decided=decided_months(parts.engine, family, before),
        )
        goes += chosen.versions
        held = chosen.held
        kinds |= {one.name: CANDIDATES for one in chosen.versions}
    if settings.retention_revisions_days is not None:
        limit = day - dt.timedelta(days=settings.retention_revisions_days)
        there = {one.name for one in goes}
        needed = _learned_from(parts, family)
        goes += [one for one in superseded(shelf, limit, needed) if one.name not in there]
    return Choice(tuple(goes), held), kinds


def _learned_from(parts: Platform, family: str) -> set[str]:
    """Names of the versions that models learned from that are or were in production, are tried out, or passed
    the gate and may be promoted yet.
    """
    rollout = tables.Rollout.__table__
    with transaction(parts.engine) as connection:
        tried = set(connection.scalars(select(rollout.c.version).where(rollout.c.family == family)))
    served = {one.to_version for one in list_promotions(parts.engine, family)} | tried
    return {
        one.dataset
        for one in parts.registry.versions(family)
        if one.dataset and (one.production or one.version in served or (one.gate or {}).get("passed"))
    }


def _index(
    parts: Platform, family: str, shelf: Shelf, versions: tuple[Manifest, ...]
) -> tuple[OldRows | None, list[Line]]:
    """The rows of the index that point into days whose latest version is retired, or is about to be."""
    names = {one.name for one in versions} | parts.datasets.retired_names(family, "candidates")
    days = [
        dt.date.fromisoformat(period)
        for period, revisions in shelf.series("candidates").items()
        if revisions[-1].name in names
    ]
    if not days:
        return None, []
    old = index_of(family, days)
    lines = count_old(parts.engine, old)
    return (old, lines) if lines else (None, [])


def _line(one: Manifest, kind: str, keys: list[str], sizes: Mapping[str, int]) -> Line:
    month = "" if one.stage == "gold" else one.period[:7]
    return Line(kind, one.name, month, len(keys), "objects", sum(sizes[key] for key in keys))


def _held(family: str, reason: str, days: Any) -> str:
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    what = f"{len(days)} days" if len(days) > 1 else "1 day"
    advice = "" if reason.endswith(STILL_BUILT) else " Run build-datasets-monthly for the month."
    return f"Candidates of {family} of {what} ({span}) stay: {reason}.{advice}"
