"""``POST /outcomes`` of the CTR service: each row by itself, none lost while the database is away."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

import orjson

from config.errors import DatabaseUnavailable
from serving.ctr_database import REFUSED, refusal
from serving.ctr_schema import MAX_ROWS, Outcome
from serving.http import Request, Response
from serving.inbox import Inbox
from serving.problems import FieldError, Problem, invalid_fields
from serving.threads import in_pool
from serving.validation import BodyValidator, json_object

logger = logging.getLogger(__name__)

MANY = re.compile(rb'"outcomes"\s*:')
#: Clocks of backends differ; storage allows as much.
CLOCK_SLACK = timedelta(hours=1)
LONGEST_SPAN = timedelta(days=366)
DAY = timedelta(days=1)
FIELDS = (
    "key",
    "clip_id",
    "started_at",
    "ended_at",
    "placement",
    "audience",
    "device",
    "impressions",
    "clicks",
    "replace",
)
QUEUED = "queued"
Row = dict[str, Any]


class OutcomeWriter(Protocol):
    """The part of :class:`serving.ctr_database.ClipDatabase` that is used here."""

    def save_outcomes(self, rows: list[Row], now: datetime) -> list[str]:
        """Save outcomes that were just told; what became of each."""
        ...


class OutcomesApi:
    """Takes impressions and clicks. They go to the database before the answer, or else to disk."""

    def __init__(self, database: OutcomeWriter, inbox: Inbox, pool: Executor, max_body_bytes: int) -> None:
        self._database = database
        self._inbox = inbox
        self._pool = pool
        self._limit = max_body_bytes
        self._one = BodyValidator(Outcome, list(Outcome.__annotations__))

    async def post(self, request: Request) -> Response:
        """Take one outcome, or many."""
        body = await request.json_body(self._limit)
        answer = self._many if MANY.search(body) else self._single
        return await in_pool(self._pool, answer, body)

    def _single(self, body: bytes) -> Response:
        now = datetime.now(UTC)
        row = self._parsed(body, now)
        status = self._save([row], now)[0]
        if status in REFUSED:
            raise Problem(404 if status == "unknown clip" else 409, refusal(row, status))
        return _json({"key": row["key"], "status": status}, 202 if status == QUEUED else 200)

    def _many(self, body: bytes) -> Response:
        now, good, results = datetime.now(UTC), [], []
        for index, raw in enumerate(_rows(body)):
            entry: Row = {"index": index, "key": _key(raw)}
            try:
                good.append((entry, self._parsed(orjson.dumps(raw), now)))
            except Problem as problem:
                entry |= _faulty(problem)
            results.append(entry)
        if good:
            statuses = self._save([row for _, row in good], now)
            for (entry, row), status in zip(good, statuses, strict=True):
                entry["status"] = "conflict" if status == "taken" else status
                if status in REFUSED:
                    entry["detail"] = refusal(row, status)
        counts = Counter(entry["status"] for entry in results)
        if not good:
            raise _all_faulty(results)
        return _json({"results": results, "counts": dict(counts)}, 202 if counts[QUEUED] else 200)

    def _parsed(self, body: bytes, now: datetime) -> Row:
        """A row as it is stored.

        Raises:
            Problem: 400 or 422, it does not fit.
        """
        row = self._one.parse(body)
        _dated(row)
        if found := [*_faults(row, now)]:
            raise invalid_fields(found)
        return {name: row.get(name) for name in FIELDS} | {"replace": bool(row.get("replace"))}

    def _save(self, rows: list[Row], now: datetime) -> list[str]:
        """What became of each row. While earlier ones wait on disk, restated counts wait behind them.

        Those of other workers and replicas are not seen here. So each line says when it was told, and the
        database keeps the last correction, whichever comes first.
        """
        if not (any(row["replace"] for row in rows) and self._inbox.waiting()):
            with suppress(DatabaseUnavailable):
                return self._database.save_outcomes(rows, now)
        self._inbox.keep([{**row, "told_at": now} for row in rows])
        return [QUEUED] * len(rows)


def _rows(body: bytes) -> list[Any]:
    parsed = json_object(body)
    rows = parsed.pop("outcomes", None)
    if parsed:
        name = next(iter(parsed))
        raise invalid_fields([FieldError(name, f"{name} does not belong beside outcomes.")])
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise invalid_fields([FieldError("outcomes", f"outcomes must be a list of 1 to {MAX_ROWS} outcomes.")])
    return rows


def _key(raw: Any) -> str | None:
    key = raw.get("key") if isinstance(raw, dict) else None
    return key if isinstance(key, str) else None


def _dated(row: Row) -> None:
    """A day in UTC as the span that it is, in place."""
    day = row.pop("date", None)
    if day is None:
        return
    if "started_at" in row or "ended_at" in row:
        raise invalid_fields([FieldError("date", "date goes in place of started_at and ended_at.")])
    row["started_at"] = datetime.combine(day, time(), UTC)
    row["ended_at"] = row["started_at"] + DAY


def _faults(row: Row, now: datetime) -> Iterator[FieldError]:
    for name in ("key", "clip_id"):
        if not row[name].strip():
            yield FieldError(name, f"{name} must not be blank.")
    for name in ("started_at", "ended_at"):
        if row.get(name) is None:
            yield FieldError(name, f"{name} is required, or date.")
    started, ended = row.get("started_at"), row.get("ended_at")
    if started and ended:
        if ended <= started:
            yield FieldError("ended_at", "ended_at must lie after started_at.")
        elif ended - started > LONGEST_SPAN:
            yield FieldError(
                "ended_at", f"ended_at must lie at most {LONGEST_SPAN.days} days after started_at."
            )
        if ended > now + CLOCK_SLACK:
            yield FieldError("ended_at", "The span is not over yet: send its counts when it is.")
    if row["clicks"] > row["impressions"]:
        yield FieldError("clicks", f"clicks must be impressions ({row['impressions']}) or less.")


def _faulty(problem: Problem) -> Row:
    errors = [{"field": error.field, "message": error.message} for error in problem.errors]
    return {"status": "faulty", "detail": problem.detail, **({"errors": errors} if errors else {})}


def _all_faulty(results: list[Row]) -> Problem:
    return invalid_fields(
        [
            FieldError(f"outcomes[{entry['index']}]{'.' + error['field'] if error else ''}", detail)
            for entry in results
            for error, detail in _details(entry)
        ]
    )


def _details(entry: Row) -> Iterator[tuple[Row, str]]:
    for error in entry.get("errors", [{}]):
        yield error, error.get("message", entry["detail"])


def _json(answer: Row, status: int) -> Response:
    return Response(orjson.dumps(answer), status)
