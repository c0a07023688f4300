"""Canaries and shadows of the services as processes, with real models, MLflow and PostgreSQL."""

from __future__ import annotations

import base64
import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from local.ports import free_port
from models.monitoring.rollouts import agreement
from registry.registry import Registry
from storage.items import save_items
from storage.rollout_answers import Pair, answer_pairs, given_answers
from tests.clicks_world import FEATURES, PAST
from tests.content_models import NEUTRAL
from tests.face_world import CLASSES, portrait
from tests.imagery_world import picture
from tests.integration.serving.conftest import (
    AT,
    KEY_HEADER,
    Gate,
    Load,
    Platform,
    ServiceProcess,
    eventually,
    platform_of,
    promote,
    register,
)
from tests.recommendation_board_world import world_items

Ask = Callable[[ServiceProcess, int], tuple[str, str]]
SECOND = timedelta(seconds=1)


def try_out(registry: Registry, family: str, version: str, mode: str, share: float) -> int:
    row = registry.rollouts.start(
        family, version, mode=mode, share=share, by="ana", reason="to see", at=datetime.now(UTC)
    )
    return row.id


def stored(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def tried(service: ServiceProcess, family: str) -> dict[str, Any] | None:
    """What the service says that it tries."""
    health = service.health()
    found: dict[str, Any] | None = (
        health["models"][family]["rollout"] if "models" in health else health["rollout"]
    )
    return found


def asked_unseen(service: ServiceProcess, *outcomes: str) -> int:
    """How many questions of a shadow's share had one of these outcomes."""
    metrics = service.client.get("/metrics", headers=KEY_HEADER).text.splitlines()
    wanted = [f'outcome="{outcome}"' for outcome in outcomes]
    counted = [
        line
        for line in metrics
        if line.startswith("assay_rollout_answers_total") and any(one in line for one in wanted)
    ]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in counted)


def test_a_canary_begins_moves_and_ends_under_load_and_no_request_fails(platform: Platform) -> None:
    first = platform.promote()
    second = register(platform.registry, "viral")
    platform.service.start()
    numbers = itertools.count()

    def question(_: int) -> dict[str, Any]:
        return {"views": 1000, "video_id": f"v-{next(numbers)}", "explain": 0}

    with Load(platform.service.url, question=question) as answers:
        time.sleep(0.5)
        try_out(platform.registry, "viral", second, "canary", 0.25)
        eventually(lambda: answers.versions[-200:].count(second) > 20)
        begun = len(answers.versions)
        time.sleep(2)
        shared = answers.versions[begun:]
        third = promote(platform.registry, "viral")  # the alias moves, and what was tried ends with it
        eventually(lambda: set(answers.versions[-50:]) == {third})
    assert answers.failures == []
    assert abs(shared.count(second) / len(shared) - 0.25) < 5 * (0.25 * 0.75 / len(shared)) ** 0.5
    assert set(answers.versions) == {first, second, third}
    assert tried(platform.service, "viral") is None
    assert platform.service.health()["status"] == "ok"


def test_all_workers_follow_and_give_a_video_the_same_version(platform: Platform) -> None:
    platform.promote()
    second = register(platform.registry, "viral")
    service = platform.service
    service.settings = service.settings.model_copy(update={"service_workers": 2})
    service.start()
    eventually(lambda: len(service.workers()) == 2)
    try_out(platform.registry, "viral", second, "canary", 0.5)
    time.sleep(2)  # a look of each worker, and the loading
    videos = [f"v-{number}" for number in range(40)]

    def versions() -> list[str]:
        found = []
        for video in videos:
            # a connection of its own each time, so that either worker answers
            headers = {"connection": "close"}
            answer = service.client.post("/predict", json={"views": 7, "video_id": video}, headers=headers)
            found.append(answer.json()["model_version"])
        return found

    rounds = [versions() for _ in range(4)]
    assert set(rounds[0]) == {"1", second}
    assert rounds.count(rounds[0]) == 4


def test_a_damaged_version_is_not_tried_and_production_goes_on(
    platform: Platform, mlflow_artifacts: Path
) -> None:
    first = platform.promote()
    second = register(platform.registry, "viral")
    newest = max(mlflow_artifacts.rglob("model.txt"), key=lambda path: path.stat().st_mtime_ns)
    try_out(platform.registry, "viral", second, "canary", 0.5)
    newest.write_bytes(newest.read_bytes()[:100])  # after it was asked, and told
    shutil.rmtree(platform.service.settings.home / "cache" / "models")
    platform.service.start()
    eventually(lambda: second in (tried(platform.service, "viral") or {}).get("refused", {}))
    health = platform.service.health()
    assert (health["status"], health["model_version"]) == ("degraded", first)
    assert f"version {second} is not tried" in health["detail"]
    answers = [
        platform.service.client.post("/predict", json={"views": 1, "video_id": f"v-{one}"}).json()
        for one in range(30)
    ]
    assert {answer["model_version"] for answer in answers} == {first}
    metrics = platform.service.client.get("/metrics", headers=KEY_HEADER).text
    assert 'assay_rollout_refusals_total{family="viral",service="viral"} 1.0' in metrics


