"""Interactions and items over HTTP: what is taken, what is told, and what is kept before the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from config.errors import DatabaseUnavailable
from config.settings import Settings
from serving.application import Application, Route
from serving.group_sync import GroupSync
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from serving.recommendation_events import EventsApi, ItemsApi
from serving.recommendation_events_schema import EXAMPLE_EVENT, EXAMPLE_ITEM
from serving.security import ApiKey
from storage.events import event_key

AT = "2026-11-20T12:00:00Z"
EVENT = {"user_id": "ann", "item_id": "v1", "kind": "view", "at": AT}


@dataclass
class StoreDouble:
    """The catalogue of "the database"; ``away``: it does not answer."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    away: bool = False

    def save_items(self, rows: Any, now: datetime) -> list[str]:
        assert now.tzinfo
        if self.away:
            raise DatabaseUnavailable("PostgreSQL is away.")
        statuses = ["changed" if row["item_id"] in self.known else "new" for row in rows]
        for row in rows:
            self.known[row["item_id"]] = {"id": row["item_id"], **row}
        return self.statuses or statuses

    def items(self, ids: Any) -> dict[str, dict[str, Any]]:
        if self.away:
            raise DatabaseUnavailable("PostgreSQL is away.")
        return {one: self.known[one] for one in ids if one in self.known}


@dataclass
class World:
    """The two endpoints, and what came of them."""

    application: Application
    inbox: Inbox
    store: StoreDouble
    heard: list[dict[str, Any]]
    shipped: list[dict[str, Any]]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return asyncio.run(run())

    def send(self, *events: Any) -> httpx.Response:
        return self.ask("POST", "/events", json={"events": list(events)})

    def ship(self) -> list[dict[str, Any]]:
        """The lines that reach "the database" when they are shipped now."""
        self.inbox.spool.rotate()
        self.inbox.shipper.ship()
        return self.shipped


@pytest.fixture
def world(service_settings: Settings) -> Iterator[World]:
    shipped: list[dict[str, Any]] = []
    heard: list[dict[str, Any]] = []
    metrics = ServiceMetrics("recommendation")
    folder = service_settings.home / "services" / "recommendation" / "events"
    inbox = Inbox(
        "events", folder, service_settings, metrics, lambda: lambda rows: shipped.extend(rows) or len(rows)
    )
    store, pool = StoreDouble(), ThreadPoolExecutor(1)
    events = EventsApi(inbox, 100_000, on_events=heard.extend)
    items = ItemsApi(store, pool, 100_000)
    routes = [
        Route("/events", "POST", events.post),
        Route("/items", "POST", items.post),
        Route("/items/{id}", "GET", items.get),
    ]
    yield World(Application(routes, ApiKey(service_settings), metrics), inbox, store, heard, shipped)
    inbox.stop()
    pool.shutdown()


def test_an_event_is_on_disk_and_told_to_listeners_before_the_answer(world: World) -> None:
    answer = world.ask("POST", "/events", json=EVENT)
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    key = event_key("ann", "v1", "view", at)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "rejected": [], "ids": [key]}
    assert [(one["id"], one["at"], one["item_kind"]) for one in world.heard] == [(key, at, "video")]
    (line,) = [path.read_bytes() for path in world.inbox.spool.folder.glob("*.jsonl")]
    assert orjson.loads(line)["id"] == key


def test_an_event_sent_again_has_the_same_id(world: World) -> None:
    first, again = world.send(EVENT).json(), world.send(EVENT | {"watch_share": None}).json()
    assert first["ids"] == again["ids"]
    own = world.send(EVENT | {"event_id": "mine"}).json()
    assert own["ids"] == ["mine"]


def test_a_follow_is_of_a_user_and_everything_else_of_a_video_unless_it_says_so(world: World) -> None:
    world.send(EVENT, EVENT | {"kind": "follow"}, EVENT | {"item_kind": "post"})
    assert [one["item_kind"] for one in world.ship()] == ["video", "user", "post"]


def test_of_many_the_faulty_are_named_and_the_others_taken(world: World) -> None:
    future = (datetime.now(UTC) + timedelta(minutes=6)).isoformat()
    soon = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    answer = world.send(
        EVENT,
        EVENT | {"kind": "stare"},
        EVENT | {"at": future},
        EVENT | {"at": soon},
        "nonsense",
        {"user_id": "ann", "kind": "view"},
        EVENT | {"watchshare": 0.5},
        EVENT | {"user_id": "a\x00b"},
        EVENT | {"user_id": "  "},
        {key: value for key, value in EVENT.items() if key != "at"} | {"event_id": "e"},
        EVENT | {"at": "2004-12-31T00:00:00Z"},
        EVENT | {"watch_share": 1.5},
    )
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 2
    assert [one is not None for one in body["ids"]] == [True, False, False, True] + [False] * 8
    assert [(each["index"], each["field"]) for each in body["rejected"]] == [
        (1, "kind"), (2, "at"), (4, ""), (5, "item_id"), (6, "watchshare"), (7, "user_id"), (8, "user_id"),
        (9, "at"), (10, "at"), (11, "watch_share"),
    ]  # fmt: skip
    reasons = {each["index"]: each["reason"] for each in body["rejected"]}
    assert reasons[1].startswith("kind must be 'view', 'like'")
    assert reasons[2] == "at lies more than 5 minutes in the future."
    assert reasons[6] == "watchshare is not a known field. Did you mean watch_share?"
    assert reasons[8] == "user_id must not be blank."
    assert len(world.ship()) == 2


