"""Replicas of the gateway that share a Redis, and what they do without it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from config.settings import load_settings
from tests.gateway_world import KEY, SECRET, World, headers_of
from tests.redis_server import BINARY, RedisServer

pytestmark = pytest.mark.skipif(BINARY is None, reason="redis-server is not installed")
BODY = {"content_id": "c", "content_data": {"text": "hello"}}


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def replica(tmp_path: Path, server: RedisServer, limit: int = 5) -> World:
    return World(
        load_settings(
            assay_home=tmp_path, ml_api_key=KEY, jwt_secret=SECRET, redis_url=SecretStr(server.url),
            rate_limit_per_minute=limit,
        )
    )  # fmt: skip


async def ask(world: World, method: str, path: str, caller: str = "user", **options: object) -> httpx.Response:
    return await world.send(method, path, headers=headers_of(caller), **options)


def test_replicas_share_a_users_limit(tmp_path: Path, redis_server: RedisServer) -> None:
    async def scenario() -> list[httpx.Response]:
        replicas = [replica(tmp_path, redis_server) for _ in range(2)]
        answers = [await ask(replicas[number % 2], "GET", "trending") for number in range(7)]
        answers.append(await ask(replicas[0], "GET", "trending", "owner"))
        for one in replicas:
            await one.gateway.close()
        return answers

    answers = asyncio.run(scenario())
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2 + [200]
    assert [one.headers["ratelimit-remaining"] for one in answers[:6]] == ["4", "3", "2", "1", "0", "0"]
    assert 1 <= int(answers[5].headers["retry-after"]) <= 120


def test_replicas_share_answers_and_forget_them_together(tmp_path: Path, redis_server: RedisServer) -> None:
    async def scenario() -> list[str]:
        first, second = (replica(tmp_path, redis_server) for _ in range(2))
        asked = [await ask(world, "POST", "moderate", "key", json=BODY) for world in (first, second)]
        seen = [one.headers["x-cache"] for one in asked]
        await ask(first, "DELETE", "models/unload/nsfw_detector", "key")
        seen.append((await ask(second, "POST", "moderate", "key", json=BODY)).headers["x-cache"])
        for one in (first, second):
            await one.gateway.close()
        return seen

    assert asyncio.run(scenario()) == ["miss", "hit", "miss"]


def test_without_redis_each_counts_for_itself_and_health_says_so(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async def scenario() -> tuple[list[int], httpx.Response]:
        world = replica(tmp_path, redis_server, limit=3)
        await ask(world, "GET", "trending")
        redis_server.stop()
        statuses = [(await ask(world, "GET", "trending")).status_code for _ in range(5)]
        health = await ask(world, "GET", "/health")
        await world.gateway.close()
        return statuses, health

    statuses, health = asyncio.run(scenario())
    assert statuses == [200, 200, 200, 429, 429]
    assert health.json()["status"] == "degraded"
    assert "Redis does not answer" in health.json()["detail"]
