"""The platform's health on real servers: what is well, and what each trouble is called."""

from __future__ import annotations

import datetime as dt
import gc
import itertools
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, insert, text

from config.errors import DatabaseUnavailable, FlowUnavailable, RegistryUnavailable, StoreError
from config.settings import Settings
from local.ports import free_port
from storage.content_claims import TRIES, claim_due, fail
from storage.content_tables import WebhookDelivery
from storage.contents import put_contents
from storage.database import transaction
from storage.monitor import upsert_figures
from tasks.monitor_health import look_at_platform
from tasks.monitor_looked import Looked
from tasks.monitor_losses import look_at_losses
from tasks.monitor_prefect import look_at_prefect
from tasks.monitor_redis import look_at_redis
from tasks.monitor_services import look_at_service
from tasks.monitor_stores import (
    look_at_database,
    look_at_disk,
    look_at_memory,
    look_at_mlflow,
    look_at_objects,
)
from tests.receivers import Web, web_server
from tests.redis_server import BINARY, RedisServer

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <(socket|_Selector|ssl)")


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    yield
    gc.collect()


def found(looked: Looked) -> dict[str, str]:
    """What is wrong; whatever it is, it says where to look."""
    for one in looked.findings:
        assert (one.link or "").startswith(("/", "http://")), one
    return {one.subject: one.severity for one in looked.findings}


def figures(looked: Looked) -> dict[str, float]:
    return {one.name: one.value for one in looked.figures}


def away(settings: Settings, **changed: Any) -> Settings:
    return settings.model_copy(update=changed)


# -- the database and its queues -------------------------------------------------------------------------------
def test_a_database_that_is_well_has_figures_and_no_finding(settings: Settings) -> None:
    seen = look_at_database(settings, NOW)
    assert seen.findings == ()
    assert figures(seen)["database: connections"] >= 1
    assert figures(seen)["database: bytes"] > 1e6
    assert figures(seen)["queue contents: rows"] == 0


def test_what_waits_too_long_is_found_and_what_came_just_now_is_not(settings: Settings, engine: Engine) -> None:
    put_contents(engine, [{"id": "c1", "kind": "post", "text": "hello"}], NOW)
    assert found(look_at_database(settings, NOW)) == {}
    later = NOW + HOUR
    with transaction(engine) as connection:
        for number, waits in enumerate((True, False)):
            connection.execute(
                insert(WebhookDelivery).values(
                    id=uuid4(), event="x", payload={}, created_at=NOW, attempts=number,
                    next_at=NOW if waits else None,
                )
            )  # fmt: skip
    seen = look_at_database(settings, later)
    assert found(seen) == {
        "queue contents": "warning", "queue webhooks": "warning", "webhooks given up": "warning",
    }  # fmt: skip
    assert "1 contents wait, the oldest since 1.0 hours" in seen.findings[0].sentence


def test_an_analysis_that_was_given_up_is_named_for_a_day_and_does_not_wait(
    settings: Settings, engine: Engine
) -> None:
    put_contents(engine, [{"id": name, "kind": "post", "text": "hello"} for name in ("c1", "tries")], NOW)
    at = NOW
    for _ in range(TRIES):
        claimed = claim_due(engine, limit=9, at=at)
        seen = look_at_database(settings, at)
        assert "contents given up" not in found(seen), "its last try is not over"
        fail(engine, [one for one in claimed if one.id == "c1"], "ValueError: boom", at)
        at += HOUR
    seen = look_at_database(settings, at)
    assert found(seen) == {"contents given up": "warning"}
    assert """analyze-content --param 'content_ids=["c1"]'`""" in seen.findings[0].sentence
    assert figures(seen)["queue contents: rows"] == 0
    assert found(look_at_database(settings, at + 25 * HOUR)) == {}


def test_a_transaction_that_never_ends_is_found(settings: Settings, engine: Engine, monkeypatch: Any) -> None:
    import tasks.monitor_stores

    monkeypatch.setattr(tasks.monitor_stores, "LONG_TRANSACTION", dt.timedelta(seconds=0.2))
    with engine.connect() as connection:
        connection.execute(text("select pg_sleep(0.3)"))
        assert found(look_at_database(settings, NOW)) == {"database transaction": "warning"}
    assert found(look_at_database(settings, NOW)) == {}


