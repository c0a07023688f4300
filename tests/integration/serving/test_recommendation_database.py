"""The recommendation service in process on a real PostgreSQL: what it reads, and how soon it knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from models.recommendation.reading import moment_us
from serving.model_slot import ServedModel
from serving.recommendation_app import RecommendationService
from serving.recommendation_cache import AnswerCache
from serving.recommendation_database import RecommendationDatabase
from serving.recommendation_store import from_line
from serving.runtime import ServiceRuntime
from storage.database import transaction
from storage.erasure import keep_report, remember
from storage.events import insert_events
from storage.flags import set_flag
from storage.items import save_items
from storage.predictions import insert_predictions
from storage.recommendation_acts import acts_since
from storage.recommendation_board import engagement
from storage.recommendation_decisions import decisions_of
from storage.recommendation_lists import read_lists
from tests.integration.serving.conftest import eventually
from tests.recommendation_board_world import world_items
from tests.recommendation_model_world import tiny_recommender
from tests.redis_server import BINARY, RedisServer

PREFIX = "/api/v1"
FAMILY = SimpleNamespace(name="recommendation", options=lambda _: None)


def now() -> datetime:
    return datetime.now(UTC)


def deed(user: str, item: str, kind: str = "like", **more: Any) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "kind": kind, "at": now() - timedelta(minutes=1)} | more


def fill(engine: Engine) -> None:
    """The videos, posts and users of the small world."""
    rows = [
        {
            "item_id": item["id"],
            **{name: item[name] for name in ("kind", "author_id", "text", "tags", "category", "language")},
            "published_at": datetime.fromtimestamp(item["published_us"] / 1e6, UTC),
        }
        for item in world_items()
    ]
    save_items(engine, rows, now())


class Replica:
    """One process's service, with its threads, in this process."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        runtime = ServiceRuntime(
            "recommendation",
            settings,
            registry=lambda: None,
            database=lambda: partial(insert_predictions, engine),
        )

        def insert(lines: list[dict[str, Any]]) -> int:
            return insert_events(engine, [from_line(line) for line in lines], now()).count("new")

        self.parts = RecommendationService(runtime, take=lambda: insert)
        self.application = self.parts.application()
        self._runtime = runtime
        self.loop = asyncio.new_event_loop()
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.application), base_url="http://service"
        )

    def start(self) -> None:
        """Start the threads but the registry's; version 7 is in service."""
        self.parts.inbox.start()
        self.parts.flags.start()
        self._runtime.recorder.start()
        facts = {"created_at": "2026-11-19T00:00:00+00:00"}
        self._runtime.slot.swap(ServedModel(tiny_recommender(), "7", facts, "registry", now()))
        self.parts.board.start()
        self.parts.acts.start(self.parts.listener)

    def stop(self) -> None:
        self.loop.run_until_complete(self.client.aclose())
        self.loop.run_until_complete(self.parts.cache.close())
        self.parts._pool.shutdown(wait=True)
        self.loop.close()
        self.parts.stop()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.loop.run_until_complete(self.client.request(method, f"{PREFIX}{path}", **options))

    def recommend(self, user: str, **more: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/recommend", json={"user_id": user} | more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def crowd(self, user: str, size: int) -> list[dict[str, Any]]:
        async def all_at_once() -> list[httpx.Response]:
            asked = [self.client.post(f"{PREFIX}/recommend", json={"user_id": user}) for _ in range(size)]
            return await asyncio.gather(*asked)

        return [answer.json() for answer in self.loop.run_until_complete(all_at_once())]


@pytest.fixture
def make_replica(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Replica]]:
    """Makes replicas on the test's database, with the small world in it."""
    monkeypatch.setattr("serving.runtime.get_family", lambda _: FAMILY)
    fill(engine)
    made: list[Replica] = []

    def make(**changed: Any) -> Replica:
        home = settings.home / f"replica-{len(made)}"
        replica = Replica(settings.model_copy(update={"assay_home": home} | changed), engine)
        replica.start()
        made.append(replica)
        return replica

    yield make
    for replica in made:
        replica.stop()


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