def test_unseen_answers_are_stored_once_also_when_the_database_was_away_and_the_process_killed(
    platform: Platform, engine: Engine
) -> None:
    first = platform.promote()
    second = register(platform.registry, "viral")
    service = platform.service
    service.start()
    try_out(platform.registry, "viral", second, "shadow", 1.0)
    eventually(lambda: tried(service, "viral"))
    platform.database_gate.close()
    with Load(service.url, clients=1) as answers:
        time.sleep(1.5)
    assert answers.failures == []
    assert set(answers.versions) == {first}
    eventually(lambda: "shadow answers wait on disk" in service.health()["detail"])
    eventually(lambda: asked_unseen(service, "answered", "dropped") == len(answers.ids))
    dropped = asked_unseen(service, "dropped")  # what had no room in memory is what a shadow may lose
    service.kill()
    platform.database_gate.open()
    service.start()
    query = "select id from shadow_answers"
    eventually(lambda: len(stored(engine, query)) == len(answers.ids) - dropped > 0, 20)
    eventually(lambda: len(stored(engine, "select id from predictions")) == len(answers.ids), 20)
    kept = {str(row[0]) for row in stored(engine, query)}
    assert kept <= set(answers.ids)
    linked = """
        select count(*), count(distinct s.id), min(p.model_version), min(s.model_version)
        from shadow_answers s join predictions p on p.id = s.id
        where s.answer ->> 'viral_class' = p.answer ->> 'viral_class'
    """
    assert stored(engine, linked) == [(len(kept), len(kept), first, second)]


def ask_ctr(service: ServiceProcess, number: int) -> tuple[str, str]:
    asked = {"clip_id": f"c-{number}", **FEATURES, **PAST}
    answer = service.client.post("/predict/ctr", json=asked).json()
    return answer["prediction_id"], answer["model_version"]


PHOTO = base64.b64encode(portrait(1, 11, 224)).decode()


def ask_face(service: ServiceProcess, number: int) -> tuple[str, str]:
    answer = service.client.post("/predict", json={"images": [PHOTO], "user_id": f"u-{number}"}).json()
    return answer["prediction_id"], answer["model_version"]


def ask_recommendation(service: ServiceProcess, number: int) -> tuple[str, str]:
    answer = service.client.post("/api/v1/recommend", json={"user_id": f"u-{number}", "explain": True}).json()
    assert answer["answered_by"] == "model"
    return answer["recommendation_id"], answer["model_version"]


def ask_moderation(service: ServiceProcess, number: int) -> tuple[str, str]:
    asked = {"content_id": f"p-{number}", "creator_id": f"u-{number}", "text": f"{NEUTRAL} {number}"}
    answer = service.client.post("/api/v1/moderate", json=asked, headers=KEY_HEADER).json()
    return answer["id"], answer["versions"]["moderation"]


@dataclass(frozen=True)
class Case:
    """A family, the service that answers for it, and how it is asked."""

    family: str
    ask: Ask
    service: str = ""
    given: str = "select id, model_version from predictions where family = '{family}'"


CASES = [
    Case("ctr", ask_ctr),
    Case("face", ask_face),
    Case("recommendation", ask_recommendation),
    Case("moderation", ask_moderation, "content", "select id, version from moderation_decisions"),
]


