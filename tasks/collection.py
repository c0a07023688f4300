"""Collecting: what became known of a family on a day, to a candidates version and the index of candidates."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import AssayError
from models.family import Family, Window, get_family
from storage.datasets.repository import Published
from storage.erasure import is_erased, rows_guard
from storage.sources import after_collect, open_photos, read_sources
from tasks.candidates import FLAG, index_version
from tasks.kept_pictures import with_kept
from tasks.options import options_of
from tasks.periods import day_window
from tasks.platform import Platform, platform
from tasks.policy import TRANSIENT, networked
from tasks.reviewing import kind
from tasks.runtime import now, run_id
from tasks.versions import publish_and_record

MADE_BY = "collect-daily"
NO_OUTCOME, FORGOTTEN = "no outcome known", "of forgotten users"


@networked("publish candidates")
def publish_candidates(family_name: str, day: dt.date) -> dict[str, Any]:
    """Publish what became known on ``day`` as ``candidates/<day>``, and settle it: see :func:`collect` and
    :func:`settle`; figures of both.
    """
    with platform() as parts, rows_guard(parts.engine, family_name):
        return collect(parts, family_name, day) | settle(parts, family_name, day)


@networked("publish examples")
def publish_examples(family_name: str, day: dt.date) -> dict[str, Any]:
    """Publish what became known on ``day``, beside others who publish other days: see :func:`collect`."""
    with platform() as parts, rows_guard(parts.engine, family_name, shared=True):
        return collect(parts, family_name, day)


@networked("settle days")
def settle_days(family_name: str, days: Sequence[dt.date]) -> tuple[dict[dt.date, dict[str, Any]], list[str]]:
    """Settle published days, one after the other (see :func:`settle`).

    Returns:
        Figures of each day, and a sentence for each one that failed.
    """
    settled, failures = {}, []
    for day in days:
        with platform() as parts, rows_guard(parts.engine, family_name):
            try:
                settled[day] = settle(parts, family_name, day)
            except TRANSIENT:
                raise  # a later attempt mends it, and finds what is done
            except AssayError as error:
                failures.append(f"{family_name} {day}: {error}")
    return settled, failures


def collect(parts: Platform, family_name: str, day: dt.date) -> dict[str, Any]:
    """Publish what became known on ``day`` as ``candidates/<day>``; nothing becomes an empty version.

    Publishing the same day again finds the same bytes and changes nothing; with late data it becomes the next
    revision.

    Returns:
        Figures of the day: ``read`` (rows by source), ``dropped`` (rows by reason), ``examples``, ``classes``,
        ``flagged`` (by kind of reason), the version's ``dataset`` name, whether it is ``new``, and whether
        flagged rows are ``set aside``.
    """
    family = get_family(family_name)
    options = options_of(family, parts.settings)
    window = day_window(day)
    sources = _sources(parts, family, window, day, options)
    read = {name: sources[name].num_rows for name in sorted(_reported(sources))}
    dropped = _leave_out_forgotten(parts, family, sources) | dict(sources.pop("left_out", {}))
    examples = family.collect(sources, window, options)
    if isinstance(examples, pa.Table) and family.about is not None:
        whole, examples = examples.num_rows, _without_theirs(parts, family, examples)
        dropped[FORGOTTEN] += whole - examples.num_rows
    flagged: Counter[str] = Counter()
    published = _publish(parts, family, day, _counted(_batches(examples), flagged), flagged)
    manifest = published.manifest
    dropped |= dict(getattr(examples, "dropped", {}))
    if isinstance(examples, pa.Table):
        matured = _matured(family, sources, window, options)
        dropped[NO_OUTCOME] = max(matured - examples.num_rows, 0)
    return {
        "family": family_name,
        "day": day.isoformat(),
        "dataset": manifest.ref.name,
        "new": published.created,
        "classes": dict(manifest.classes),
        "read": read,
        "dropped": dropped,
        "examples": manifest.rows,
        "flagged": dict(sorted(flagged.items())),
        "set aside": family.review == "all",
    }


def settle(parts: Platform, family_name: str, day: dt.date) -> dict[str, Any]:
    """Bring the index of candidates in line with the version of ``day``, and give rows their outcomes.

    Both depend on the days before, so that days are settled in their order.

    Returns:
        How many rows of the index changed (``indexed``), and how many rows got their outcome (``joined``, by
        what they are).
    """
    family = get_family(family_name)
    options = options_of(family, parts.settings)
    window = day_window(day)
    manifest = parts.datasets.latest_of_each(family_name, "candidates", day.isoformat())[0]
    indexed = index_version(parts, family, day, manifest, options)
    joined = after_collect(parts.engine, family_name, window.start, window.end, options=options)
    return {"indexed": indexed.changed, "joined": joined}


def _publish(
    parts: Platform, family: Family, day: dt.date, batches: Iterable[pa.RecordBatch], flagged: Counter[str]
) -> Published:
    return publish_and_record(
        parts,
        at=now(),
        run_id=run_id(),
        family=family.name,
        stage="candidates",
        period=day.isoformat(),
        schema=family.schema,
        batches=batches,
        made_by=MADE_BY,
        label=family.label,
        split="split",
        # of the rows alone: what else was read that day is for the report, and makes no new revision
        details=lambda: {"flagged": dict(sorted(flagged.items()))},
    )


def _sources(parts: Platform, family: Family, window: Window, day: dt.date, options: Any) -> dict[str, Any]:
    """What the family collects from; pictures as they were collected, where the day was collected before."""
    span = family.source_span(window, options)
    sources = read_sources(
        parts.engine,
        family.name,
        span.start,
        span.end,
        photos=open_photos(parts.settings, family.name),
        bucket=parts.settings.style_photo_bucket,
        day=day,
        options=options,
    )
    if "photos" in sources:
        sources["photos"] = with_kept(parts, family, day, options, sources["photos"])
    return sources


def _leave_out_forgotten(parts: Platform, family: Family, sources: dict[str, Any]) -> dict[str, int]:
    """Take the rows of forgotten people out of ``sources``; how many those were."""
    if family.person is None:
        return {}
    forgotten = 0
    for name in _reported(sources):
        kept = _without_forgotten(sources[name], family.person, parts)
        forgotten += sources[name].num_rows - kept.num_rows
        sources[name] = kept
    return {FORGOTTEN: forgotten}


def _reported(sources: Mapping[str, Any]) -> list[str]:
    """Names of the tables of what came in: not what is known from before, and no functions."""
    return [name for name, value in sources.items() if isinstance(value, pa.Table) and name != "seen"]


def _without_forgotten(table: pa.Table, person: str, parts: Platform) -> pa.Table:
    if person not in table.column_names:
        return table
    people = pc.unique(table[person].drop_null()).to_pylist()
    erased = is_erased(parts.engine, parts.settings, people)
    if not erased:
        return table
    return table.filter(pc.invert(pc.is_in(table[person], value_set=pa.array(sorted(erased), pa.string()))))


def _without_theirs(parts: Platform, family: Family, examples: pa.Table) -> pa.Table:
    """``examples`` without those that are about forgotten people, or about what they made. What they did was
    left out before, so that rows that name them as theirs describe what they made.
    """
    person, about = str(family.person), str(family.about)
    people = {
        name for column in (person, about) for name in pc.unique(examples[column].drop_null()).to_pylist()
    }
    erased = is_erased(parts.engine, parts.settings, sorted(people))
    if not erased:
        return examples
    theirs = pc.is_in(examples[person], value_set=pa.array(sorted(erased), pa.string()))
    things = erased | set(examples[about].filter(theirs).to_pylist())
    gone = pc.or_(theirs, pc.is_in(examples[about], value_set=pa.array(sorted(things), pa.string())))
    return examples.filter(pc.invert(gone))


def _batches(examples: pa.Table | Iterator[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    return examples.to_batches() if isinstance(examples, pa.Table) else examples


def _counted(batches: Iterable[pa.RecordBatch], flagged: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The same batches; what they flag is counted as they pass."""
    for batch in batches:
        flagged.update(map(kind, batch.column(FLAG).drop_null().to_pylist()))
        yield batch


def _matured(family: Family, sources: Mapping[str, Any], window: Window, options: Any) -> int:
    """How many different moments of prediction had their horizon in ``window``."""
    horizon = getattr(options, "horizon", dt.timedelta())
    moment_type = family.schema.field(family.time).type
    start, end = (pa.scalar(moment - horizon, moment_type) for moment in (window.start, window.end))
    keys = []
    for name in _reported(sources):
        table = sources[name]
        if set(family.key) <= set(table.column_names):
            time = table[family.time]
            inside = pc.and_(pc.greater_equal(time, start), pc.less(time, end))
            keys.append(table.select(list(family.key)).filter(inside))
    if not keys:
        return 0
    together = pa.concat_tables(keys, promote_options="permissive")
    return int(together.group_by(list(family.key)).aggregate([]).num_rows)
