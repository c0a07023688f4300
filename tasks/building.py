"""What a month's versions are made of: the plan, what it would publish, and its publication.

No Prefect here: the flow's tasks publish (tasks/datasets.py), the admin pages show what would be published.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import VersionNotFound, VersionRetired
from config.settings import Settings
from models.candidates import Verdict
from models.family import Family, get_family
from storage import reviews
from storage.candidate_days import days_of
from storage.candidates import Filter, counts
from storage.datasets.diff import compare
from storage.datasets.manifest import Manifest
from storage.datasets.merge import (
    ACCEPT,
    CORRECT,
    Decision,
    MergePlan,
    Selection,
    Settle,
    Source,
    decisions_by_key,
    merged,
    plan_merge,
)
from storage.reviews import Review
from tasks.periods import month_bounds
from tasks.platform import Platform
from tasks.reviewing import correction
from tasks.versions import publish_and_record

MADE_BY = "build-datasets-monthly"
FLAG, SPLIT, PREDICTED = "flag", "split", "predicted_class"
_BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Build:
    """A version that could be published.

    Attributes:
        versions: what it is built from, and ``sources`` their rows; ``skims`` read some columns of them.
        plan: which of those rows stay, and by whose decision.
        decided: how many decisions keep a row, where only decided rows are kept.
    """

    family: Family
    stage: str
    month: str
    versions: tuple[Manifest, ...]
    sources: tuple[Source, ...]
    skims: tuple[Source, ...]
    plan: MergePlan
    settle: Settle
    decided: int = 0

    def rows(self) -> Iterator[pa.RecordBatch]:
        """The rows of the version, as a stream."""
        return merged(self.plan, self.sources, schema=self.family.schema, settle=self.settle)

    def light_rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The same rows without the family's heavy columns, or with some ``columns`` only."""
        light = [name for name in self.family.schema.names if name not in self.family.heavy]
        wanted = light if columns is None else list(columns)
        # the label and what an admin wrote down depend on columns that need not be asked for
        for batch in merged(
            self.plan, self.skims, schema=self.family.schema, settle=self.settle, columns=light
        ):
            yield batch.select(wanted)


def plan_verified(parts: Platform, family_name: str, month: str) -> Build:
    """What ``verified/<month>`` is made of.

    Where flagged rows alone need an admin: the month's candidates that need none, or that one let pass. Where
    every row does: what was confirmed or corrected in that month, whatever day it was collected on.

    Raises:
        VersionRetired: candidates that the month's version was built from are gone: it stays as it is.
    """
    family = get_family(family_name)
    _require_candidates(parts, family_name, month)
    if family.review == "flagged":
        days = parts.datasets.latest_of_each(family_name, "candidates", f"{month}-")
        decisions = _decisions(family, reviews.latest_decisions(parts.engine, family_name))
        return _build(parts, family, "verified", month, days, Selection(FLAG, decisions))
    return plan_decided(parts, family_name, *month_bounds(month))


def plan_decided(parts: Platform, family_name: str, start: dt.datetime, end: dt.datetime) -> Build:
    """The rows that admins confirmed or corrected in ``start <= t < end``, as a verified version has them.

    For a family of which every row needs an admin.
    """
    family = get_family(family_name)
    made = reviews.decisions_between(parts.engine, family_name, start, end)
    days = _days_of(parts, family_name, [name for name in made if made[name].decision in (ACCEPT, CORRECT)])
    selection = Selection(FLAG, _decisions(family, made), only_decided=True)
    return _build(parts, family, "verified", f"{start:%Y-%m}", days, selection)


def plan_days(parts: Platform, family_name: str, days: Sequence[Manifest], until: dt.datetime) -> Build:
    """The rows of candidates versions that need no admin, or that one had let pass before ``until``.

    For a family of which flagged rows alone need an admin.
    """
    family = get_family(family_name)
    made = reviews.decisions_between(parts.engine, family_name, _BEGINNING, until)
    return _build(parts, family, "verified", f"{until:%Y-%m}", days, Selection(FLAG, _decisions(family, made)))


def plan_full(parts: Platform, family_name: str, month: str, *, verified: Build | None = None) -> Build:
    """What ``full/<month>`` is made of: the gold set and every verified month up to it, later rows winning.

    Where every row needs an admin, what counted at the end of the month counts: a row that was rejected or
    withdrawn since it was verified drops out, and one that was corrected since has the later label.

    Args:
        parts: the platform.
        family_name: name of the family.
        month: as YYYY-MM.
        verified: what ``verified/<month>`` would be, to be used in place of what is published.

    Raises:
        VersionNotFound: there is neither a gold set nor any verified month.
    """
    family = get_family(family_name)
    gold = parts.datasets.latest(family_name, "gold")
    months = [
        manifest
        for manifest in parts.datasets.latest_of_each(family_name, "verified")
        if manifest.period < month or (manifest.period == month and verified is None)
    ]
    versions = [*([gold] if gold else []), *months]
    if not versions and verified is None:
        raise VersionNotFound(f"Family '{family_name}' has no gold set and no verified month up to {month}.")
    if family.review == "flagged":
        return _build(parts, family, "full", month, versions, None, also=verified)
    made = reviews.decisions_between(parts.engine, family_name, _BEGINNING, month_bounds(month)[1])
    selection = Selection(FLAG, _decisions(family, made), only_decided=True)
    return _build(parts, family, "full", month, versions, selection, free=1 if gold else 0, also=verified)


