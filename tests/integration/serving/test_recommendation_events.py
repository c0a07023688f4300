"""Events from the request to the table: none lost and none twice, whatever is killed in between."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from serving.application import Application, Route
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from serving.recommendation_events import EventsApi, ItemsApi
from serving.recommendation_store import Catalogue, take_events
from serving.security import ApiKey
from storage.database import make_engine, transaction
from tests.integration.serving.conftest import eventually

ROOT = Path(__file__).resolve().parents[3]
AT = "2026-11-20T12:00:00+00:00"
#: Takes 300 events in batches, says so, and waits to be killed; nothing is shipped.
WORKER = """
import asyncio, sys
from pathlib import Path
from config.settings import load_settings
from tests.integration.serving import test_recommendation_events as world
settings = load_settings(assay_home=Path(sys.argv[1]))
inbox = world.make_inbox(settings, lambda: None)
batches = [world.batch(start) for start in range(0, 300, 50)]
answers = asyncio.run(world.post(world.application(settings, inbox), batches))
print(sum(answer.json()["accepted"] for answer in answers), flush=True)
sys.stdin.read()
"""


def batch(start: int, number: int = 50) -> dict[str, Any]:
    events = [
        {"event_id": f"e{n}", "user_id": f"u{n % 7}", "item_id": f"v{n}", "kind": "view", "at": AT}
        for n in range(start, start + number)
    ]
    return {"events": events}


def make_inbox(settings: Settings, connect: Callable[[], Any]) -> Inbox:
    folder = settings.home / "services" / "recommendation" / "events"
    return Inbox("events", folder, settings, ServiceMetrics("recommendation"), connect)


def application(settings: Settings, inbox: Inbox) -> Application:
    api = EventsApi(inbox, settings.max_body_bytes)
    return Application([Route("/events", "POST", api.post)], ApiKey(settings), ServiceMetrics("x"))


async def post(app: Application, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    """All at once."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await asyncio.gather(*(client.post("/events", json=body) for body in bodies))


def count(engine: Engine) -> tuple[int, int]:
    with transaction(engine) as connection:
        row = connection.execute(text("select count(*), count(distinct id) from events")).one()
    return row[0], row[1]


@pytest.fixture
def inbox(engine: Engine, settings: Settings) -> Iterator[Inbox]:
    made = make_inbox(settings, partial(take_events, settings, engine))
    made.start()
    yield made
    made.stop()


def test_batches_that_overlap_are_in_the_table_once_and_soon(
    engine: Engine, settings: Settings, inbox: Inbox
) -> None:
    bodies = [batch(start) for start in (0, 25, 50, 0, 75)]
    answers = asyncio.run(post(application(settings, inbox), bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert eventually(lambda: count(engine) == (125, 125)) < 5


def test_events_of_a_service_that_was_killed_before_it_shipped_are_shipped_by_the_next(
    engine: Engine, settings: Settings
) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(settings.home)], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"300\n"
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    assert count(engine) == (0, 0)
    after = make_inbox(settings, partial(take_events, settings, engine))
    try:
        after.shipper.ship()
        assert count(engine) == (300, 300)
        assert not after.waiting()
    finally:
        after.stop()


def test_events_that_are_shipped_again_after_a_commit_that_nobody_noticed_change_nothing(
    engine: Engine, settings: Settings
) -> None:
    insert = take_events(settings, engine)
    broken: list[int] = []

    def insert_and_break(rows: list[dict[str, Any]]) -> int:
        found = insert(rows)
        if not broken:
            broken.append(found)
            raise ConnectionError("the connection broke after the commit")
        return found

    inbox = make_inbox(settings, lambda: insert_and_break)
    try:
        asyncio.run(post(application(settings, inbox), [batch(0)]))
        inbox.spool.rotate()
        with pytest.raises(ConnectionError):
            inbox.shipper.ship()
        assert count(engine) == (50, 50)
        assert inbox.waiting()
        inbox.shipper.ship()
        assert count(engine) == (50, 50)
        assert not inbox.waiting()
    finally:
        inbox.stop()


def test_while_the_database_is_away_events_wait_and_come_later(engine: Engine, settings: Settings) -> None:
    away = make_engine(settings.model_copy(update={"db_port": 1}))
    current = [away]
    inbox = make_inbox(settings, lambda: take_events(settings, current[0]))
    try:
        (answer,) = asyncio.run(post(application(settings, inbox), [batch(0)]))
        assert answer.status_code == 202
        inbox.shipper._tick()
        assert inbox.complaints() == ["events wait on disk: the database does not take them"]
        current[0] = engine
        came_in = datetime.now(UTC)
        inbox.shipper.ship()
        assert count(engine) == (50, 50)
        with engine.connect() as connection:
            received = connection.execute(text("select min(received_at) from events")).scalar_one()
        assert received >= came_in, "collection of a day that is over would have missed them"
    finally:
        inbox.stop()


def test_a_line_that_can_never_be_kept_is_set_aside_and_the_others_are_taken(
    engine: Engine, settings: Settings
) -> None:
    inbox = make_inbox(settings, partial(take_events, settings, engine))
    try:
        good = {"id": "a", "at": AT, "received_at": AT, "user_id": "u", "item_id": "v", "kind": "view"}
        inbox.keep(
            [good, good | {"id": "b", "at": "2001-01-01T00:00:00Z"}, good | {"id": "c", "kind": "stare"}]
        )
        inbox.spool.rotate()
        inbox.shipper.ship()
        assert count(engine) == (1, 1)
        (aside,) = (inbox.spool.folder / "set-aside").glob("*.jsonl")
        assert aside.read_text().count("\n") == 2
    finally:
        inbox.stop()


def test_items_go_to_the_catalogue_and_come_back(settings: Settings) -> None:
    from concurrent.futures import ThreadPoolExecutor

    catalogue, pool = Catalogue(settings), ThreadPoolExecutor(1)
    items = ItemsApi(catalogue, pool, 10_000)
    routes = [Route("/items", "POST", items.post), Route("/items/{id}", "GET", items.get)]
    app = Application(routes, ApiKey(settings), ServiceMetrics("x"))

    async def run() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            told = {"item_id": "v1", "text": "A day out", "tags": ["sun"], "published_at": AT}
            saved = await client.post("/items", json={"items": [told, {"item_id": "ann", "kind": "user"}]})
            return saved, await client.get("/items/v1")

    saved, found = asyncio.run(run())
    catalogue.close()
    pool.shutdown()
    assert saved.json()["counts"] == {"new": 2}
    item = found.json()
    assert (item["item_id"], item["kind"], item["tags"]) == ("v1", "video", ["sun"])
    assert item["published_at"] == "2026-11-20T12:00:00Z"
