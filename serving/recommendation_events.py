"""``/events`` and ``/items`` of the recommendation service: interactions, and what they are about.

Events are checked one by one, kept on disk, and acknowledged when they are there; a thread brings them to the
database twice a second. So a batch is as quick as the disk, and none is lost while the database is away.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import orjson

from config.errors import DatabaseUnavailable
from serving.group_sync import GroupSync
from serving.http import Request, Response
from serving.inbox import Inbox
from serving.problems import FieldError, Problem, invalid_fields
from serving.recommendation_events_schema import MAX_EVENTS, Event, Events, Item, Items
from serving.threads import in_pool
from serving.validation import BodyValidator, json_object
from storage.events import CLOCK_SLACK, EARLIEST, event_key

logger = logging.getLogger(__name__)

MANY_EVENTS, MANY_ITEMS = re.compile(rb'"events"\s*:'), re.compile(rb'"items"\s*:')
AWAY_SECONDS = b"5"
_OPTIONS = orjson.OPT_UTC_Z
Row = dict[str, Any]
Rejected = dict[str, Any]


class EventsApi:
    """Takes interactions.

    Args:
        inbox: the queue on disk that they go to; its rows are those of ``storage.events.insert_events``.
        max_body_bytes: of a request.
        on_events: told the rows that were taken, in the event loop, before the answer leaves: for what has to
            count them at once. Each has ``id``, ``at`` and ``received_at`` (datetimes), ``user_id``,
            ``item_id``, ``item_kind``, ``kind``, ``watch_share``, ``region`` and ``recommendation_id``.
    """

    def __init__(
        self, inbox: Inbox, max_body_bytes: int, *, on_events: Callable[[list[Row]], None] = lambda _: None
    ) -> None:
        self._inbox = inbox
        self._limit = max_body_bytes
        self._on_events = on_events
        self._disk = GroupSync(inbox.sync)
        names = list(Event.__annotations__)
        self._one = BodyValidator(Event, names)
        self._all = BodyValidator(Events, [*names, "events"])

    async def post(self, request: Request) -> Response:
        """Take one event, or many; answer once they are on the disk."""
        body = await request.json_body(self._limit)
        now = datetime.now(UTC)
        if MANY_EVENTS.search(body):
            rows, rejected = self._checked(body, now)
            total = len(rows) + len(rejected)
        else:
            row, total, rejected = self._one.parse(body), 1, []
            if fault := _fault(row, now):
                raise invalid_fields([fault])
            rows = [_row(row, now)]
        if not rows:
            raise _all_rejected(rejected)
        await self._keep(rows)
        return Response(orjson.dumps(_answer(rows, rejected, total)), 202)

    def _checked(self, body: bytes, now: datetime) -> tuple[list[Row], list[Rejected]]:
        """The good events as they are kept, and the others. A batch without a fault is validated in one go."""
        try:
            events: Sequence[Any] = self._all.parse(body)["events"]
        except Problem:
            return self._each(_events(body), now)
        rows, rejected = [], []
        for index, event in enumerate(events):
            fault = _fault(event, now)
            if fault is None:
                rows.append(_row(event, now))
            else:
                rejected.append({"index": index, "field": fault.field, "reason": fault.message})
        return rows, rejected

    def _each(self, events: Sequence[Any], now: datetime) -> tuple[list[Row], list[Rejected]]:
        """The same, where something does not fit: one by one."""
        rows, rejected = [], []
        for index, raw in enumerate(events):
            try:
                event = self._one.parse(orjson.dumps(raw))
                fault = _fault(event, now)
            except Problem as problem:
                fault = problem.errors[0] if problem.errors else FieldError("", "An event must be an object.")
            if fault is None:
                rows.append(_row(event, now))
            else:
                rejected.append({"index": index, "field": fault.field, "reason": fault.message})
        return rows, rejected

    async def _keep(self, rows: list[Row]) -> None:
        """Bring rows to the disk. Raises Problem: 503, it does not take them."""
        self._inbox.keep(rows)
        try:
            await self._disk.wait()
        except OSError as error:
            logger.error("events are written but do not reach the disk: %s", error)
            raise Problem(
                503, "The disk does not take events now; send them again.", headers=((b"retry-after", b"30"),)
            ) from None
        try:
            self._on_events(rows)
        except Exception:
            logger.exception("a listener failed on %d events, which are kept", len(rows))


class ItemStore(Protocol):
    """The part of :class:`serving.recommendation_store.Catalogue` that is used here."""

    def save_items(self, rows: Sequence[Row], now: datetime) -> list[str]:
        """Save what is told of items; what became of each."""
        ...

    def items(self, ids: Sequence[str]) -> Mapping[str, Row]:
        """Items by id."""
        ...


class ItemsApi:
    """The catalogue: to be told, and to be asked for.

    Args:
        store: where items are kept.
        pool: its threads wait for the database.
        max_body_bytes: of a request.
        on_items: told the ids of items that were saved, in the event loop, before the answer leaves.
    """

    def __init__(
        self,
        store: ItemStore,
        pool: Executor,
        max_body_bytes: int,
        *,
        on_items: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._pool = pool
        self._limit = max_body_bytes
        self._on_items = on_items
        names = list(Item.__annotations__)
        self._one = BodyValidator(Item, names)
        self._many = BodyValidator(Items, [*names, "items"])

    async def post(self, request: Request) -> Response:
        """Save one item, or many; all or none."""
        body = await request.json_body(self._limit)
        many = MANY_ITEMS.search(body) is not None
        rows: list[Row] = self._many.parse(body)["items"] if many else [self._one.parse(body)]
        statuses = await self._in_pool(self._store.save_items, rows, datetime.now(UTC))
        self._on_items([row["item_id"] for row in rows])
        results = [
            {"item_id": row["item_id"], "status": status} for row, status in zip(rows, statuses, strict=True)
        ]
        if not many:
            if statuses[0] == "conflict":
                raise Problem(409, f"The id '{rows[0]['item_id']}' names something of another kind.")
            return _json(results[0])
        return _json({"results": results, "counts": dict(Counter(statuses))})

    async def get(self, request: Request) -> Response:
        """An item as it is known."""
        item_id = request.parameters["id"]
        found: Mapping[str, Row] = {}
        if "\x00" not in item_id:  # which the database does not hold, and complains about
            found = await self._in_pool(self._store.items, [item_id])
        if item_id not in found:
            raise Problem(404, f"There is no item '{item_id[:100]}'. Save it with POST /items.")
        item = dict(found[item_id])
        return _json({"item_id": item.pop("id"), **item})

    async def _in_pool(self, work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await in_pool(self._pool, work, *arguments)
        except DatabaseUnavailable:
            raise Problem(
                503,
                "Items can neither be saved nor read now: the database is away.",
                headers=((b"retry-after", AWAY_SECONDS),),
            ) from None


def _events(body: bytes) -> list[Any]:
    parsed = json_object(body)
    events = parsed.pop("events", None)
    if parsed:
        name = next(iter(parsed))
        raise invalid_fields([FieldError(name, f"{name} does not belong beside events.")])
    if not isinstance(events, list) or not 0 < len(events) <= MAX_EVENTS:
        raise invalid_fields([FieldError("events", f"events must be a list of 1 to {MAX_EVENTS} events.")])
    return events


def _fault(event: Mapping[str, Any], now: datetime) -> FieldError | None:
    """What is wrong with an event whose fields fit one by one."""
    at = event.get("at")
    if at is None:
        if event.get("event_id") is None:
            return None
        return FieldError("at", "at is required beside event_id: a repetition is known by both.")
    if at > now + CLOCK_SLACK:
        minutes = CLOCK_SLACK // timedelta(minutes=1)
        return FieldError("at", f"at lies more than {minutes} minutes in the future.")
    if at < EARLIEST:
        return FieldError("at", f"at lies before {EARLIEST:%Y}.")
    return None


def _row(event: Mapping[str, Any], now: datetime) -> Row:
    """The event as it is kept."""
    get = event.get
    user, item, kind = event["user_id"], event["item_id"], event["kind"]
    at: datetime = get("at") or now
    return {
        "id": get("event_id") or event_key(user, item, kind, at),
        "at": at,
        "received_at": now,
        "user_id": user,
        "item_id": item,
        "item_kind": get("item_kind") or ("user" if kind == "follow" else "video"),
        "kind": kind,
        "watch_share": get("watch_share"),
        "region": get("region"),
        "recommendation_id": get("recommendation_id"),
    }


def _answer(rows: Sequence[Row], rejected: Sequence[Rejected], total: int) -> Row:
    ids: list[str | None] = [row["id"] for row in rows]
    if rejected:
        left = iter(ids)
        missing = {each["index"] for each in rejected}
        ids = [None if index in missing else next(left) for index in range(total)]
    return {"accepted": len(rows), "rejected": rejected, "ids": ids}


def _all_rejected(rejected: Sequence[Rejected]) -> Problem:
    def path(each: Rejected) -> str:
        return f"events[{each['index']}]" + (f".{each['field']}" if each["field"] else "")

    return invalid_fields([FieldError(path(each), each["reason"]) for each in rejected])


def _json(answer: Row) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