def test_tables_of_another_revision_are_found(settings: Settings, engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '0003'"))
    seen = look_at_database(settings, NOW)
    assert found(seen) == {"database tables": "critical"}
    assert "run `assay up`" in seen.findings[0].sentence


# -- stores, disk, memory --------------------------------------------------------------------------------------
def test_stores_that_answer_are_timed_and_those_that_do_not_say_so(settings: Settings, mlflow_url: str) -> None:
    assert figures(look_at_objects(settings))["object store: milliseconds"] > 0
    assert figures(look_at_mlflow(away(settings, mlflow_tracking_uri=mlflow_url)))["mlflow: milliseconds"] > 0
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryUnavailable):
        look_at_mlflow(away(settings, mlflow_tracking_uri=nowhere))
    with pytest.raises(DatabaseUnavailable):
        look_at_database(away(settings, db_port=free_port()), NOW)
    with pytest.raises(FlowUnavailable):
        look_at_prefect(away(settings, prefect_api_url=f"{nowhere}/api"), NOW)


def test_an_object_store_that_cannot_be_written_says_so(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "objects").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        look_at_objects(settings)


@pytest.mark.parametrize(("least", "severity"), [(0.0, None), (0.99999, "critical")])
def test_a_full_disk_is_found(settings: Settings, least: float, severity: str | None) -> None:
    seen = look_at_disk(away(settings, monitor_disk_free=least))
    usage = os.statvfs("/")
    if severity and usage.f_bavail / usage.f_blocks > least / 2:
        severity = "warning"
    assert found(seen) == ({"disk": severity} if severity else {})
    assert 0 < figures(seen)["disk: free share"] < 1


def test_memory_that_runs_out_is_found(tmp_path: Any) -> None:
    said = tmp_path / "meminfo"
    said.write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\n")
    assert found(look_at_memory(said)) == {"memory": "warning"}
    said.write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\n")
    assert found(look_at_memory(said)) == {}


# -- services --------------------------------------------------------------------------------------------------
@pytest.fixture
def service() -> Iterator[Web]:
    with web_server() as made:
        made.says("/health", {"status": "ok", "detail": "ok"})
        made.says("/metrics", b'assay_queue_rows{queue="predictions",service="viral"} 3.0\n')
        yield made


def look(settings: Settings, service: Web) -> Looked:
    return look_at_service(away(settings, viral_url=service.url, ml_api_key=SecretStr("k" * 40)), "viral")


def test_a_service_that_is_well_has_figures(settings: Settings, service: Web) -> None:
    seen = look(settings, service)
    assert seen.findings == ()
    assert figures(seen)["service viral: answers"] == 1
    assert figures(seen)["queue predictions of the viral service: rows"] == 3


@pytest.mark.parametrize(
    ("status", "body", "severity", "words"),
    [
        (200, {"status": "degraded", "detail": "degraded: rows wait on disk"}, "warning", "rows wait on disk"),
        (503, {"status": "unavailable", "detail": "no model"}, "critical", "answers nothing: no model."),
        (500, {}, "critical", "HTTP 500"),
        (
            200,
            {
                "status": "degraded", "detail": "degraded: the heuristic answers", "model_version": None,
                "registry": {"reachable": True, "production": None},
            },
            "info",
            "the heuristic answers",
        ),
    ],
)  # fmt: skip
def test_what_a_service_says_of_itself_is_told(
    settings: Settings, service: Web, status: int, body: Any, severity: str, words: str
) -> None:
    service.says("/health", body, status)
    seen = look(settings, service)
    assert found(seen) == {"service viral": severity}
    assert words in seen.findings[0].sentence


def test_rows_that_wait_are_found(settings: Settings, service: Web) -> None:
    service.says(
        "/metrics",
        b'assay_queue_oldest_seconds{queue="predictions",service="viral"} 900.0\n'
        b'assay_recorded_rows_total{queue="predictions",service="viral",state="shipped"} 9.0\n',
    )
    seen = look(settings, service)
    assert found(seen) == {"queue predictions of the viral service": "warning"}
    assert "15 minutes" in seen.findings[0].sentence


