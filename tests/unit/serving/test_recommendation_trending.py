"""``GET /api/v1/trending``: what it takes, what it answers, also while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from unittest.mock import sentinel

import orjson
import pytest

import storage.trending
from config.errors import DatabaseError, DatabaseUnavailable
from config.settings import load_settings
from serving.http import Request
from serving.openapi import openapi_document
from serving.problems import Problem
from serving.recommendation_trending import TrendingApi
from serving.recommendation_trending_schema import TRENDING_OPERATION, TrendingAnswer
from storage.trending import Trending

AS_OF = datetime(2026, 3, 10, 12, 15, tzinfo=UTC)


class Tables:
    """Lists as ``storage.trending`` reads them."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.away: Exception | None = None

    def as_of(self, _: Any, window: str) -> datetime:
        if self.away:
            raise self.away
        assert window in ("24h", "7d")
        return AS_OF

    def top(self, engine: Any, **asked: Any) -> list[Trending]:
        assert engine is sentinel.engine
        self.asked.append(asked)
        return [
            Trending(
                f"item-{number}", asked["kind"], None, asked["category"], None, 50.0 - number, 9.0, 12,
                "rising", None, 0.01, 0.02, asked["window"], AS_OF,
            )
            for number in range(50)
        ]  # fmt: skip


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    made = Tables()
    monkeypatch.setattr(storage.trending, "as_of", made.as_of)
    monkeypatch.setattr(storage.trending, "top", made.top)
    return made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    made = ThreadPoolExecutor(1)
    yield made
    made.shutdown()


def api(pool: ThreadPoolExecutor, fresh_seconds: float = 60) -> TrendingApi:
    return TrendingApi(lambda: sentinel.engine, pool, fresh_seconds)


async def ask(service: TrendingApi, query: str = "") -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"query_string": query.encode(), "headers": []}, receive)
    answer: dict[str, Any] = orjson.loads((await service.get(request)).body)
    return answer


def test_without_parameters_it_is_the_first_20_videos_of_a_day(
    tables: Tables, pool: ThreadPoolExecutor
) -> None:
    answer = asyncio.run(ask(api(pool)))
    assert [item["rank"] for item in answer["items"]] == list(range(1, 21))
    assert answer["items"][0]["item_id"] == "item-0"
    assert (answer["content_type"], answer["time_window"], answer["count"]) == ("video", "24h", 20)
    assert (answer["as_of"], answer["stale"]) == ("2026-03-10T12:15:00Z", False)
    assert set(answer) == set(TrendingAnswer.__annotations__)


def test_each_parameter_reaches_the_question(tables: Tables, pool: ThreadPoolExecutor) -> None:
    answer = asyncio.run(
        ask(api(pool), "kind=post&time_window=7d&category=music&language=de&region=fr&limit=3")
    )
    assert answer["count"] == 3
    assert tables.asked == [
        {"kind": "post", "window": "7d", "category": "music", "language": "de", "region": "fr", "limit": 50}
    ]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("limits=3", "There is no parameter 'limits'"),
        ("limit=0", "from 1 to 50"),
        ("limit=51", "from 1 to 50"),
        ("limit=ten", "from 1 to 50"),
        ("limit=%C2%B2", "from 1 to 50"),
        ("limit=", "from 1 to 50"),
        ("content_type=", "must be one of video, post, user"),
        ("time_window=", "must be one of 1h, 6h, 24h, 7d, 30d"),
        ("time_window=2h", "must be one of 1h, 6h, 24h, 7d, 30d"),
        ("content_type=song", "must be one of video, post, user"),
        ("content_type=video&kind=post", "another name of content_type"),
        ("region=%00", "region must be a text"),
        (f"category={'x' * 101}", "category must be a text"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(
    tables: Tables, pool: ThreadPoolExecutor, query: str, complaint: str
) -> None:
    with pytest.raises(Problem, match=complaint) as refused:
        asyncio.run(ask(api(pool), query))
    assert refused.value.status == 422
    assert tables.asked == []


def test_a_list_is_read_once_for_all_who_ask_within_a_moment(tables: Tables, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        service = api(pool)
        await asyncio.gather(*(ask(service, f"limit={number}") for number in range(1, 30)))

    asyncio.run(run())
    assert len(tables.asked) == 1


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), DatabaseError("locked")])
def test_while_the_database_is_away_the_last_list_is_answered_and_says_so(
    tables: Tables, pool: ThreadPoolExecutor, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> dict[str, Any]:
        service = api(pool, fresh_seconds=0.05)
        assert not (await ask(service))["stale"]
        monkeypatch.setattr("serving.recommendation_trending.PATIENCE_SECONDS", 0.0)
        tables.away = error
        await asyncio.sleep(0.1)
        with pytest.raises(Problem) as refused:
            await ask(service, "category=never-asked")
        assert refused.value.status == 503
        return await ask(service)

    answer = asyncio.run(run())
    assert answer["stale"]
    assert answer["count"] == 20
    assert answer["as_of"] == "2026-03-10T12:15:00Z"


def test_it_is_documented_with_each_parameter() -> None:
    document = openapi_document("x", "y", [TRENDING_OPERATION], key_everywhere=load_settings().require_api_key)
    entry = document["paths"]["/api/v1/trending"]["get"]
    names = {parameter["name"] for parameter in entry["parameters"]}
    assert names == {"content_type", "time_window", "category", "language", "region", "limit"}
    assert "TrendingItem" in document["components"]["schemas"]