def test_faults_are_told_the_same_whether_the_rest_fits_or_not(world: World) -> None:
    late = EVENT | {"at": "2001-01-01T00:00:00Z"}
    alone = world.send(EVENT, late).json()["rejected"]
    beside = world.send(EVENT, late, EVENT | {"kind": 7}).json()["rejected"]
    assert alone == beside[:1]


def test_when_all_are_faulty_the_request_is_and_nothing_is_kept(world: World) -> None:
    answer = world.send(EVENT | {"kind": "stare"}, 3)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["events[0].kind", "events[1]"]
    assert world.ask("POST", "/events", json=EVENT | {"at": "2001-01-01T00:00:00Z"}).status_code == 422
    assert world.heard == world.ship() == []


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"events": {}}', b'{"events": []}', b'{"events": [{}], "x": 1}', b'{"events": 1}']
)
def test_a_body_that_is_none_is_refused(world: World, body: bytes) -> None:
    answer = world.ask("POST", "/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


def test_more_than_a_thousand_events_are_too_many(world: World) -> None:
    small = {"user_id": "a", "item_id": "b", "kind": "view"}
    assert world.send(*[small] * 1000).json()["accepted"] == 1000
    answer = world.send(*[small] * 1001)
    assert answer.json()["errors"][0]["field"] == "events"


def test_a_full_disk_is_a_503_and_no_listener_hears_of_it(world: World) -> None:
    world.inbox.spool.full = True
    answer = world.send(EVENT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert world.heard == []


def test_what_does_not_reach_the_disk_is_not_acknowledged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr("serving.spool.os.fsync", refuse)
    assert world.send(EVENT).status_code == 503
    assert world.heard == []


def test_a_listener_that_fails_costs_nobody_an_event(world: World, service_settings: Settings) -> None:
    def fail(_: list[dict[str, Any]]) -> None:
        raise ValueError("a fault of ours")

    api = EventsApi(world.inbox, 1000, on_events=fail)
    world.application = Application(
        [Route("/events", "POST", api.post)], ApiKey(service_settings), ServiceMetrics("x")
    )
    assert world.send(EVENT).status_code == 202
    assert len(world.ship()) == 1


def test_the_examples_of_the_documentation_are_taken(world: World) -> None:
    assert world.ask("POST", "/events", json=EXAMPLE_EVENT).json()["ids"] == [EXAMPLE_EVENT["event_id"]]
    assert world.ask("POST", "/items", json=EXAMPLE_ITEM).json()["status"] == "new"


def test_an_item_is_saved_and_found_again(world: World) -> None:
    assert world.ask("POST", "/items", json={"item_id": "v1", "text": "A day out"}).json() == {
        "item_id": "v1",
        "status": "new",
    }
    answer = world.ask("POST", "/items", json={"items": [{"item_id": "v1"}, {"item_id": "v2"}]}).json()
    assert [one["status"] for one in answer["results"]] == ["changed", "new"]
    assert answer["counts"] == {"changed": 1, "new": 1}
    assert world.ask("GET", "/items/v1").json()["item_id"] == "v1"
    assert world.ask("GET", "/items/nobody").status_code == 404


def test_items_are_saved_all_or_none_and_not_without_the_database(world: World) -> None:
    answer = world.ask("POST", "/items", json={"items": [{"item_id": "v1"}, {"item_id": "v2", "tags": "x"}]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "items[1].tags")
    assert not world.store.known
    world.store.away = True
    answer = world.ask("POST", "/items", json={"item_id": "v1"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert world.ask("GET", "/items/v1").status_code == 503


def test_an_id_of_another_kind_is_a_conflict(world: World) -> None:
    world.store.statuses = ["conflict"]
    assert world.ask("POST", "/items", json={"item_id": "v1", "kind": "post"}).status_code == 409


@dataclass
class Disk:
    """Counts syncs; each lasts until it is let go."""

    began: int = 0
    error: OSError | None = None

    def sync(self) -> None:
        self.began += 1
        if self.error:
            raise self.error


def waits(sync: Callable[[], None], number: int) -> list[BaseException | None]:
    async def run() -> list[BaseException | None]:
        group = GroupSync(sync)
        return await asyncio.gather(*(group.wait() for _ in range(number)), return_exceptions=True)

    return asyncio.run(run())


def test_who_waits_together_is_synced_together() -> None:
    disk = Disk()
    assert waits(disk.sync, 50) == [None] * 50
    assert disk.began == 2, "the first began before the others had written"


def test_a_sync_that_fails_is_told_to_each_who_waited_and_the_next_is_tried() -> None:
    disk = Disk(error=OSError("full"))
    found = waits(disk.sync, 3)
    assert all(isinstance(each, OSError) for each in found)
    disk.error = None
    assert waits(disk.sync, 1) == [None]
