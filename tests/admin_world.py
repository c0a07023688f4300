"""A small platform for the admin pages to show: dataset versions, decisions, candidates that wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from config.settings import Settings, load_settings
from models.family import Window, get_family
from storage import reviews
from storage.candidates import IndexRow, index_candidates
from storage.datasets.manifest import Manifest
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from storage.versions import record_version
from tests.viral_world import AS_OF, FIRST_DAY, snapshots

AT = dt.datetime(2026, 11, 1, 1, tzinfo=dt.UTC)
CLASSES = ("Serious", "Soft", "Strong", "Sunny", "Vintage", "Warm")


@lru_cache(maxsize=1)
def viral_examples() -> pa.Table:
    """All examples of the sample world."""
    family = get_family("viral")
    midnight = [dt.datetime.combine(day, dt.time(), dt.UTC) for day in (FIRST_DAY, AS_OF)]
    return family.collect({"snapshots": snapshots()}, Window(*midnight), family.options(load_settings()))


def publish_viral(settings: Settings, engine: Engine) -> dict[str, Manifest]:
    """Candidates of each day of October, verified and full sets; October's were built twice."""
    examples = viral_examples()
    day = pc.strftime(examples["horizon_at"], "%Y-%m-%d")
    days = sorted({one for one in day.to_pylist() if one >= "2026-09-25"})
    made: dict[str, Manifest] = {}
    for one in days:
        rows = examples.filter(pc.equal(day, one))
        made |= _publish(settings, engine, "viral", "candidates", one, rows, made_by="collect-daily")
    parts = {stage: [made[f"viral/candidates/{one}"] for one in days if one.startswith(stage)] for stage in (
        "2026-09", "2026-10")}  # fmt: skip
    for month, versions in parts.items():
        rows = examples.filter(pc.starts_with(day, month))
        plain = rows.filter(pc.is_null(rows["flag"]))
        for chosen in (plain, rows) if month == "2026-10" else (plain,):
            made |= _publish(settings, engine, "viral", "verified", month, chosen, built_from=versions)
        before = examples.filter(pc.and_(pc.less(day, f"{month}-32"), pc.is_null(examples["flag"])))
        verified = [manifest for name, manifest in made.items() if name.startswith("viral/verified/")]
        made |= _publish(settings, engine, "viral", "full", month, before, built_from=verified)
    return made


def publish_face(settings: Settings, engine: Engine, photos: int = 60) -> dict[str, Manifest]:
    """A gold set, rows that two admins verified in a month, and the full set. Pictures are a few bytes."""
    gold = _photos(photos, "gold", None)
    verified = _photos(photos, "ana/p", "ana").slice(0, photos // 2)
    others = _photos(photos, "bea/p", "bea").slice(photos // 2)
    month = pa.concat_tables([verified, others])
    made = _publish(settings, engine, "face", "gold", "base", gold, made_by="add-gold")
    made |= _publish(settings, engine, "face", "verified", "2026-10", month)
    made |= _publish(
        settings,
        engine,
        "face",
        "full",
        "2026-10",
        pa.concat_tables([gold, month]),
        built_from=list(made.values()),
    )
    return made


def index_face(engine: Engine, waiting: int = 40, day: dt.date = dt.date(2026, 10, 19)) -> None:
    """Candidates that wait for an admin."""
    rows = [
        IndexRow(
            candidate=reviews.candidate_key([f"u{number % 7}/p{number}.jpg"]), entity=f"u{number % 7}",
            label=CLASSES[number % len(CLASSES)], confidence=0.5, margin=0.1, flag=None, kind=None,
            set_aside=False, image=f"u{number % 7}/p{number}.jpg", values={"width": 64, "height": 64},
            rank=number / 100, cluster=f"u{number % 7}",
        )
        for number in range(waiting)
    ]  # fmt: skip
    index_candidates(engine, "face", day, f"face/candidates/{day}", rows)


def decide_some(engine: Engine) -> None:
    """Decisions of two admins about flagged rows of viral in October."""
    examples = viral_examples()
    key = get_family("viral").key
    flagged = examples.filter(pc.is_valid(examples["flag"])).select(key).to_pylist()
    names = [reviews.candidate_key(row[name] for name in key) for row in flagged]
    at = dt.datetime(2026, 10, 20, 9, tzinfo=dt.UTC)
    reviews.decide(
        engine, family="viral", candidates=names[:3], decision="accept", decided_by="ana", decided_at=at
    )
    reviews.decide(
        engine, family="viral", candidates=names[3:5], decision="reject", decided_by="bea", decided_at=at,
        reason="bought likes",
    )  # fmt: skip


def _photos(count: int, prefix: str, verified_by: str | None) -> pa.Table:
    schema = get_family("face").schema
    rows: list[dict[str, Any]] = [
        {
            "photo": f"{prefix}{number:04}", "user_id": f"{prefix}{number % 9}",
            "at": AT - dt.timedelta(days=12),
            "label": CLASSES[(number * number) % len(CLASSES)], "verified_by": verified_by,
            "verified_at": AT - dt.timedelta(days=11) if verified_by else None,
            "split": ("train", "train", "train", "valid", "test")[number % 5], "image": b"picture" * number,
        }
        for number in range(count)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _publish(
    settings: Settings, engine: Engine, family: str, stage: str, period: str, rows: pa.Table, *,
    made_by: str = "build-datasets-monthly", built_from: Sequence[Manifest] = (),
) -> dict[str, Manifest]:  # fmt: skip
    found = get_family(family)
    published = DatasetRepository(open_store(settings)).publish(
        family=family, stage=stage, period=period, schema=found.schema, batches=rows.to_batches(),
        made_by=made_by, label=found.label, split="split", built_from=[one.ref for one in built_from],
        details={"flagged": {"Views fell from N to N by the horizon.": 2}} if stage == "candidates" else None,
    )  # fmt: skip
    record_version(engine, published.manifest, "run", AT)
    return {published.manifest.name: published.manifest}
