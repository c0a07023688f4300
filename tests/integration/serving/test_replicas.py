"""Two replicas of each service behind nginx: versions move under load, one is killed, and what they share."""

from __future__ import annotations

import base64
import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from config.settings import Settings
from local.ports import free_port
from models.family import FAMILIES
from registry.registry import Registry
from serving.gateway.limits import PAUSE_SECONDS
from serving.gateway.tokens import make_token
from storage.database import make_engine
from storage.items import save_items
from tests.conftest import TEMPLATE, PostgresServer
from tests.content_models import NEUTRAL
from tests.face_world import CLASSES, portrait
from tests.gateway_world import SECRET
from tests.integration.conftest import _forget_versions
from tests.integration.serving.conftest import KEY_HEADER, eventually, promote
from tests.integration.serving.experiment_world import counted_rows, stored_counts
from tests.recommendation_board_world import world_items
from tests.redis_server import BINARY as REDIS
from tests.redis_server import RedisServer
from tests.replicas_world import BINARY as NGINX
from tests.replicas_world import (
    RESTED_SECONDS,
    Asked,
    Balancer,
    Crowd,
    GatewayProcess,
    Pair,
    at_once,
    two_replicas,
)

pytestmark = pytest.mark.skipif(NGINX is None or REDIS is None, reason="nginx or redis-server is not installed")
CLIENTS = 4
#: Requests a minute of one user.
LIMIT = 30
PHOTO = base64.b64encode(portrait(0, 1)).decode()


@dataclass(frozen=True)
class House:
    """What all replicas share."""

    settings: Settings
    engine: Engine
    registry: Registry


