"""Rows with outcomes that versions did not learn from: the monitor, roll-backs and rollouts judge by these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform, epoch_us
from models.family import Family
from models.monitoring.contract import Watch
from storage.datasets.manifest import Manifest
from tasks.platform import Platform


@dataclass(frozen=True)
class Learned:
    """What of a version's dataset tells which rows are news to it.

    Attributes:
        newest: when its youngest row was asked, in microseconds since 1970; minus infinity: it has none.
        entities: whom, or what, its rows are about.
        history: all its rows, where rows with outcomes are judged together with what came before; else None.
    """

    newest: float
    entities: pa.Array
    history: pa.Table | None = None


def watch_of(family: Family) -> Watch:
    """What the monitor looks at. Raises ValueError: at nothing of this family."""
    if family.watch is None:
        raise ValueError(f"family {family.name} has no watch")
    return family.watch


def dataset_of(parts: Platform, name: str) -> Manifest:
    """The dataset version called ``name``; its latest revision where a person in that one was forgotten."""
    manifest = parts.datasets.find(name)
    if parts.datasets.is_erased(manifest):
        return parts.datasets.manifest(manifest.family, manifest.stage, manifest.period)
    return manifest


def learned_of(family: Family, table: pa.Table, about: pa.Table | None = None) -> Learned:
    """What ``table``, all rows of a dataset, tells; the entities are those of ``about``, a part of it."""
    newest = pc.max(epoch_us(table[family.time])).as_py()
    entities = pc.unique((table if about is None else about)[family.entity].drop_null())
    return Learned(
        float("-inf") if newest is None else float(newest),
        entities.combine_chunks() if isinstance(entities, pa.ChunkedArray) else entities,
        conform(table, family.schema) if watch_of(family).history else None,
    )


def unseen(family: Family, found: Any, learned: Learned, since: float = float("-inf")) -> Any:
    """Those of ``found`` (a table or a stream) of ``since`` or later that are news to a version.

    Where outcomes come by themselves a row is news when it is younger than all that the version has; and only
    when it is about nobody (nothing) in there, unless these come back by their nature.
    """
    times = epoch_us(found[family.time])
    keep = pc.greater_equal(times, since) if since > float("-inf") else pc.is_valid(times)
    if watch_of(family).live_stage == "candidates":
        keep = pc.and_(keep, pc.greater(times, learned.newest))
    if not family.returning:
        keep = pc.and_(keep, pc.invert(pc.is_in(found[family.entity], value_set=learned.entities)))
    return found.filter(keep)


def with_outcome(
    family: Family, found: Any, learned: Sequence[Learned], options: Any, since: float = float("-inf")
) -> Any:
    """Those of ``found``, news to all ``learned``, whose outcome is known, as ``Family.evaluate`` takes them.

    Where they are judged together with what came before, that is the longest history of ``learned``.
    """
    own = watch_of(family).live
    latest = max(learned, key=lambda one: (one.newest, one.history.num_rows if one.history else 0))
    if latest.history is not None:
        found = pa.concat_tables([latest.history, conform(found, family.schema)])
    known = own(found, options) if own is not None else found.filter(pc.is_valid(found[family.label]))
    return known if latest.history is None else younger(family, known, max(since, latest.newest))


def younger(family: Family, questions: pa.Table, moment: float) -> pa.Table:
    """Those of ``questions`` that are asked after ``moment`` (microseconds since 1970): the newest stretch of
    rows may begin amid what a version was measured on already.
    """
    return questions.filter(pc.greater(epoch_us(questions[family.time]), moment))
