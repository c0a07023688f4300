"""A platform with old and young things of every kind, for tests of retention."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, text

from config.settings import Settings
from storage.copying import cursor
from storage.ctr_predictions import insert_ctr_predictions
from storage.database import transaction
from storage.datasets import naming
from storage.datasets.manifest import Manifest
from storage.events import insert_events
from storage.predictions import insert_predictions
from storage.retention import midnight
from storage.user_styles import insert_face_predictions
from storage.versions import record_version
from tasks.platform import Platform
from tasks.retaining import Done, apply
from tasks.retention_looking import Work

#: Tomorrow's midnight: what a test writes is from before it.
TODAY = midnight(datetime.now(UTC) + timedelta(days=1))
NOW = TODAY + timedelta(hours=6)
#: The age from which rows go.
DAYS = 30
SCHEMA = pa.schema([("video_id", pa.string()), ("label", pa.string()), ("split", pa.string())])
TABLES = (
    "predictions", "ctr_predictions", "user_styles", "shadow_answers", "admin_sessions", "login_attempts",
    "webhook_deliveries", "experiment_decisions", "candidates", "reviews", "events",
)  # fmt: skip


def ago(days: float) -> datetime:
    """So many days before :data:`TODAY`."""
    return TODAY - timedelta(days=days)


def with_retention(settings: Settings, **chosen: Any) -> Settings:
    """``settings`` with retention settings of these values."""
    return settings.model_copy(update={f"retention_{name}": value for name, value in chosen.items()})


def keeping(parts: Platform, **chosen: Any) -> Platform:
    """The same platform with other settings of retention."""
    parts.settings = with_retention(parts.settings, **chosen)
    return parts


def carry_out(parts: Platform, work: Work, **more: Any) -> Done:
    """Carry out, as ada and now."""
    return apply(parts, work, at=NOW, actor="ada", run_id="run", **more)


def planned(work: Work) -> dict[str, int]:
    """How many of each kind would go."""
    found: dict[str, int] = {}
    for line in work.plan.lines:
        found[line.kind] = found.get(line.kind, 0) + line.count
    return found


def first_of_month(months_ago: int) -> datetime:
    """The start of the month so many months before that of :data:`TODAY`."""
    number = TODAY.year * 12 + TODAY.month - 1 - months_ago
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def month_ago(months: int) -> str:
    """The same month, as a version's period names it."""
    return f"{first_of_month(months):%Y-%m}"


def marks(parts: Platform) -> set[str]:
    """The versions that retention has deleted."""
    return parts.datasets.retired_names()


def part_keys(parts: Platform) -> set[str]:
    """The objects that hold rows of versions."""
    return {info.key for info in parts.store.list(naming.PARTS)}


def count(engine: Engine, table: str, where: str = "true") -> int:
    with transaction(engine) as connection:
        return int(connection.execute(text(f"select count(*) from {table} where {where}")).scalar_one())


def counts(engine: Engine) -> dict[str, int]:
    """Rows of each table that retention knows."""
    return {table: count(engine, table) for table in TABLES}