@pytest.fixture(scope="module")
def house(postgres_server: PostgresServer, mlflow_url: str) -> Iterator[House]:
    """One database, one registry, one Redis."""
    postgres_server.create_database("replicas", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-replicas-"))
    server = RedisServer(home / "redis")
    server.start()
    told = {"mlflow_tracking_uri": mlflow_url, "redis_url": SecretStr(server.url), "face_classes": CLASSES}
    settings = postgres_server.settings("replicas", home).model_copy(update=told)
    for family in FAMILIES:
        _forget_versions(mlflow_url, family)
    engine = make_engine(settings)
    registry = Registry(settings, engine)
    yield House(settings, engine, registry)
    registry.close()
    engine.dispose()
    server.stop()
    postgres_server.drop_database("replicas")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def pairs(house: House) -> Iterator[Pairs]:
    """Gives two replicas of a service with a version in production."""
    made = Pairs(house)
    yield made
    made.close()


class Pairs:
    """One pair at a time; that of the last service stays until another is asked for."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._service = ""
        self._stack = ExitStack()

    def of(self, service: str) -> Pair:
        """Two replicas of the service; both have the version in production."""
        if service != self._service:
            self._stack.close()
            if service == "recommendation":
                save_items(self._house.engine, _items(), datetime.now(UTC))
            family = FAMILY.get(service, service)
            version = promote(self._house.registry, family)
            self._pair = self._stack.enter_context(two_replicas(service, self._house.settings))
            self._service = service
            eventually(lambda: {_served(one, family) for one in self._pair.replicas} == {version}, 20)
        return self._pair

    def close(self) -> None:
        """End them."""
        self._stack.close()


FAMILY = {"content": "moderation"}


def _items() -> list[dict[str, Any]]:
    return [
        {
            "item_id": item["id"],
            **{name: item[name] for name in ("kind", "author_id", "text", "tags", "category", "language")},
            "published_at": datetime.fromtimestamp(item["published_us"] / 1e6, UTC),
        }
        for item in world_items()
    ]


@dataclass(frozen=True)
class Question:
    """How a service is asked, and what its answers name: a version, and the id of what is recorded."""

    path: str
    body: Callable[[int], dict[str, Any]]
    read: Callable[[dict[str, Any]], tuple[str, str]]

    def ask(self, client: httpx.Client, number: int) -> httpx.Response:
        return client.post(self.path, json=self.body(number))


def _named(body: dict[str, Any]) -> tuple[str, str]:
    return body["model_version"], body["prediction_id"]


QUESTIONS = {
    "viral": Question("/predict", lambda n: {"views": 1000 + n % 1000}, _named),
    "recommendation": Question(
        "/api/v1/recommend", lambda n: {"user_id": f"user-{n}"},
        lambda body: (body["model_version"], body["recommendation_id"]),
    ),
    "face": Question("/predict", lambda n: {"images": [PHOTO], "user_id": f"user-{n}"}, _named),
    "content": Question(
        "/api/v1/moderate", lambda n: {"text": f"{NEUTRAL} {n}"},
        lambda body: (body["versions"]["moderation"], body["id"]),
    ),
    "ctr": Question("/predict/ctr", lambda n: {"title": f"clip {n}", "duration": 9}, _named),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_versions_move_and_a_replica_dies_and_no_answer_fails(house: House, pairs: Pairs, name: str) -> None:
    family, question, pair = FAMILY.get(name, name), QUESTIONS[name], pairs.of(name)
    first = _production(house, family)
    with Crowd(pair.url, question.ask, question.read, CLIENTS) as crowd:
        crowd.more(20)
        moves = [_moved(pair, family, lambda: promote(house.registry, family))]
        crowd.more(20)
        moves.append(_moved(pair, family, lambda: _rolled_back(house, family)))
        crowd.more(20)
    assert crowd.failures == []
    second = moves[0][0]
    assert [version for version, _, _ in moves] == [second, first]
    assert second != first
    assert [one for one in crowd.asked if one.version not in _possible(first, moves, one)] == []
    assert all(pair.balancer.answered_by()[port] > 5 for port in _ports(pair)), pair.balancer.answered_by()
    eventually(lambda: _recorded(house, family) == {one.identity for one in crowd.asked}, 20)

    with Crowd(pair.url, question.ask, question.read, CLIENTS) as after:
        after.more(20)
        pair.replicas[0].kill()
        after.more(40)
        pair.replicas[0].start()
        time.sleep(RESTED_SECONDS - 3)
        begun = len(pair.balancer.lines())
        eventually(lambda: pair.balancer.answered_by(begun)[_ports(pair)[0]] > 5, RESTED_SECONDS + 5)
    assert after.failures == [], pair.balancer.complaints()
    answered = {one.identity for one in (*crowd.asked, *after.asked)}
    eventually(lambda: answered <= _recorded(house, family), 20)
    # what the dead one recorded of requests that the other one answered
    assert len(_recorded(house, family) - answered) <= CLIENTS


def _production(house: House, family: str) -> str:
    found = house.registry.production(family)
    assert found is not None
    return found.version


def _rolled_back(house: House, family: str) -> str:
    house.registry.rollback(family, actor="test", reason="test", at=datetime.now(UTC))
    return _production(house, family)


def _moved(pair: Pair, family: str, move: Callable[[], str]) -> tuple[str, float, float]:
    """The version that came into production, when that was begun, and when both replicas served it."""
    began = time.monotonic()
    version = move()
    eventually(lambda: {_served(one, family) for one in pair.replicas} == {version}, 20)
    return version, began, time.monotonic()


def _served(replica: Any, family: str) -> str | None:
    health = replica.health()
    found: str | None = health["model_versions"][family] if "models" in health else health["model_version"]
    return found


def _possible(first: str, moves: list[tuple[str, float, float]], asked: Asked) -> set[str]:
    """The versions that may answer: the one before a move until both serve another, that one from its begin."""
    spans = [(first, 0.0, moves[0][2])]
    for number, (version, began, _) in enumerate(moves):
        spans.append((version, began, moves[number + 1][2] if number + 1 < len(moves) else float("inf")))
    return {version for version, start, end in spans if asked.ended >= start and asked.began <= end}


def _ports(pair: Pair) -> list[str]:
    return [str(getattr(one.settings, f"{pair.service}_port")) for one in pair.replicas]


def _recorded(house: House, family: str) -> set[str]:
    """Ids of what is recorded of a family; a table of them has each once."""
    query = "select id from predictions where family = :family"
    if family == "moderation":
        query = "select id from moderation_decisions where :family = 'moderation'"
    with house.engine.connect() as connection:
        return {str(row[0]) for row in connection.execute(text(query), {"family": family})}


def test_a_subject_has_one_variant_whichever_replica_answers_and_the_counts_are_exact(
    house: House, pairs: Pairs
) -> None:
    pair = pairs.of("ctr")
    definition = {
        "id": "shop", "title": "Shop", "policy": {"kind": "thompson"}, "start": True,
        "variants": [{"name": name} for name in "abc"],
    }  # fmt: skip
    with httpx.Client(base_url=pair.url, headers=KEY_HEADER, trust_env=False, timeout=15) as client:
        assert client.post("/experiments", json=definition).status_code == 201
        eventually(lambda: all(_decides(one) for one in pair.replicas))
        anybody = sum(counts[0] for counts in stored_counts(house.engine, "shop").values())

        begun = len(pair.balancer.lines())
        found = _selected(pair, subjects=150, times=4)
        assert all(len(answers) == 1 for answers in found.values()), "one decision each"
        assert all(pair.balancer.answered_by(begun)[port] > 20 for port in _ports(pair))
        rewards = [{"decision_id": identity, "value": 1} for ((identity, _),) in found.values()]
        for body in (rewards[:100], rewards[50:], rewards):
            assert client.post("/experiments/shop/reward", json={"rewards": body}).status_code == 200
    stored, rows = stored_counts(house.engine, "shop"), counted_rows(house.engine, "shop")
    assert stored == rows
    assert sum(counts[0] for counts in stored.values()) == anybody + 150
    assert sum(counts[1] for counts in stored.values()) == 150
    decided = Counter(variant for ((_, variant),) in found.values())
    assert {name: counts[1] for name, counts in stored.items()} == decided


def _decides(replica: Any) -> bool:
    answer = replica.client.post("/experiments/shop/select", json={})
    return answer.status_code == 200 and answer.json()["in_experiment"]


def _selected(pair: Pair, subjects: int, times: int) -> dict[int, set[tuple[str, str]]]:
    """The different decisions of each subject, each asked for by several clients at once."""
    found: dict[int, set[tuple[str, str]]] = {number: set() for number in range(subjects)}

    def ask() -> None:
        with httpx.Client(base_url=pair.url, trust_env=False, timeout=15) as client:
            for number in found:
                answer = client.post("/experiments/shop/select", json={"subject_id": f"s{number}"})
                assert answer.status_code == 200, answer.text
                body = answer.json()
                found[number].add((body["decision_id"], body["variant"]))

    at_once([ask] * times)
    return found


def test_a_list_that_one_replica_kept_is_given_and_dropped_by_the_other(pairs: Pairs) -> None:
    first, second = pairs.of("recommendation").replicas

    def ask(replica: Any, user: str = "ana") -> dict[str, Any]:
        answer = replica.client.post("/api/v1/recommend", json={"user_id": user})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    made, again = ask(first), ask(second)
    assert (made["cached"], again["cached"]) == (False, True)
    assert again["recommendation_id"] == made["recommendation_id"]
    seen = made["items"][0]["id"]
    event = {"user_id": "ana", "item_id": seen, "kind": "like"}
    assert second.client.post("/api/v1/events", json=event).status_code == 202
    assert seen not in [item["id"] for item in ask(second)["items"]], "who took it knows at once"
    eventually(lambda: seen not in [item["id"] for item in ask(first)["items"]], 5)
    other = ask(first, "bob")
    assert ask(second, "bob")["recommendation_id"] == other["recommendation_id"], "nobody else's is dropped"


@pytest.fixture(scope="module")
def gateways(house: House) -> Iterator[Pair]:
    """Two gateways behind nginx, and behind them a content service."""
    from tests.serving_world import content, keep_models, service_settings

    folder = house.settings.home / "behind-gateways"
    behind = service_settings(house.settings.model_copy(update={"assay_home": folder}))
    keep_models(behind, ["content/moderation"])
    with content(behind) as url, ExitStack() as stack:
        made = []
        for number in (1, 2):
            own = {"gateway_port": free_port(), "assay_home": house.settings.home / f"gateway-{number}"}
            limited = {**own, "rate_limit_per_minute": LIMIT}
            made.append(GatewayProcess(house.settings.model_copy(update=limited), {"content": url}))
            stack.callback(made[-1].close)
        at_once([one.start for one in made])
        ports = made[0].settings.gateway_port, made[1].settings.gateway_port
        balancer = Balancer(house.settings.home / "nginx-gateway", {"gateway": ports})
        stack.callback(balancer.stop)
        balancer.start()
        yield Pair("gateway", balancer, (made[0], made[1]))


def _bearer(user: str, role: str = "creator") -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(SECRET, user, [role], int(time.time()), 600)}"}


def test_gateways_count_a_users_requests_together(gateways: Pair) -> None:
    users = itertools.count()

    def exact() -> bool:
        if _passed(gateways, f"user-{next(users)}") == {200: LIMIT, 429: LIMIT}:
            return True
        # a Redis that takes more than 50 ms, as on a busy machine, is left alone: each counts for itself
        time.sleep(PAUSE_SECONDS)
        return False

    eventually(exact, 90)
    assert all(gateways.balancer.answered_by()[port] > LIMIT // 2 for port in _ports(gateways))


def _passed(gateways: Pair, user: str) -> Counter[int]:
    """How twice as many requests as a user may send were answered, of four clients at once."""
    asked = {"content_id": "v", "engagement_data": {"views": 1000, "likes": 100}}
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=gateways.url, headers=_bearer(user), trust_env=False, timeout=15) as client:
            for _ in range(LIMIT // 2):
                answer = client.post("/api/v1/ml/viral-prediction", json=asked)
                statuses.append(answer.status_code)

    at_once([ask] * 4)
    return Counter(statuses)


def test_an_answer_that_one_gateway_kept_is_given_by_the_other(gateways: Pair) -> None:
    body = {"content_id": "c", "content_data": {"text": NEUTRAL}}
    seen = [
        httpx.post(f"{one.url}/api/v1/ml/moderate", json=body, headers=KEY_HEADER, trust_env=False, timeout=15)
        for one in gateways.replicas
    ]
    assert [answer.headers["x-cache"] for answer in seen] == ["miss", "hit"]
    assert seen[0].json() == seen[1].json()


def test_a_gateway_dies_and_no_answer_fails(gateways: Pair) -> None:
    def ask(client: httpx.Client, number: int) -> httpx.Response:
        body = {"content_id": f"c{number}", "content_data": {"text": f"{NEUTRAL} {number}"}}
        return client.post("/api/v1/ml/moderate", json=body, headers=KEY_HEADER)

    read = QUESTIONS["content"].read
    with Crowd(gateways.url, ask, read, CLIENTS) as crowd:
        crowd.more(20)
        gateways.replicas[0].kill()
        crowd.more(40)
        gateways.replicas[0].start()
    assert crowd.failures == [], gateways.balancer.complaints()
