"""Cleaning up after writers that were killed: parts without a manifest, and unfinished writes."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from config.errors import ObjectNotFound
from storage.datasets import naming
from storage.objects import ObjectInfo, ObjectStore


class NamedParts(Protocol):
    """Tells the keys that manifests name now: all of them, or those of one ``family/stage/period``."""

    def __call__(self, series: str | None = None) -> set[str]:
        """Keys of parts."""
        ...


def collect_garbage(
    store: ObjectStore,
    named_parts: NamedParts,
    guard: Callable[[str], contextlib.AbstractContextManager[None]],
    *,
    before: datetime,
    delete: bool,
) -> list[ObjectInfo]:
    """Orphaned parts and unfinished writes from before that moment, removed if ``delete``.

    Parts are listed before manifests are read: what is published in between is then seen as named. A removal
    holds the lock of a commit and looks again, so that it cannot come between a writer's last look at its parts
    and its manifest. Only keys of the shape of a part are ever touched.
    """
    old = [
        info for info in store.list(naming.PARTS) if info.modified < before and naming.series_of_part(info.key)
    ]
    named = named_parts()
    orphans = [info for info in old if info.key not in named]
    if delete:
        orphans = _remove(store, named_parts, guard, orphans, before)
    return [*orphans, *store.sweep(before, delete=delete)]


def remove_unnamed(
    store: ObjectStore,
    named_parts: NamedParts,
    guard: Callable[[str], contextlib.AbstractContextManager[None]],
    keys: Iterable[str],
) -> list[ObjectInfo]:
    """Remove those of ``keys`` that are there and that no manifest names."""
    there = []
    for key in keys:
        with contextlib.suppress(ObjectNotFound):
            there.append(store.stat(key))
    return _remove(store, named_parts, guard, there, datetime.max.replace(tzinfo=UTC))


def _remove(
    store: ObjectStore,
    named_parts: NamedParts,
    guard: Callable[[str], contextlib.AbstractContextManager[None]],
    orphans: list[ObjectInfo],
    before: datetime,
) -> list[ObjectInfo]:
    by_series: dict[str, list[ObjectInfo]] = defaultdict(list)
    for info in orphans:
        by_series[naming.series_of_part(info.key) or ""].append(info)
    removed = []
    for series, infos in by_series.items():
        with guard(naming.guard_name(series)):
            named = named_parts(series)
            for info in infos:
                if info.key not in named and _still_old(store, info.key, before):
                    store.delete(info.key)
                    removed.append(info)
    return removed


def _still_old(store: ObjectStore, key: str, before: datetime) -> bool:
    """Whether no writer has written the part anew since it was listed."""
    try:
        return store.stat(key).modified < before
    except ObjectNotFound:
        return False