def predict(engine: Engine, family: str, ages: Iterable[float]) -> list[str]:
    """Predictions of these ages in days, as the family's service records them, each with a shadow's answer."""
    rows = [
        {
            "id": str(uuid.uuid4()), "family": family, "entity_id": f"entity-{number}", "at": ago(age),
            "inputs": {"photos": []}, "received_at": ago(age), "model_version": "1", "latency_ms": 1.0,
            "answer": {"predicted_ctr": 0.1, "predicted_band": "low", "class": "Soft"},
        }
        for number, age in enumerate(ages)
    ]  # fmt: skip
    insert = {"ctr": insert_ctr_predictions, "face": insert_face_predictions}.get(family, insert_predictions)
    insert(engine, rows)
    shadow = """
        insert into shadow_answers (id, model_version, family, at, answer, received_at)
        select id, '2', family, at, answer, received_at from predictions where id = any(%s::uuid[])
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(shadow, ([row["id"] for row in rows],))
    return [str(row["id"]) for row in rows]


def interact(engine: Engine, moments: Sequence[datetime], who: str = "anna") -> None:
    """An event at each of these moments, received then."""
    rows = [
        {"user_id": f"{who}-{number}", "item_id": "item", "kind": "like", "at": at, "received_at": at}
        for number, at in enumerate(moments)
    ]
    assert set(insert_events(engine, rows, TODAY)) == {"new"}


def publish(
    parts: Platform,
    stage: str,
    period: str,
    names: Sequence[str] = ("v1",),
    *,
    built_from: Sequence[Manifest] = (),
    family: str = "viral",
    days_ago: float = 200,
) -> Manifest:
    """A small version, registered so many days ago."""
    rows = pa.RecordBatch.from_pylist(
        [{"video_id": name, "label": "low", "split": "train"} for name in names], schema=SCHEMA
    )
    manifest = parts.datasets.publish(
        family=family, stage=stage, period=period, schema=SCHEMA, batches=[rows], made_by="test",
        label="label", split="split", built_from=[one.ref for one in built_from],
    ).manifest  # fmt: skip
    record_version(parts.engine, manifest, None, ago(days_ago))
    return manifest


def collected(parts: Platform, families: Iterable[str], days: Iterable[date]) -> list[Manifest]:
    """Empty versions of candidates of these days."""
    return [
        publish(parts, "candidates", day.isoformat(), (), family=family, days_ago=0)
        for day in sorted(set(days))
        for family in families
    ]


def wait_in_index(engine: Engine, family: str, day: date, states: Sequence[str], decided: datetime) -> None:
    """Rows of the index of candidates of a day, in these states."""
    row = """
        insert into candidates (family, candidate, day, dataset, set_aside, "values", rank, cluster, state,
            decided_by, decided_at, revision)
        values (%s, %s, %s, %s, false, '{}', 0, '', %s, %s, %s, 0)
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        for number, state in enumerate(states):
            by, at = (None, None) if state == "waiting" else ("ada", decided)
            name = f"{family}/candidates/{day}"
            cur.execute(row, (family, f'["{day}-{number}"]', day, name, state, by, at))


def fill_waste(engine: Engine, days: float) -> None:
    """An ended session, a failed login, ended and open deliveries, decisions of a concluded and of a running
    experiment: one of each from before ``days`` ago, and one from after.
    """
    decision = """
        insert into experiment_decisions (id, experiment_id, variant, at, propensity, policy_version, learned)
        values (gen_random_uuid(), %s, 'a', %s, 0.5, 0, 0)
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(
            "insert into admin_users (name, role, password_hash, disabled, created_at)"
            " values ('ada', 'admin', 'x', false, %s)", (ago(300),)
        )  # fmt: skip
        for number, at in enumerate((ago(1), ago(-1))):
            cur.execute(
                "insert into admin_sessions select %s, id, 'x', %s, %s from admin_users", (str(number), at, at)
            )
            cur.execute("insert into login_attempts (name, address, at) values ('x', 'y', %s)", (at,))
        for age, ended in ((days + 1, True), (days + 1, False), (days - 1, True)):
            cur.execute(
                "insert into webhook_deliveries (event, payload, created_at, next_at, delivered_at)"
                " values ('moderated', '{}', %s, %s, %s)",
                (ago(age), None if ended else ago(0), ago(age) if ended else None),
            )
        for name, state, concluded in (
            ("old", "concluded", ago(days + 1)), ("new", "concluded", ago(days - 1)), ("on", "running", None),
        ):  # fmt: skip
            cur.execute(
                "insert into experiments (id, title, state, revision, definition, created_at, created_by,"
                " concluded_at) values (%s, %s, %s, 0, %s, %s, 'ada', %s)",
                (name, name, state, Jsonb({}), ago(300), concluded),
            )
            for _ in range(3):
                cur.execute(decision, (name, ago(days + 2)))
