"""What the CTR service asks of the database; each call may wait, so none belongs in the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from config.errors import InputError
from config.settings import Settings
from serving.ctr_question import Past
from serving.shipper import RowsRefused
from serving.short_waits import CONNECT_SECONDS, LOCK_SECONDS, not_locked

if TYPE_CHECKING:
    from prometheus_client import Counter
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)

POOL_SIZE = 4
#: What becomes of a correction that was kept on disk, where a later one was told meanwhile.
OVERTAKEN = "overtaken"
#: What becomes of an outcome that was kept on disk, where the database says no to it.
REFUSED = {
    "conflict": "stands for other counts: send `replace` if yours are right, so that they are restated",
    "taken": "stands for another clip, span, placement, audience or device: "
    "send this outcome under another key",
    "unknown clip": "save it with POST /clips and send the outcome again",
}
Row = dict[str, Any]


class ClipDatabase:
    """Clips, their past and their outcomes in PostgreSQL.

    Raises DatabaseUnavailable, in each call, while it is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._maturity = timedelta(hours=settings.ctr_maturity_hours)

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

    def clips(self, ids: Sequence[str], at: datetime | None = None) -> Mapping[str, Row]:
        """What was known of clips at a moment (default: now), with past counts; unknown ones are absent."""
        from storage.clips import clip_inputs

        with not_locked():
            return clip_inputs(self.engine, list(ids), at or datetime.now(UTC), self._maturity)

    def described(self, ids: Sequence[str]) -> Mapping[str, Row]:
        """What is known of clips now, without past counts; unknown ones are absent."""
        from storage.clips import described

        with not_locked():
            return described(self.engine, list(ids), datetime.now(UTC))

    def known_since(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        """Since when clips are known; unknown ones are absent."""
        from storage.clips import known_since

        with not_locked():
            return known_since(self.engine, list(ids))

    def past(self, keys: Sequence[Past], at: datetime | None = None) -> Mapping[Past, tuple[int, int]]:
        """(impressions, clicks) of clips, creators and advertisers as known at a moment (default: now)."""
        from storage.clips import history

        creators, advertisers, clips = (
            [one for kind, one in keys if kind == wanted] for wanted in ("creator", "advertiser", "clip")
        )
        moment = at or datetime.now(UTC)
        with not_locked():
            found = history(self.engine, creators, advertisers, clips, moment, self._maturity)
        return {(kind, one): counts for kind, those in found.items() for one, counts in those.items()}

    def save_clips(self, rows: Sequence[Row], now: datetime) -> list[str]:
        """Save what is new or changed of clips; what became of each."""
        from storage.clips import save_clips

        with not_locked():
            return save_clips(self.engine, rows, now, settings=self._settings)

    def save_outcomes(self, rows: Sequence[Row], now: datetime, *, waited: bool = False) -> list[str]:
        """Save outcomes, just told or those that ``waited`` on disk; what became of each."""
        from storage.clip_outcomes import save_outcomes

        with not_locked():
            return save_outcomes(self.engine, rows, now, settings=self._settings, waited=waited)

    def close(self) -> None:
        """Let the connections go."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def take_outcomes(settings: Settings, overtaken: Counter | None = None) -> Callable[[list[Row]], int]:
    """The function by which outcomes that were kept on disk reach the database.

    Corrections that a later one has overtaken are logged, and counted in ``overtaken``: the later one stands.
    It raises RowsRefused where some are refused; the others are stored.
    """
    database = ClipDatabase(settings)

    def insert(rows: list[Row]) -> int:
        lines = [from_line(row) for row in rows]
        statuses = database.save_outcomes(lines, datetime.now(UTC), waited=True)
        older = [row for row, status in zip(rows, statuses, strict=True) if status == OVERTAKEN]
        for row in older:
            logger.warning(
                "the correction of '%s' to %s clicks of %s, told at %s, is older than what stands",
                row["key"], row["clicks"], row["impressions"], row.get("told_at"),
            )  # fmt: skip
        if older and overtaken is not None:
            overtaken.inc(len(older))
        refused = [
            (row, refusal(row, status)) for row, status in zip(rows, statuses, strict=True) if status in REFUSED
        ]
        if refused:
            raise RowsRefused(refused)
        return statuses.count("new")

    return insert


def refusal(row: Row, status: str) -> str:
    """Why an outcome was not taken, in one sentence."""
    if status != "unknown clip":
        return f"The key '{row['key']}' {REFUSED[status]}."
    return f"There is no clip '{row['clip_id']}': {REFUSED[status]}."


def from_line(row: Row) -> Row:
    """An outcome out of a line on disk, where times are texts."""
    try:
        moments = ["started_at", "ended_at", *(("told_at",) if row.get("told_at") else ())]
        times = {name: datetime.fromisoformat(row[name]) for name in moments}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"An outcome on disk is not usable: {error!r}.") from None
    return {**row, **times}