def test_rows_that_were_lost_are_said_until_the_count_no_longer_grows(
    settings: Settings, service: Web, engine: Engine
) -> None:
    chosen = away(settings, viral_url=service.url, ml_api_key=SecretStr("k" * 40))

    def lost(count: int, days: float) -> list[str]:
        line = f'assay_recorded_rows_total{{queue="predictions",service="viral",state="lost"}} {count}.0\n'
        service.says("/metrics", line.encode())
        at = NOW + dt.timedelta(days=days)
        seen = look_at_platform(chosen, at)
        assert found(seen)
        upsert_figures(engine, "", at.date(), seen.figures, version=None, at=at)
        return [one.sentence.split(" of ")[0] for one in seen.findings if one.subject.endswith("rows lost")]

    assert lost(0, 0) == []
    assert lost(7, 1) == lost(7, 2) == ["7 rows"]  # whoever looked on the first day took it from nobody
    assert lost(7, 3) == []
    assert lost(9, 4) == ["2 rows"]
    assert lost(3, 7) == ["3 rows"]  # the service began anew


class Balancer(dict[str, tuple[int, bytes]]):
    """Pages of a server that is several: each time another one shows its figures."""

    def __init__(
        self, others: Mapping[str, tuple[int, bytes]], replicas: Mapping[str, tuple[int, int]]
    ) -> None:
        super().__init__(others)
        self._turns = itertools.cycle(replicas.items())

    def get(self, path: str, default: Any = None) -> Any:
        if path != "/metrics":
            return super().get(path, default)
        name, (waiting, lost) = next(self._turns)
        labels = 'queue="predictions",service="viral"'
        page = (
            f'assay_replica_info{{replica="{name}",service="viral"}} 1.0\n'
            f"assay_queue_rows{{{labels}}} {waiting}.0\n"
            f"assay_queue_oldest_seconds{{{labels}}} {900 if waiting else 0}.0\n"
            f'assay_recorded_rows_total{{{labels},state="lost"}} {lost}.0\n'
        )
        return 200, page.encode()


def test_what_waits_at_any_replica_is_seen(settings: Settings, service: Web) -> None:
    service.pages = Balancer(service.pages, {"a-1": (0, 0), "b-1": (0, 0), "c-1": (7, 0)})
    seen = look(settings, service)
    assert figures(seen)["service viral: replicas seen"] == 3
    assert figures(seen)["queue predictions of the viral service: rows"] == 7
    assert found(seen) == {"queue predictions of the viral service": "warning"}


def test_what_one_replica_lost_is_not_held_against_the_count_of_another(
    settings: Settings, service: Web, engine: Engine
) -> None:
    pages = service.pages

    def lost(days: float, **counts: int) -> list[str]:
        service.pages = Balancer(pages, {name: (0, count) for name, count in counts.items()})
        at = NOW + dt.timedelta(days=days)
        seen = look(settings, service)
        grown = look_at_losses(settings, seen.figures, at)
        upsert_figures(engine, "", at.date(), seen.figures, version=None, at=at)
        assert set(found(grown)) <= {"queue predictions of the viral service: rows lost"}
        return [one.sentence.split(" of ")[0] for one in grown.findings]

    assert lost(0, a=5, b=0) == ["5 rows"]
    assert lost(2, b=0) == []  # the balancer gives only the other one
    assert lost(4, a=5, b=0) == []  # what a lost was told
    assert lost(6, a=5, b=2) == ["2 rows"]
    assert lost(8, a=5, b=2) == []
    assert lost(10, new=6, b=2) == ["6 rows"]  # a started anew, and lost more than it ever had


def test_one_that_does_not_answer_is_critical(settings: Settings, service: Web) -> None:
    service.answering.clear()
    seen = look(settings, service)
    assert found(seen) == {"service viral": "critical"}
    assert "it took too long" in seen.findings[0].sentence
    assert figures(seen) == {"service viral: answers": 0}


# -- all of it -------------------------------------------------------------------------------------------------
def test_with_everything_away_each_part_is_a_finding_within_the_time(settings: Settings, service: Web) -> None:
    service.answering.clear()
    nowhere = f"http://127.0.0.1:{free_port()}"
    names = ("viral", "ctr", "recommendation", "face", "content", "gateway")
    chosen = away(
        settings,
        db_port=free_port(),
        mlflow_tracking_uri=nowhere,
        prefect_api_url=f"{nowhere}/api",
        admin_port=free_port(),
        **{f"{name}_url": service.url for name in names},
    )
    started = dt.datetime.now(dt.UTC)
    seen = look_at_platform(chosen, NOW)
    assert dt.datetime.now(dt.UTC) - started < dt.timedelta(seconds=20)
    assert found(seen) == dict.fromkeys(
        ["PostgreSQL", "MLflow", "Prefect", "service admin", *(f"service {name}" for name in names)], "critical"
    )
    assert "object store: milliseconds" in figures(seen)


