"""The content service in process, with small real models of texts and a database that is a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from config.errors import DatabaseUnavailable, InputError, RegistryUnavailable
from config.settings import Settings
from registry.records import ModelVersion
from serving.application import Application
from serving.content_app import ContentService, content_runtime
from serving.many_runtime import ManyRuntime
from storage.backlog import Waiting
from storage.contents import PutContents, StoredContent, check_content
from storage.media_jobs import StoredJob
from tests.content_models import content_files
from tests.imagery_world import tiny_imagery_files
from tests.unit.serving.conftest import KEY, RegistryDouble, Service

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Versions:
    """A registry in which each family has one version at most, and maybe another one that is tried."""

    files_of: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    tried: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    away: bool = False

    def production(self, family: str) -> ModelVersion | None:
        if self.away:
            raise RegistryUnavailable("MLflow is away.")
        if family not in self.files_of:
            return None
        tags = self.tags.get(family, {})
        return ModelVersion(family, "3", "run", NOW, {}, f"{family}/full/2026-10", tags=tags)

    def files(self, family: str, version: str) -> Mapping[str, bytes]:
        assert version in ("3", "4")
        return self.files_of[family] if version == "3" else self.tried[family]


@dataclass
class ContentsDouble:
    """What "the database" holds; ``away``: it does not answer."""

    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[UUID, StoredJob] = field(default_factory=dict)
    labels: list[Mapping[str, Any]] = field(default_factory=list)
    said: list[tuple[UUID, Mapping[str, Any]]] = field(default_factory=list)
    no: str | None = None
    away: bool = False

    def _reach(self) -> None:
        if self.away:
            raise DatabaseUnavailable("PostgreSQL is away.")

    def put(self, rows: Sequence[dict[str, Any]], now: datetime) -> PutContents:
        self._reach()
        assert now.tzinfo
        changed, unchanged, refused = {}, [], {}
        for place, row in enumerate(rows):
            if row.get("creator_id") == "forgotten":
                refused[place] = "its creator was forgotten"
                continue
            fit = check_content(row, NOW) | {"received_at": None, "created_at": None}
            if self.contents.get(row["id"]) == fit:
                unchanged.append(row["id"])
            else:
                changed[row["id"]] = 2 if row["id"] in self.contents else 1
                self.contents[row["id"]] = fit
        return PutContents(changed, unchanged, refused)

    def take(self, rows: list[dict[str, Any]]) -> int:
        return len(self.put(rows, NOW).changed)

    def waiting(self) -> list[Waiting]:
        self._reach()
        return [Waiting("contents", len(self.contents), NOW if self.contents else None)]

    def content(self, name: str) -> tuple[StoredContent, list[StoredJob]] | None:
        self._reach()
        row = self.contents.get(name)
        if row is None:
            return None
        known = {"kind": row["kind"], "text": row["text"], "title": row["title"]}
        content = StoredContent(
            id=name, **known, creator_id=row["creator_id"], tags=None, video=None, images=None, created_at=NOW,
            received_at=NOW, revision=1, moderated_revision=1, analyzed_revision=0, claimed_at=None, attempts=0,
            error=None, moderation_status="flagged", moderation_flags=["spam"], moderation_id=None,
            moderated_at=NOW, is_flagged=True, flag_reason="spam", analysis=None, analyzed_at=None,
        )  # fmt: skip
        return content, [job for job in self.jobs.values() if job.content_id == name]

    def request_job(self, kind: str, row: Mapping[str, Any], now: datetime) -> UUID:
        self._reach()
        assert now.tzinfo
        made = uuid4()
        self.jobs[made] = StoredJob(
            id=made, kind=kind, content_id=row.get("content_id"), creator_id=None, source=row["source"],
            params={}, state="queued", progress=0.0, attempts=0, error=None, result=None, requested_at=NOW,
            next_at=NOW, started_at=None, heartbeat_at=None, finished_at=None,
        )  # fmt: skip
        return made

    def job(self, identity: UUID) -> StoredJob | None:
        self._reach()
        return self.jobs.get(identity)

    def decision(self, identity: UUID) -> dict[str, Any] | None:
        self._reach()
        return self.decisions.get(str(identity))

    def appeal(self, identity: UUID, row: Mapping[str, Any], now: datetime) -> None:
        assert now.tzinfo
        self._say(identity, row)

    def review(self, identity: UUID, row: Mapping[str, Any], now: datetime) -> None:
        assert now.tzinfo
        self._say(identity, row)

    def _say(self, identity: UUID, row: Mapping[str, Any]) -> None:
        self._reach()
        if self.no:
            raise InputError(self.no)
        self.said.append((identity, row))

    def correct(self, row: Mapping[str, Any], now: datetime) -> bool:
        self._reach()
        assert now.tzinfo
        self.labels.append(row)
        return True

    def close(self) -> None:
        pass


@dataclass
class ContentWorld(Service):
    """A content service whose threads are not started: tests turn the crank."""

    runtime: ManyRuntime  # type: ignore[assignment]
    versions: Versions = field(kw_only=True)
    parts: ContentService = field(kw_only=True)
    store: ContentsDouble = field(kw_only=True)
    #: Answers, given and unseen ones, that reached "the database" to be compared.
    compared: list[dict[str, Any]] = field(kw_only=True)

    def moderate(self, **content: Any) -> httpx.Response:
        return self.ask("POST", "/api/v1/moderate", json=content)

    def with_key(self, method: str, path: str, body: Any) -> httpx.Response:
        return self.ask(method, path, json=body, headers={"x-api-key": KEY})

    def shipped(self) -> list[dict[str, Any]]:
        """The decisions that reach "the database" when what was recorded is shipped now."""
        self.runtime.recorder.spool.rotate()
        self.runtime.recorder.shipper.ship()
        return list(self.rows.values())


def files_of(family: str) -> Mapping[str, bytes]:
    """Files of a small real model."""
    return tiny_imagery_files() if family == "imagery" else content_files(family)


@pytest.fixture
def make_content(service_settings: Settings) -> Iterator[Callable[..., ContentWorld]]:
    """Makes content services with versions of the families that are named in service."""
    made: list[ContentWorld] = []

    def make(*families: str, **changed: Any) -> ContentWorld:
        settings = service_settings.model_copy(update=changed)
        rows: dict[str, dict[str, Any]] = {}
        store = ContentsDouble()
        versions = Versions({name: files_of(name) for name in families})

        def insert(batch: list[dict[str, Any]]) -> int:
            if store.away:
                raise ConnectionError("the database is away")
            rows.update({row["id"]: row for row in batch})
            return len(batch)

        unseen: list[dict[str, Any]] = []

        def insert_unseen(batch: list[dict[str, Any]]) -> int:
            unseen.extend(batch)
            return len(batch)

        runtime = content_runtime(
            settings,
            registry=lambda: versions,
            database=lambda: insert,
            shadows=lambda: insert_unseen,
        )
        parts = ContentService(runtime, database=store, take=lambda: store.take)
        application: Application = parts.application()
        runtime.models.look()
        made.append(
            ContentWorld(
                runtime,
                application,
                RegistryDouble(),
                rows,
                Event(),
                versions=versions,
                parts=parts,
                store=store,
                compared=unseen,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.parts.stop()


@pytest.fixture
def content(make_content: Callable[..., ContentWorld]) -> ContentWorld:
    """A content service with a version of text moderation."""
    return make_content("moderation")


@pytest.fixture
def bucket(service_settings: Settings) -> Path:
    """The folder of the media bucket."""
    return service_settings.home / "objects" / service_settings.media_bucket
