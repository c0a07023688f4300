"""What the content service asks of the database; each call may wait, so none belongs in the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from config.settings import Settings
from serving.shipper import RowsRefused
from serving.short_waits import CONNECT_SECONDS, LOCK_SECONDS, not_locked

if TYPE_CHECKING:
    from prometheus_client import Counter
    from sqlalchemy import Engine

    from storage.backlog import Waiting
    from storage.contents import PutContents, StoredContent
    from storage.media_jobs import StoredJob

logger = logging.getLogger(__name__)

POOL_SIZE = 4
Row = dict[str, Any]


class ContentDatabase:
    """Contents, decisions, media jobs and labels in PostgreSQL.

    Raises DatabaseUnavailable, in each call, while it is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def engine(self) -> Engine:
        """Made when it is first used: nothing connects before."""
        from storage.database import make_engine

        return make_engine(
            self._settings,
            pool_size=POOL_SIZE,
            connect_seconds=CONNECT_SECONDS,
            lock_seconds=LOCK_SECONDS,
        )

    def put(self, rows: Sequence[Row], now: datetime, *, waited: bool = False) -> PutContents:
        """Store contents, just told or those that ``waited`` on disk; what became of them."""
        from storage.contents import put_contents

        with not_locked():
            return put_contents(self.engine, rows, now, settings=self._settings, waited=waited)

    def content(self, name: str) -> tuple[StoredContent, list[StoredJob]] | None:
        """A piece of content with its media jobs, the latest first."""
        from storage.contents import get_content
        from storage.media_jobs import jobs_of

        with not_locked():
            found = get_content(self.engine, name)
            return None if found is None else (found, jobs_of(self.engine, name))

    def request_job(self, kind: str, row: Mapping[str, Any], now: datetime) -> UUID:
        """Ask for work on a media file; its id."""
        from storage.media_jobs import request_job

        params = {"language": row["language"]} if row.get("language") else {}
        with not_locked():
            return request_job(
                self.engine,
                kind,
                row["source"],
                content_id=row.get("content_id"),
                creator_id=row.get("creator_id"),
                params=params,
                at=now,
            )

    def job(self, identity: UUID) -> StoredJob | None:
        """A media job."""
        from storage.media_jobs import get_job

        with not_locked():
            return get_job(self.engine, identity)

    def decision(self, identity: UUID) -> Row | None:
        """A decision, with what people said of it."""
        from storage.moderation import get_decision
        from storage.moderation_trail import appeals_of, reviews_of

        with not_locked():
            found = get_decision(self.engine, identity)
            if found is None:
                return None
            return {
                **asdict(found),
                "standing": found.standing,
                "reviews": reviews_of(self.engine, identity),
                "appeals": appeals_of(self.engine, identity),
            }

    def appeal(self, identity: UUID, row: Mapping[str, Any], now: datetime) -> None:
        """Note an objection. Raises InputError where there is nothing to appeal."""
        from storage.moderation import appeal

        with not_locked():
            appeal(self.engine, identity, appellant_id=row["appellant_id"], text=row.get("text"), at=now)

    def review(self, identity: UUID, row: Mapping[str, Any], now: datetime) -> None:
        """Approve or reject. Raises InputError where the review is none."""
        from storage.moderation import review

        with not_locked():
            review(
                self.engine,
                identity,
                decision=row["decision"],
                labels=row.get("labels") or (),
                note=row.get("note"),
                reviewer=row["reviewer"],
                at=now,
            )

    def correct(self, row: Mapping[str, Any], now: datetime) -> bool:
        """Keep a label that a person gave; False where its author was forgotten."""
        from storage.text_corrections import store_correction

        with not_locked():
            return store_correction(self.engine, row, now, settings=self._settings)

    def waiting(self) -> list[Waiting]:
        """Work that waits in the database, of each kind."""
        from storage.backlog import waiting_work

        return waiting_work(self.engine)

    def close(self) -> None:
        """Let the connections go."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def take_contents(settings: Settings, overtaken: Counter | None = None) -> Callable[[list[Row]], int]:
    """The function by which contents that were kept on disk reach the database.

    Of which something later was told and came first, that stays: it is logged, and counted in ``overtaken``.
    It raises RowsRefused where some are refused; the others are stored.
    """
    database = ContentDatabase(settings)

    def insert(rows: list[Row]) -> int:
        found = database.put(rows, datetime.now(UTC), waited=True)
        if found.overtaken:
            some = ", ".join(found.overtaken[:10])
            logger.info("%d contents from disk are older than what stands: %s", len(found.overtaken), some)
            if overtaken is not None:
                overtaken.inc(len(found.overtaken))
        if found.refused:
            raise RowsRefused([(rows[place], reason) for place, reason in found.refused.items()])
        return len(found.changed)

    return insert