def publish(parts: Platform, build: Build, *, at: dt.datetime, run_id: str) -> dict[str, Any]:
    """Publish ``build`` and record it; doing it again finds the same bytes.

    Returns:
        Figures: rows ``read``, ``kept``, ``corrected``, ``accepted``, ``rejected``, ``superseded``, and
        ``waiting for review`` or ``undecided``; ``classes`` and ``split``; the ``dataset`` and whether it is
        ``new``.
    """
    published = publish_and_record(
        parts,
        at=at,
        run_id=run_id,
        family=build.family.name,
        stage=build.stage,
        period=build.month,
        schema=build.family.schema,
        batches=build.rows(),
        made_by=MADE_BY,
        label=build.family.label,
        split=SPLIT,
        built_from=[manifest.ref for manifest in build.versions],
        details=dict(build.plan.report),
        workers=workers_for(build.family),
    )
    manifest = published.manifest
    return {
        "family": build.family.name,
        "stage": build.stage,
        "month": build.month,
        "dataset": manifest.ref.name,
        "new": published.created,
        "rows": manifest.rows,
        "classes": dict(manifest.classes),
        "split": dict(manifest.split),
        "built from": len(build.versions),
        "waiting for review": _waiting(parts, build),
        **build.plan.report,
    }


def preview(parts: Platform, family_name: str, month: str) -> dict[str, Any]:
    """What ``verified/<month>`` and ``full/<month>`` would have if they were built now; nothing is published.

    Returns:
        ``{"family", "month", "verified": {...}, "full": {...}}``. Each has ``rows``, ``classes``, ``split``,
        ``built_from`` (names), ``read``, ``kept``, ``accepted``, ``corrected``, ``rejected``, ``superseded``,
        ``waiting`` (now, whatever the month) and ``missing`` (decided, but no longer among the candidates;
        counted where only decided rows are kept),
        and ``change`` to the version ``latest`` (the one of that month, or else the last before it; None where
        there is none): ``added``, ``removed``, ``relabelled``, ``unchanged``. ``full`` is None where there is
        nothing to build it of.

    Raises:
        InputError: there is no such family, or ``month`` is none.
    """
    verified = plan_verified(parts, family_name, month)
    full = plan_full(parts, family_name, month, verified=verified)
    return {
        "family": family_name,
        "month": month,
        "verified": _preview(parts, verified),
        "full": _preview(parts, full) if full.sources else None,
    }


def workers_for(family: Family) -> int:
    """Threads that write a version which is read from others at the same time: with pictures in it, memory is
    what is short, and not processors.
    """
    return 1 if family.heavy else 2


def settling(family: Family, settings: Settings) -> Settle:
    """What decisions make of rows of ``family``: their labels, and who decided.

    A class that was one when the decision was made may no longer be: the row keeps it, and training leaves it
    out. A row of which nothing was predicted cannot be confirmed: it keeps no label.
    """
    own, options = family.settle, family.options(settings)
    if own is not None:
        return lambda rows, decided: own(rows, _verdicts(rows, decided), _knowing(options, rows, decided))
    correct = correction(family, settings)

    def corrected(rows: pa.RecordBatch, decided: Mapping[int, Decision]) -> pa.RecordBatch:
        labels = {row: one.corrected_label for row, one in decided.items() if one.corrected_label is not None}
        return correct(rows, labels) if labels else rows

    return corrected


def _verdicts(rows: pa.RecordBatch, decided: Mapping[int, Decision]) -> dict[int, Verdict]:
    predicted = rows.column(PREDICTED).to_pylist()
    return {
        row: Verdict(one.decision, one.corrected_label, one.decided_by or "", one.decided_at or _BEGINNING)
        for row, one in decided.items()
        if one.decision != ACCEPT or predicted[row] is not None
    }


def _knowing(options: Any, rows: pa.RecordBatch, decided: Mapping[int, Decision]) -> Any:
    """``options`` with the classes that the rows and decisions have, beside those of the settings."""
    said = {one.corrected_label for one in decided.values()} | set(rows.column(PREDICTED).to_pylist())
    strange = sorted(name for name in said if name is not None and name not in options.classes)
    return options.with_classes((*options.classes, *strange)) if strange else options


