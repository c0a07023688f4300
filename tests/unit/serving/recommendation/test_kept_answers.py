"""Answers that are kept in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import load_settings
from serving import recommendation_cache
from serving.recommendation_cache import AnswerCache
from serving.redis_keys import key_prefix


def with_cache(work: Callable[[AnswerCache], Awaitable[Any]], **settings: Any) -> Any:
    async def go() -> Any:
        return await work(AnswerCache(load_settings(**settings)))

    return asyncio.run(go())


async def keep(cache: AnswerCache, user: str, key: str = "k", body: bytes = b"{}") -> None:
    await cache.put(user, key, body, (await cache.get(user, key)).token)


def test_what_is_kept_is_given_back_as_it_was() -> None:
    async def work(cache: AnswerCache) -> Any:
        for body in (b"", b"12345", b'{"a":"t:u"}', bytes(range(256))):
            await keep(cache, "u", "k", body)
            yield_ = await cache.get("u", "k")
            assert yield_.body == body
        return (await cache.get("u", "other")).body, (await cache.get("v", "k")).body

    assert with_cache(work) == (None, None)


def test_a_user_and_a_key_are_not_taken_for_others() -> None:
    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u:1", "k", b"one")
        return (await cache.get("u", "1:k")).body, (await cache.get("u:1:k", "")).body

    assert with_cache(work) == (None, None)


def test_an_act_drops_all_lists_of_the_user_and_of_nobody_else() -> None:
    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u", "k")
        await keep(cache, "u", "l")
        await keep(cache, "v", "k")
        cache.dropping("u")
        return [(await cache.get(*one)).body for one in (("u", "k"), ("u", "l"), ("v", "k"))]

    assert with_cache(work) == [None, None, b"{}"]


def test_who_is_only_given_what_is_kept_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others asked meanwhile for the first time, an act drops their list."""
    monkeypatch.setattr(recommendation_cache, "ENTRIES", 10)

    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u", "k")
        for number in range(100):
            await keep(cache, f"other-{number}", "k")
            assert (await cache.get("u", "k")).body == b"{}"
        cache.dropping("u")
        return (await cache.get("u", "k")).body

    assert with_cache(work) is None


def test_what_was_computed_before_an_act_is_not_given_after_it() -> None:
    async def work(cache: AnswerCache) -> Any:
        before = await cache.get("u", "k")
        cache.dropping("u")
        await cache.put("u", "k", b"old", before.token)
        return (await cache.get("u", "k")).body

    assert with_cache(work) is None


def test_everybodys_lists_can_be_dropped() -> None:
    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u")
        await keep(cache, "v")
        cache.dropping_all()
        gone = [(await cache.get(one, "k")).body for one in ("u", "v")]
        await keep(cache, "u")
        return [*gone, (await cache.get("u", "k")).body]

    assert with_cache(work) == [None, None, b"{}"]


def test_past_so_many_drops_that_wait_everybodys_lists_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_cache, "OWED", 3)

    async def work(cache: AnswerCache) -> Any:
        for user in ("a", "b", "c", "d", "e"):
            await keep(cache, user)
        for user in ("a", "b", "c", "d"):
            cache.dropping(user)
        return [(await cache.get(user, "k")).body for user in ("a", "e")]

    assert with_cache(work) == [None, None]


@pytest.mark.parametrize("all_of_them", [False, True])
def test_an_act_while_a_drop_is_under_way_is_owed_a_drop_of_its_own(all_of_them: bool) -> None:
    """The store has the new token before this process hears of it: what is kept under it meanwhile, by another
    process too, may be of before the act.
    """

    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u", body=b"first")
        write = cache._cache.set_many

        async def slow(pairs: Any, expire: Any) -> None:
            await write(pairs, expire=expire)
            cache._cache.set_many = write  # type: ignore[method-assign]
            tokens = await cache._cache.get_many(cache._everybody, cache._token_key("u"))
            token = b"".join(one or recommendation_cache.NO_TOKEN for one in tokens)
            await cache.put("u", "k", b"before the act", token)
            cache.dropping_all() if all_of_them else cache.dropping("u")

        cache._cache.set_many = slow  # type: ignore[method-assign,assignment]
        cache.dropping_all() if all_of_them else cache.dropping("u")
        cache.settle()
        assert cache._settling is None
        await asyncio.sleep(0.05)
        await cache._settling
        return (await cache.get("u", "k")).body

    assert with_cache(work) is None


def test_who_asks_in_the_middle_of_that_is_given_nothing_kept() -> None:
    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u")
        write = cache._cache.set_many

        async def slow(pairs: Any, expire: Any) -> None:
            await write(pairs, expire=expire)
            cache.dropping("u")

        cache._cache.set_many = slow  # type: ignore[method-assign,assignment]
        cache.dropping("u")
        return await cache.get("u", "k")

    assert with_cache(work) == recommendation_cache.MISSING


def test_keys_are_of_one_installation(tmp_path: Path) -> None:
    redis = SecretStr("redis://127.0.0.1:9/0")
    given: list[dict[str, Any]] = [
        {"db_host": "db-1", "db_name": "assay"},
        {"db_host": "db-2", "db_name": "assay"},
        {"db_host": "db-1", "db_port": 5433, "db_name": "assay"},
        {"db_host": "db-1", "db_name": "other"},
        {"assay_home": tmp_path / "one"},
        {"assay_home": tmp_path / "two"},
    ]
    assert len({key_prefix(load_settings(redis_url=redis, **one), "a") for one in given}) == len(given)
    replicas = [{**given[0], "assay_home": tmp_path / name} for name in ("one", "two")]
    assert len({key_prefix(load_settings(redis_url=redis, **one), "a") for one in replicas}) == 1
    assert key_prefix(load_settings(**given[0]), "a").startswith("assay:assay:")


def test_drops_are_settled_in_the_background() -> None:
    async def work(cache: AnswerCache) -> Any:
        for number in range(500):
            await keep(cache, f"u{number}")
        for number in range(500):
            cache.dropping(f"u{number}")
        cache.settle()
        await asyncio.sleep(0.1)
        return len(cache._owed), (await cache.get("u7", "k")).body

    assert with_cache(work) == (0, None)


def test_users_who_never_asked_cost_nothing_when_they_act() -> None:
    async def work(cache: AnswerCache) -> Any:
        for number in range(1000):
            cache.dropping(f"u{number}")
        return len(cache._owed)

    assert with_cache(work) == 0


def test_a_list_is_gone_after_its_time() -> None:
    async def work(cache: AnswerCache) -> Any:
        await keep(cache, "u")
        await asyncio.sleep(0.06)
        return (await cache.get("u", "k")).body

    assert with_cache(work, recommendation_cache_seconds=0.05) is None


def test_nothing_is_kept_where_that_is_switched_off() -> None:
    async def work(cache: AnswerCache) -> Any:
        return await cache.get("u", "k")

    assert with_cache(work, recommendation_cache_seconds=0) == (None, None)