def because(answer: dict[str, Any]) -> set[str]:
    return {item["because"]["item_id"] for item in answer["items"] if item["because"]}


def test_an_event_counts_in_the_next_list_and_reaches_the_database(
    make_replica: Callable[..., Replica], engine: Engine
) -> None:
    replica = make_replica()
    before = replica.recommend("u1")
    assert replica.recommend("u1")["cached"] is True
    seen = ids(before)[0]
    sent = {"user_id": "u1", "item_id": seen, "kind": "like", "recommendation_id": before["recommendation_id"]}
    assert replica.ask("POST", "/events", json=sent).status_code == 202
    after = replica.recommend("u1")
    assert after["cached"] is False
    assert seen not in ids(after)
    assert because(after) == {seen}

    def stored() -> bool:
        with engine.connect() as connection:
            return connection.execute(text("select count(*) from events where user_id = 'u1'")).scalar() == 1

    eventually(stored)
    time.sleep(1.5)  # its own event is no news to it
    assert replica.recommend("u1")["cached"] is True
    with engine.connect() as connection:
        row = connection.execute(
            text("select answer->'items' as items from predictions where id = :id"),
            {"id": before["recommendation_id"]},
        ).one_or_none()
    assert row is not None
    assert row.items == ids(before)


def test_other_replicas_know_within_seconds(make_replica: Callable[..., Replica]) -> None:
    first, second = make_replica(), make_replica()
    seen = ids(first.recommend("u1"))[0]
    assert seen in ids(second.recommend("u1"))
    eventually(lambda: second.parts.acts.looks())
    first.ask("POST", "/events", json={"user_id": "u1", "item_id": seen, "kind": "like"})
    took = eventually(lambda: seen not in ids(second.recommend("u1")), 5)
    assert took < 4
    assert because(second.recommend("u1")) == {seen}


def test_events_that_come_by_an_import_count_too(make_replica: Callable[..., Replica], engine: Engine) -> None:
    replica = make_replica()
    seen = ids(replica.recommend("u1"))[0]
    insert_events(engine, [deed("u1", seen)], now())
    eventually(lambda: seen not in ids(replica.recommend("u1")), 5)


def test_a_flag_is_in_force_within_ten_seconds(make_replica: Callable[..., Replica], engine: Engine) -> None:
    replica = make_replica()
    assert replica.recommend("u1")["answered_by"] == "model"
    set_flag(engine, "mlRecommendations", enabled=False, rollout=100, actor="anna", reason="a test", at=now())
    took = eventually(lambda: replica.recommend("u1")["answered_by"] == "heuristic", 10)
    assert took < 10


def test_a_new_item_is_known_and_a_removed_one_is_gone_within_seconds(
    make_replica: Callable[..., Replica],
) -> None:
    replica = make_replica()
    item = {
        "item_id": "fresh",
        "author_id": "a3",
        "text": "cooking soup",
        "category": "cooking",
        "language": "de",
    }
    assert replica.ask("POST", "/items", json=item).json()["status"] == "new"
    gone = ids(replica.recommend("u1"))[0]
    replica.ask("POST", "/items", json={"item_id": gone, "removed": True})
    replica.parts.board.look()
    assert replica.ask("GET", "/features/post/fresh").json()["trained_on"] is False
    assert gone not in ids(replica.recommend("u1"))
    assert "fresh" in replica.parts.board.board.newest


def test_a_crowd_that_asks_for_a_cold_list_is_answered_by_one_computation(
    make_replica: Callable[..., Replica],
) -> None:
    answers = make_replica().crowd("u1", 100)
    assert len({answer["recommendation_id"] for answer in answers}) == 1