def _build(
    parts: Platform,
    family: Family,
    stage: str,
    month: str,
    versions: Sequence[Manifest],
    selection: Selection | None,
    *,
    free: int = 0,
    also: Build | None = None,
) -> Build:
    sources: list[Source] = [partial(parts.datasets.batches, manifest, ahead=False) for manifest in versions]
    skims: list[Source] = [partial(_skim, parts, manifest) for manifest in versions]
    if also is not None:
        sources.append(lambda columns: also.rows() if columns is None else also.light_rows(columns))
        skims.append(also.light_rows)
    plan = plan_merge(skims, key=family.key, selection=selection, free=free)
    settle = settling(family, parts.settings)
    decided = 0
    if selection is not None and selection.only_decided:  # else the decisions are about all months
        decided = sum(one.decision in (ACCEPT, CORRECT) for one in selection.decisions.values())
    return Build(family, stage, month, tuple(versions), tuple(sources), tuple(skims), plan, settle, decided)


def _skim(parts: Platform, manifest: Manifest, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """``columns`` of a version, or those of them that it has: older versions may lack some."""
    there = manifest.columns if columns is None else [name for name in columns if name in manifest.columns]
    return parts.datasets.skim(manifest, there)


def _decisions(family: Family, made: dict[str, Review]) -> dict[str, Decision]:
    decided = {
        name: Decision(one.decision, one.corrected_label, one.decided_by, one.decided_at)
        for name, one in made.items()
    }
    return decisions_by_key(decided, key=family.key, schema=family.schema)


def _require_candidates(parts: Platform, family_name: str, month: str) -> None:
    """Built anew, the month would lack what retention has deleted since."""
    built = parts.datasets.latest_of_each(family_name, "verified", month)
    used = {ref.name for manifest in built[-1:] for ref in manifest.built_from}
    retired = sorted(used & parts.datasets.retired_names(family_name, "candidates"))
    if retired:
        raise VersionRetired(
            f"{built[-1].series} stays as it is: retention deleted candidates that it was built from,"
            f" {retired[0]} for one.",
            hint="RETENTION_CANDIDATES_DAYS says how long a month can be built anew.",
        )


def _days_of(parts: Platform, family_name: str, candidates: Sequence[str]) -> list[Manifest]:
    """The days that the candidates were collected on; all days where the index does not know of one."""
    if not candidates:
        return []
    known = days_of(parts.engine, family_name, candidates)
    wanted = {day.isoformat() for day in known.values()}
    retired = parts.datasets.retired_names(family_name, "candidates")
    days = [day for day in parts.datasets.latest_of_each(family_name, "candidates") if day.name not in retired]
    return days if len(known) < len(candidates) else [day for day in days if day.period in wanted]


def _waiting(parts: Platform, build: Build) -> int:
    """Rows that need an admin: of the month's days, or of all days where every row needs one."""
    if "undecided" not in build.plan.report:
        return build.plan.report["waiting for review"]
    if build.stage != "verified":
        return 0
    return counts(parts.engine, Filter(build.family.name)).by_state.get("waiting", 0)


def _preview(parts: Platform, build: Build) -> dict[str, Any]:
    classes, split = Counter[str](), Counter[str]()
    for batch in build.light_rows([build.family.label, SPLIT]):
        for counter, name in ((classes, build.family.label), (split, SPLIT)):
            for entry in pc.value_counts(batch.column(name)).to_pylist():
                if entry["values"] is not None:
                    counter[entry["values"]] += entry["counts"]
    report = dict(build.plan.report)
    found = report["accepted"] + report["corrected"]
    figures = ("read", "kept", "accepted", "corrected", "rejected", "superseded")
    return {
        "rows": report["kept"],
        "classes": dict(sorted(classes.items())),
        "split": dict(sorted(split.items())),
        "built_from": [manifest.name for manifest in build.versions],
        **{name: report[name] for name in figures},
        "waiting": _waiting(parts, build),
        "missing": max(0, build.decided - found) if build.stage == "verified" else 0,
        **_change(parts, build),
    }


def _change(parts: Platform, build: Build) -> dict[str, Any]:
    before = [
        manifest
        for manifest in parts.datasets.latest_of_each(build.family.name, build.stage)
        if manifest.period == build.month or (build.stage == "full" and manifest.period < build.month)
    ]
    if not before:
        return {"latest": None, "change": None}
    latest = before[-1]
    found = compare(
        partial(parts.datasets.skim, latest), build.light_rows, build.family.key, build.family.label
    )
    names = ("added", "removed", "relabelled", "unchanged")
    return {"latest": latest.name, "change": {name: getattr(found, name) for name in names}}
