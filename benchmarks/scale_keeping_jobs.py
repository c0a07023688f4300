"""Jobs of :mod:`benchmarks.scale_flow_jobs` on what is kept: restoring it, reading it all, forgetting a person,
deleting old candidates, and what ctr asks of its past.

They work on the world that the jobs before them left.
"""

from __future__ import annotations

import datetime as dt
import os

from benchmarks.scale_jobs import AS_OF, MIDNIGHT

BACKUPS, RESTORED = "bench-backups", "restored"
#: Candidates are looked at as of so many days later, when those of the world's months may go.
CANDIDATES_DAYS, LATER = 90, dt.timedelta(days=200)
#: Outcomes of one advertiser at size 1, of so many clips.
OUTCOMES, CLIPS, QUESTIONS = 10_000, 100, 20

_FILL_CLIPS = """
    insert into clips (id, known_at, creator_id, advertiser_id)
    select 'clip-' || n, :start, 'creator-' || n % 10, 'advertiser' from generate_series(1, :rows) n
"""
_FILL_OUTCOMES = """
    insert into clip_outcomes (key, revision, clip_id, started_at, ended_at, impressions, clicks, known_at)
    select 'key-' || n, 1, 'clip-' || n % :clips + 1, :start + n % 2000 * interval '20 minutes',
        :start + (n % 2000 + 1) * interval '20 minutes', 1000, n % 50,
        :start + (n % 2000 + 1) * interval '20 minutes'
    from generate_series(1, :rows) n
"""


def restore(_family: str, _size: int) -> int:
    """The latest backup into an empty database and an empty store; rows of the database."""
    from sqlalchemy import text

    from config.settings import load_settings
    from local.postgres_host import CLIENT, find_programs
    from storage.backups import BackupFolder
    from storage.database import make_engine
    from storage.objects_local import LocalStore
    from tasks.backup_restore import restore

    settings = load_settings()
    engine = make_engine(settings)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"create database {RESTORED}"))
    engine.dispose()
    place = load_settings(assay_home=settings.home / RESTORED, db_name=RESTORED)
    report = restore(
        place, BackupFolder(LocalStore(settings.home / BACKUPS)),
        programs=find_programs(settings.postgres_bin, needed=CLIENT).folder, databases={"platform": RESTORED},
    )  # fmt: skip
    return report.rows["platform"]


def verify(_family: str, _size: int) -> int:
    """Read every published version, as ``assay verify`` does before it reads models; rows of all versions."""
    from tasks.audit import audit
    from tasks.platform import platform

    with platform() as parts:
        found = audit(parts, models=False)
        if found.faults or not found.versions:
            raise RuntimeError(f"{found.versions} versions, {found.faults}")
        series = parts.datasets.list()
        return sum(one.rows for one in series)


def forget(_family: str, _size: int) -> int:
    """Forget whoever has most videos; rows of the versions that are looked through."""
    from sqlalchemy import text

    from storage.database import transaction
    from tasks.forgetting import forget
    from tasks.platform import platform

    most = "select creator_id from videos group by creator_id order by count(*) desc, creator_id limit 1"
    with platform() as parts:
        rows = sum(one.rows for one in parts.datasets.list())
        with transaction(parts.engine) as connection:
            person = str(connection.scalar(text(most)))
        done = forget(parts, person, by="bench", reason=None, at=MIDNIGHT)
        gone = sum(one.count for one in done.removed if one.unit == "rows")
        # of the registry's sheets alone it cannot know: the registry is not there
        if not gone or len(done.left) > 1:
            raise RuntimeError(f"{gone} rows went: {done.left}")
    return rows


def retention_of_candidates(_family: str, _size: int) -> int:
    """Plan which candidates are too old, and delete them, day by day; rows of those days."""
    os.environ["RETENTION_CANDIDATES_DAYS"] = str(CANDIDATES_DAYS)
    from tasks.platform import platform
    from tasks.retention import delete_by_retention, plan_retention

    with platform() as parts:
        rows = sum(one.rows for one in parts.datasets.list("viral", "candidates"))
    done = delete_by_retention.fn(plan_retention.fn(MIDNIGHT + LATER))
    if done["left"] or not done["deleted"]["candidates"]:
        raise RuntimeError(str(done))
    return rows


def fill_outcomes(_family: str, size: int) -> int:
    """An advertiser whose clips were shown for a month; outcomes."""
    from sqlalchemy import text

    from storage.database import transaction
    from tasks.platform import platform

    start, rows = MIDNIGHT - dt.timedelta(days=32), OUTCOMES * size
    with platform() as parts:
        with transaction(parts.engine) as connection:
            connection.execute(text(_FILL_CLIPS), {"start": start, "rows": CLIPS})
            connection.execute(text(_FILL_OUTCOMES), {"start": start, "rows": rows, "clips": CLIPS})
        with parts.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze clips, clip_outcomes"))
    return rows


def ask_the_past(_family: str, size: int) -> int:
    """Counts of an advertiser's past, twenty times; outcomes that it has."""
    from storage.copying import cursor
    from storage.ctr_history import past
    from storage.database import transaction
    from tasks.platform import platform

    moment = dt.datetime.combine(AS_OF, dt.time(12), dt.UTC)
    with platform() as parts:
        for _ in range(QUESTIONS):
            with transaction(parts.engine) as connection, cursor(connection) as cur:
                counts = past(cur, "advertiser", ["advertiser"], moment, dt.timedelta()).at(
                    "advertiser", moment
                )
            if counts is None or counts[0] != 1000 * OUTCOMES * size:
                raise RuntimeError(f"the past has {counts}")
    return OUTCOMES * size


KEEPING_JOBS = {
    "restore": restore, "verify": verify, "forget": forget,
    "retention of candidates": retention_of_candidates, "fill outcomes": fill_outcomes,
    "20 questions about the past": ask_the_past,
}  # fmt: skip
