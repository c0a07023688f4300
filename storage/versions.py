"""The register of published dataset versions: the unique row by which one of two writers wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Engine, select
from sqlalchemy.dialects.postgresql import insert

from config.errors import VersionConflict
from storage import tables
from storage.database import transaction


class Reference(Protocol):
    """The SHA-256 of a manifest's bytes."""

    @property
    def sha256(self) -> str: ...  # noqa: D102


class Manifest(Protocol):
    """What is read of a manifest here (see ``storage.datasets``)."""

    @property
    def family(self) -> str: ...  # noqa: D102
    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def period(self) -> str: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def made_by(self) -> str: ...  # noqa: D102
    @property
    def ref(self) -> Reference: ...  # noqa: D102


@dataclass(frozen=True)
class RecordedVersion:
    """One published version."""

    family: str
    stage: str
    period: str
    revision: int
    manifest_sha256: str
    rows: int
    published_at: datetime
    run_id: str | None
    made_by: str


def record_version(engine: Engine, manifest: Manifest, run_id: str | None, at: datetime) -> RecordedVersion:
    """Register a published version; the first to do so gives its time and run, and a repeat changes nothing.

    Raises:
        VersionConflict: another content is registered under that revision.
        DatabaseUnavailable: the server cannot be reached.
    """
    values = {
        "family": manifest.family, "stage": manifest.stage, "period": manifest.period,
        "revision": manifest.revision, "manifest_sha256": manifest.ref.sha256, "rows": manifest.rows,
        "published_at": at, "run_id": run_id, "made_by": manifest.made_by,
    }  # fmt: skip
    row = tables.DatasetVersion.__table__
    key = ("family", "stage", "period", "revision")
    with transaction(engine) as connection:
        connection.execute(
            insert(tables.DatasetVersion).values(values).on_conflict_do_nothing(index_elements=key)
        )
        query = select(*_columns()).where(*(row.c[name] == values[name] for name in key))
        recorded = RecordedVersion(**connection.execute(query).mappings().one())
    if recorded.manifest_sha256 != manifest.ref.sha256:
        name = f"{manifest.family}/{manifest.stage}/{manifest.period}.r{manifest.revision}"
        raise VersionConflict(
            f"Another content is registered as {name} (manifest {recorded.manifest_sha256[:12]}, "
            f"not {manifest.ref.sha256[:12]}).",
            hint="Were the objects and the database restored from different days?",
        )
    return recorded


def list_versions(engine: Engine, family: str | None = None, stage: str | None = None) -> list[RecordedVersion]:
    """The registered versions, the newest first."""
    row = tables.DatasetVersion.__table__
    query = select(*_columns()).order_by(row.c.published_at.desc(), row.c.id.desc())
    if family is not None:
        query = query.where(row.c.family == family)
    if stage is not None:
        query = query.where(row.c.stage == stage)
    with transaction(engine) as connection:
        return [RecordedVersion(**each) for each in connection.execute(query).mappings()]


def _columns() -> list[ColumnElement[Any]]:
    return [column for column in tables.DatasetVersion.__table__.columns if column.name != "id"]