def test_a_start_while_the_database_is_away_answers_and_says_so(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.runtime.get_family", lambda _: FAMILY)
    replica = Replica(settings.model_copy(update={"db_port": 1}), engine)
    replica.start()
    try:
        answer = replica.recommend("u1")
        assert (answer["answered_by"], answer["degraded"], answer["count"]) == ("model", True, 20)
        began = time.perf_counter()
        for number in range(20):
            replica.recommend(f"u{number}")
        assert time.perf_counter() - began < 2.0, "nobody waits for it again and again"
    finally:
        replica.stop()


def test_the_precise_moments_of_a_history_are_kept(settings: Settings, engine: Engine) -> None:
    at = datetime(2026, 11, 1, 12, 0, 0, 123457, tzinfo=UTC)
    insert_events(engine, [deed("u1", "v1", "view", at=at, watch_share=0.25)], now())
    database = RecommendationDatabase(settings)
    try:
        (one,) = database.histories(["u1", "u2"])["u1"]
    finally:
        database.close()
    assert one == ("v1", "view", moment_us(at), 0.25)
    assert moment_us(at) % 1_000_000 == 123457


def test_who_acted_is_told_once_however_transactions_overlap(engine: Engine) -> None:
    first = acts_since(engine, None)
    assert first.users == {}
    insert_events(engine, [deed("u0", "v0", id="e0")], now())
    with engine.connect() as late:
        sql = text(
            "insert into events (id, at, received_at, user_id, item_id, item_kind, kind)"
            " values ('late', now(), now(), 'slow', 'v1', 'video', 'like')"
        )
        late.execute(sql)
        insert_events(engine, [deed("u1", "v1", id="e1"), deed("u1", "v2", id="e2")], now())
        second = acts_since(engine, first.snapshot)
        assert second.users == {"e0": "u0", "e1": "u1", "e2": "u1"}
        third = acts_since(engine, second.snapshot)
        assert third.users == {}
        late.commit()
    fourth = acts_since(engine, third.snapshot)
    assert fourth.users == {"late": "slow"}
    assert acts_since(engine, fourth.snapshot).users == {}
    few = acts_since(engine, first.snapshot, limit=2)
    assert few.complete is False


def test_that_somebody_was_forgotten_is_told_when_it_begins_and_when_it_ends(engine: Engine) -> None:
    told = [acts_since(engine, None).erasures]
    with transaction(engine) as connection:
        remember(connection, "a" * 64, requested_by="ada", reason=None, at=now())
    told.append(acts_since(engine, None).erasures)
    keep_report(engine, "a" * 64, {})
    told += [acts_since(engine, None).erasures, acts_since(engine, None).erasures]
    assert len(set(told)) == 3
    assert told[2] == told[3]


def test_one_account_cannot_lift_an_item_alone(engine: Engine) -> None:
    insert_events(
        engine,
        [
            *(deed("bot", "spam", at=now() - timedelta(seconds=number)) for number in range(50)),
            *(deed(f"u{number}", "good", "view", watch_share=0.5) for number in range(8)),
            *(deed(f"u{number}", "bad", "skip") for number in range(8)),
        ],
        now(),
    )
    weights = {"view": 1.0, "like": 3.0, "skip": -1.0}
    found = engagement(engine, weights, now() - timedelta(days=1), events=1000, limit=10)
    assert found == {"good": pytest.approx(4.0), "spam": pytest.approx(3.0)}


def test_stored_lists_and_decisions_are_found_by_their_keys(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("insert into recommendation_lists values ('u1', 'video', now(), '7', '[{\"id\": \"v1\"}]')")
        )
        connection.execute(
            text(
                "insert into predictions (id, family, entity_id, at, inputs, answer, model_version, latency_ms,"
                " received_at) values ('019a9c3e-5a70-7c11-9d5e-0242ac120002', 'recommendation', 'u1', now(),"
                ' \'{}\', \'{"experiment": {"experiment": "feed", "decision_id": "d1"}}\', \'7\', 1, now())'
            )
        )
    found = read_lists(engine, [("u1", "video"), ("u1", "post"), ("u2", "video")])
    assert {key: (one.model_version, one.items) for key, one in found.items()} == {
        ("u1", "video"): ("7", [{"id": "v1"}])
    }
    known = "019a9c3e-5a70-7c11-9d5e-0242ac120002"
    assert decisions_of(engine, [known, "no uuid", "019a9c3e-5a70-7c11-9d5e-0242ac120003"]) == {
        known: ("d1", "feed")
    }


@pytest.fixture
def redis_server(settings: Settings) -> Iterator[RedisServer]:
    """A private Redis."""
    if BINARY is None:
        pytest.skip("there is no redis-server on this machine")
    server = RedisServer(settings.home / "redis")
    server.start()
    yield server
    server.stop()


def test_replicas_share_lists_by_redis_and_drop_them_together(
    make_replica: Callable[..., Replica], redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    # a busy machine may take longer than a request would wait; then nothing is kept, which is tested below
    monkeypatch.setattr("serving.recommendation_cache.REDIS_SECONDS", 5.0)
    first, second = (make_replica(redis_url=SecretStr(redis_server.url)) for _ in range(2))
    answer = first.recommend("u1")
    shared = second.recommend("u1")
    assert (shared["cached"], shared["recommendation_id"]) == (True, answer["recommendation_id"])
    seen = ids(answer)[0]
    first.ask("POST", "/events", json={"user_id": "u1", "item_id": seen, "kind": "like"})
    first.loop.run_until_complete(asyncio.sleep(0.1))
    assert second.recommend("u1")["cached"] is False, "dropped at once, not when the watcher looks"
    assert len({one["recommendation_id"] for one in first.crowd("cold", 50)}) == 1


def test_two_installations_on_one_redis_know_nothing_of_each_other(
    settings: Settings, redis_server: RedisServer
) -> None:
    from pydantic import SecretStr

    async def work() -> list[Any]:
        ours, replica, theirs = (
            AnswerCache(settings.model_copy(update={"redis_url": SecretStr(redis_server.url)} | changed))
            for changed in ({}, {"assay_home": settings.home / "replica"}, {"db_name": "another"})
        )
        await ours.put("u1", "k", b"ours", (await ours.get("u1", "k")).token)
        found = [(await one.get("u1", "k")).body for one in (replica, theirs)]
        theirs.dropping_all()
        theirs.dropping("u1")
        found += [(await one.get("u1", "k")).body for one in (theirs, ours)]
        for one in (ours, replica, theirs):
            await one.close()
        return found

    assert asyncio.run(work()) == [b"ours", None, None, b"ours"]


def test_without_redis_nothing_is_kept_and_everything_is_answered(
    make_replica: Callable[..., Replica], redis_server: RedisServer
) -> None:
    from pydantic import SecretStr

    replica = make_replica(redis_url=SecretStr(redis_server.url))
    kept = replica.recommend("u1")
    assert replica.recommend("u1")["cached"] is True
    redis_server.stop()
    began = time.perf_counter()
    answers = [replica.recommend("u1") for _ in range(20)]
    assert time.perf_counter() - began < 2.0
    assert not any(answer["cached"] for answer in answers)
    seen = ids(kept)[0]
    replica.ask("POST", "/events", json={"user_id": "u1", "item_id": seen, "kind": "like"})
    assert seen not in ids(replica.recommend("u1"))
    assert "Redis does not answer" in replica.loop.run_until_complete(replica.client.get("/health")).text
    redis_server.start()
    eventually(lambda: replica.recommend("u1")["cached"], 10)
    assert seen not in ids(replica.recommend("u1"))


def test_an_act_while_redis_is_away_is_told_when_it_is_back(
    make_replica: Callable[..., Replica], redis_server: RedisServer
) -> None:
    """The list of before is in Redis still, under its token: who took the act owes the user a new one."""
    from pydantic import SecretStr

    replica = make_replica(redis_url=SecretStr(redis_server.url))
    seen = ids(replica.recommend("u1"))[0]
    replica.parts.cache._not_before = time.monotonic() + 1.0  # as after a failure
    replica.ask("POST", "/events", json={"user_id": "u1", "item_id": seen, "kind": "like"})
    assert seen not in ids(replica.recommend("u1"))
    time.sleep(1.1)
    assert seen not in ids(replica.recommend("u1"))
