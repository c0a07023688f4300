"""Which dataset versions may go: candidates that were verified, and revisions that nothing needs. Pure.

A version that goes is retired: its manifest stays, so that what was built from it can still be followed, and
its rows and the parts that only it names are deleted (``DatasetRepository.retire``).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storage.datasets.manifest import Manifest

#: Why a day stays that somebody decided about in a month that may still be built anew.
STILL_BUILT = "is still built anew"
#: day -> month -> when a candidate of that day was last accepted or corrected in that month
Decided = Mapping[str, Mapping[str, datetime]]


@dataclass(frozen=True)
class Shelf:
    """All versions of one family, as they stand.

    Attributes:
        manifests: of every revision, those without rows too.
        gone: names of those without rows.
        published: when each was registered, by name.
    """

    manifests: Sequence[Manifest]
    gone: Collection[str]
    published: Mapping[str, datetime]

    def series(self, stage: str) -> dict[str, list[Manifest]]:
        """The revisions of each period of a stage, the latest last."""
        found: dict[str, list[Manifest]] = defaultdict(list)
        for one in self.manifests:
            if one.stage == stage:
                found[one.period].append(one)
        return {period: sorted(found[period], key=lambda one: one.revision) for period in sorted(found)}

    def live(self) -> list[Manifest]:
        """Those that have rows."""
        return [one for one in self.manifests if one.name not in self.gone]


@dataclass(frozen=True)
class Choice:
    """Which versions may go, and by reason which days stay though they are old enough."""

    versions: tuple[Manifest, ...] = ()
    held: Mapping[str, Sequence[str]] = field(default_factory=dict)


def old_candidates(shelf: Shelf, before: str, *, every: bool, decided: Decided) -> Choice:
    """The candidates of days before ``before`` (YYYY-MM-DD) whose rows are in a verified version.

    Args:
        shelf: the family's versions.
        before: the first day that stays.
        every: whether only what somebody decided is verified, in the month of the decision; else a day's rows
            are verified in its own month. A month after that of ``before`` is not over for long: without the
            day it could not be built anew, and would lack what is decided from now on.
        decided: what was decided about candidates of each day.
    """
    verified = {month: revisions[-1] for month, revisions in shelf.series("verified").items()}
    goes: list[Manifest] = []
    held: dict[str, list[str]] = defaultdict(list)
    for day, revisions in shelf.series("candidates").items():
        live = [one for one in revisions if one.name not in shelf.gone]
        if day >= before or not live:
            continue
        made = decided.get(day, {})
        months = sorted(made) if every else [day[:7]]
        reasons = [_lacking(shelf, revisions[-1], verified.get(month), month, made, every) for month in months]
        reasons += [f"verified/{month} {STILL_BUILT}" for month in months if month > before[:7]]
        reason = next((one for one in reasons if one), None)
        if reason:
            held[reason].append(day)
        else:
            goes += live
    return Choice(tuple(goes), dict(held))


def _lacking(
    shelf: Shelf,
    latest: Manifest,
    verified: Manifest | None,
    month: str,
    made: Mapping[str, datetime],
    every: bool,
) -> str | None:
    """Why the rows of ``latest`` are not safe in the month's verified version; None where they are."""
    name = f"verified/{month}"
    if verified is None or verified.name in shelf.gone:
        return f"{name} is not built"
    if latest.ref not in verified.built_from:
        return f"{name} was built without them"
    last = made.get(month) if every else max(made.values(), default=None)
    built = shelf.published.get(verified.name)
    if last is not None and (built is None or last > built):
        return f"{name} was built before all was decided"
    return None


def superseded(shelf: Shelf, before: datetime, protected: Iterable[str]) -> tuple[Manifest, ...]:
    """Revisions that were superseded before that moment, and that nothing which stays was built from.

    Args:
        shelf: the family's versions.
        before: by when the next revision must have been published.
        protected: names of versions that stay whatever their age, with all that they were built from.
    """
    kept = set(protected)
    live = shelf.live()
    goes = {
        one.name: one
        for stage in ("candidates", "verified", "full", "gold")
        for revisions in shelf.series(stage).values()
        for one, following in itertools.pairwise(revisions)
        if one.name not in shelf.gone and one.name not in kept and _is_older(shelf, following, before)
    }
    while True:
        needed = {ref.name for one in live if one.name not in goes for ref in one.built_from}
        stays = needed & set(goes)
        if not stays:
            return tuple(goes.values())
        for name in stays:
            del goes[name]


def _is_older(shelf: Shelf, following: Manifest, before: datetime) -> bool:
    published = shelf.published.get(following.name)
    return published is not None and published < before


def freed(shelf: Shelf, versions: Sequence[Manifest], sizes: Mapping[str, int]) -> dict[str, list[str]]:
    """By name of each of ``versions``, the keys of its parts that are there and that no version with rows names
    once they are retired; a part that several name is told of the first.

    Args:
        shelf: the family's versions.
        versions: those that go, or have gone already.
        sizes: bytes of all parts that are there, by key.
    """
    names = {one.name for one in versions}
    needed = {part.key for one in shelf.live() if one.name not in names for part in one.parts}
    found: dict[str, list[str]] = {}
    told: set[str] = set()
    for one in versions:
        keys = [part.key for part in one.parts if part.key in sizes and part.key not in needed | told]
        told.update(keys)
        found[one.name] = list(dict.fromkeys(keys))
    return found