def test_a_server_that_takes_connections_and_says_nothing_holds_nobody_up(settings: Settings) -> None:
    with web_server() as silent:
        silent.answering.clear()
        chosen = away(settings, prefect_api_url=f"{silent.url}/api", mlflow_tracking_uri=silent.url)
        seen = look_at_platform(chosen, NOW, seconds=5)
        assert {"MLflow", "Prefect"} <= set(found(seen))


# -- Redis -----------------------------------------------------------------------------------------------------
@pytest.mark.skipif(BINARY is None, reason="redis-server is not installed")
def test_redis_is_looked_at_where_it_is_used_and_away_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    secret = server.url.replace("redis://", "redis://:a-password@")
    chosen = away(settings, redis_url=SecretStr(secret))
    assert "redis: milliseconds" not in figures(look_at_platform(settings, NOW))

    seen = look_at_platform(chosen, NOW)
    assert found(seen)["Redis"] == "warning"
    [finding] = [one for one in seen.findings if one.subject == "Redis"]
    assert "each process counts requests for itself" in finding.sentence
    assert "a-password" not in finding.sentence

    server.start()
    try:
        well = SecretStr(server.url)
        seen = look_at_redis(well)
        assert found(seen) == {}
        assert figures(seen)["redis: bytes"] > 1e5
        with redis.Redis.from_url(server.url) as client:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", used // 2)
            assert found(look_at_redis(well)) == {"Redis memory": "warning"}
            client.config_set("maxmemory-policy", "allkeys-lru")
            assert found(look_at_redis(well)) == {}
    finally:
        server.stop()


def test_a_redis_that_takes_connections_and_says_nothing_is_a_warning_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert found(look_at_redis(SecretStr(address))) == {"Redis": "warning"}


# -- Prefect ---------------------------------------------------------------------------------------------------
@pytest.fixture
def prefect(settings: Settings, prefect_url: str) -> Settings:
    """Settings of a work pool of the test's own on a real Prefect."""
    return away(settings, prefect_api_url=prefect_url, prefect_work_pool=f"pool-{uuid4()}")


def test_a_pool_without_a_worker_is_critical(prefect: Settings) -> None:
    seen = look_at_prefect(prefect, NOW)
    assert found(seen)["prefect worker"] == "critical"
    assert figures(seen)["prefect: workers online"] == 0


def test_a_worker_that_beats_is_online_and_one_that_stopped_is_not(
    prefect: Settings, prefect_client: Any
) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    prefect_client.create_work_pool(WorkPoolCreate(name=prefect.prefect_work_pool, type="process"))
    prefect_client.send_worker_heartbeat(prefect.prefect_work_pool, "w1", heartbeat_interval_seconds=30)
    at = dt.datetime.now(dt.UTC)
    assert "prefect worker" not in found(look_at_prefect(prefect, at))
    assert "prefect worker" in found(look_at_prefect(prefect, at + HOUR))


def test_the_last_run_of_a_deployment_that_failed_is_found_and_one_that_went_well_since_is_not(
    prefect: Settings, prefect_client: Any
) -> None:
    from prefect.client.schemas.objects import State, StateType

    name = f"deployment-{uuid4()}"
    flow = prefect_client.create_flow_from_name(f"flow-{uuid4()}")
    deployment = prefect_client.create_deployment(flow, name)

    def run(kind: StateType, message: str = "") -> None:
        made = prefect_client.create_flow_run_from_deployment(deployment)
        for each in (StateType.RUNNING, kind):
            prefect_client.set_flow_run_state(made.id, State(type=each, message=message), force=True)

    run(StateType.FAILED, "the disk is full.")
    seen = look_at_prefect(prefect, dt.datetime.now(dt.UTC))
    assert found(seen)[f"run of {name}"] == "warning"
    [finding] = [one for one in seen.findings if one.subject == f"run of {name}"]
    assert finding.sentence == f"The last run of {name} failed: the disk is full."
    assert figures(seen)["prefect: runs failed in a day"] >= 1

    run(StateType.COMPLETED)
    assert f"run of {name}" not in found(look_at_prefect(prefect, dt.datetime.now(dt.UTC)))

    late = prefect_client.create_flow_run_from_deployment(deployment)
    seen = look_at_prefect(prefect, dt.datetime.now(dt.UTC) + HOUR)
    assert found(seen)["late runs"] == "warning"
    prefect_client.delete_flow_run(late.id)
    prefect_client.delete_deployment(deployment)