@contextmanager
def running(case: Case, settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The service of a family, with a version in production."""
    with platform_of(case.family, settings, engine) as made:
        platform = made
        if case.service:
            mlflow = urlsplit(settings.mlflow_url)
            gate = Gate(str(mlflow.hostname), int(mlflow.port or 0))
            behind = settings.model_copy(
                update={
                    f"{case.service}_port": free_port(),
                    "mlflow_tracking_uri": f"http://127.0.0.1:{gate.port}",
                    "prefect_api_url": "http://127.0.0.1:9/api",
                }
            )
            platform = replace(made, service=ServiceProcess(behind, case.service), mlflow_gate=gate)
        promote(platform.registry, case.family)
        platform.service.start(ready=False)
        eventually(lambda: "1" in str(platform.service.health()), 20)
        yield platform
        platform.service.close()


def with_items(engine: Engine) -> None:
    rows = [
        {
            "item_id": item["id"],
            **{name: item[name] for name in ("kind", "author_id", "text", "tags", "category", "language")},
            "published_at": datetime.fromtimestamp(item["published_us"] / 1e6, UTC),
        }
        for item in world_items()
    ]
    save_items(engine, rows, datetime.now(UTC))


@pytest.mark.parametrize("case", CASES, ids=[case.family for case in CASES])
def test_each_service_shares_with_a_canary_and_asks_a_shadow(
    case: Case, ml_settings: Settings, engine: Engine
) -> None:
    settings = ml_settings.model_copy(
        update={"face_classes": CLASSES, "prefect_api_url": "http://127.0.0.1:9/api"}
    )
    if case.family == "recommendation":
        with_items(engine)
    with running(case, settings, engine) as platform:
        second = register(platform.registry, case.family)
        service = platform.service
        eventually(lambda: case.ask(service, 0)[1] == "1", 20)

        try_out(platform.registry, case.family, second, "canary", 0.5)
        eventually(lambda: tried(service, case.family), 20)
        given = [case.ask(service, number) for number in range(1000, 1040)]
        versions = [version for _, version in given]
        assert 6 <= versions.count(second) <= 34
        eventually(
            lambda: (
                set(given) <= {(str(a), b) for a, b in stored(engine, case.given.format(family=case.family))}
            )
        )
        again = [case.ask(service, number)[1] for number in range(1000, 1040)]
        assert again == versions

        platform.registry.rollouts.stop(case.family, by="ana", at=AT)
        eventually(lambda: tried(service, case.family) is None)
        try_out(platform.registry, case.family, second, "shadow", 1.0)
        eventually(lambda: tried(service, case.family), 20)
        unseen = []
        for number in range(2000, 2012):
            unseen.append(case.ask(service, number))
            time.sleep(0.05)
        assert {version for _, version in unseen} == {"1"}
        wanted = {identity for identity, _ in unseen}
        query = f"select id from shadow_answers where family = '{case.family}' and model_version = '{second}'"
        eventually(lambda: {str(one) for (one,) in stored(engine, query)} == wanted)


def ask_imagery(service: ServiceProcess, number: int) -> str:
    asked = {"content_id": f"p-{number}", "creator_id": f"u-{number}", "images": [DRAWN]}
    answer = service.client.post("/api/v1/moderate", json=asked, headers=KEY_HEADER).json()
    return str(answer["versions"]["imagery"])


def ask_analysis(family: str, service: ServiceProcess, number: int) -> str:
    asked = {"content_id": f"p-{number}", "content_data": {"text": f"{NEUTRAL} with Maria Silva {number}"}}
    answer = service.client.post("/api/v1/analyze", json=asked, headers=KEY_HEADER).json()
    return str(answer["parts"][family])


DRAWN = base64.b64encode(picture("violence", 4)).decode()


@pytest.mark.parametrize("family", ["imagery", "sentiment", "topics", "entities"])
def test_what_answers_a_part_of_a_content_is_tried_and_compared_too(
    family: str, ml_settings: Settings, engine: Engine
) -> None:
    ask = ask_imagery if family == "imagery" else partial(ask_analysis, family)
    settings = ml_settings.model_copy(update={"prefect_api_url": "http://127.0.0.1:9/api"})
    case = Case(family, lambda service, number: ("", ask(service, number)), "content")
    with running(case, settings, engine) as platform:
        second, service, began = register(platform.registry, family), platform.service, datetime.now(UTC)
        eventually(lambda: ask(service, 0) == "1", 20)

        try_out(platform.registry, family, second, "canary", 0.5)
        eventually(lambda: tried(service, family), 20)
        versions = [ask(service, number) for number in range(1000, 1040)]
        assert 6 <= versions.count(second) <= 34
        assert [ask(service, number) for number in range(1000, 1040)] == versions

        def given(version: str) -> int:
            return given_answers(engine, family, version, began, datetime.now(UTC) + SECOND).answers

        eventually(lambda: given("1") + given(second) == 80)
        assert given(second) == 2 * versions.count(second)

        platform.registry.rollouts.stop(family, by="ana", at=AT)
        eventually(lambda: tried(service, family) is None)
        try_out(platform.registry, family, second, "shadow", 1.0)
        eventually(lambda: tried(service, family), 20)
        begun = datetime.now(UTC)
        for number in range(2000, 2040):
            assert ask(service, number) == "1"
            time.sleep(0.02)

        def pairs() -> list[Pair]:
            return answer_pairs(engine, family, second, "1", begun, datetime.now(UTC) + SECOND)

        eventually(lambda: len(pairs()) == 40)
        found = agreement(family, [(one.given, one.unseen, one.entity) for one in pairs()])
        assert found is not None
        assert (found.pairs, found.same) == (40, 1.0)  # the same files
        names = {f"p-{number}" for number in range(2000, 2040)}
        entities = {one.entity for one in pairs()}
        assert len(entities) == 40
        assert entities == names if family == "imagery" else entities.isdisjoint(names)
