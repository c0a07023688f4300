"""Collecting: a day's matured examples of a family, from the database to a candidates version."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.family import Family, Window, get_family
from storage.sources import read_sources
from tasks.periods import day_window
from tasks.platform import platform
from tasks.policy import networked
from tasks.reviewing import kind
from tasks.runtime import now, run_id
from tasks.versions import publish_and_record

MADE_BY = "collect-daily"


@networked("publish candidates")
def publish_candidates(family_name: str, day: dt.date) -> dict[str, Any]:
    """Publish what matured on ``day`` as ``candidates/<day>``; a day without examples becomes an empty version.

    Publishing the same day again finds the same bytes and changes nothing; with late data it becomes the next
    revision.

    Returns:
        Figures of the day: ``read`` (rows by source), ``matured``, ``without outcome``, ``examples``,
        ``classes``, ``flagged`` (by kind of reason), the version's ``dataset`` name and whether it is ``new``.
    """
    with platform() as parts:
        family = get_family(family_name)
        options = family.options(parts.settings)
        window = day_window(day)
        span = family.source_span(window, options)
        sources = read_sources(parts.engine, family_name, span.start, span.end)
        examples = family.collect(sources, window, options)
        flagged = dict(sorted(Counter(map(kind, examples["flag"].drop_null().to_pylist())).items()))
        published = publish_and_record(
            parts,
            at=now(),
            run_id=run_id(),
            family=family_name,
            stage="candidates",
            period=day.isoformat(),
            schema=family.schema,
            batches=examples.to_batches(),
            made_by=MADE_BY,
            label=family.label,
            split="split",
            # of the rows alone: what else was read that day is for the report, and makes no new revision
            details={"flagged": flagged},
        )
    manifest = published.manifest
    matured = max(_matured(family, sources, window, options), examples.num_rows)
    return {
        "family": family_name,
        "day": day.isoformat(),
        "dataset": manifest.ref.name,
        "new": published.created,
        "classes": dict(manifest.classes),
        "read": {name: table.num_rows for name, table in sorted(sources.items())},
        "matured": matured,
        "without outcome": matured - examples.num_rows,
        "examples": examples.num_rows,
        "flagged": flagged,
    }


def _matured(family: Family, sources: Mapping[str, pa.Table], window: Window, options: Any) -> int:
    """How many different moments of prediction had their horizon in ``window``."""
    horizon = getattr(options, "horizon", dt.timedelta())
    moment_type = family.schema.field(family.time).type
    start, end = (pa.scalar(moment - horizon, moment_type) for moment in (window.start, window.end))
    keys = []
    for table in sources.values():
        if set(family.key) <= set(table.column_names):
            time = table[family.time]
            inside = pc.and_(pc.greater_equal(time, start), pc.less(time, end))
            keys.append(table.select(list(family.key)).filter(inside))
    if not keys:
        return 0
    together = pa.concat_tables(keys, promote_options="permissive")
    return int(together.group_by(list(family.key)).aggregate([]).num_rows)
