"""The content worker as a process: Prefect shows its work, it goes on without, and a kill loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterName
from sqlalchemy import Engine, text

from config.settings import Settings
from local.environment import settings_environment
from local.ports import free_port
from storage.contents import StoredContent, get_content, put_contents
from storage.database import transaction
from storage.media_jobs import get_job, request_job
from tasks.content_worker import alive_since
from tests.receivers import web_server

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60.0


@contextmanager
def worker(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**settings_environment(settings), "PREFECT_HOME": str(settings.home / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    environment["PREFECT_API_URL"] = settings.prefect_url
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tasks.content_worker"], env=environment, cwd=ROOT, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(done: Callable[[], bool], log: Path, seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if done():
            return
        time.sleep(0.1)
    raise AssertionError(f"it never came:\n{log.read_text()[-4000:]}")


def publish(engine: Engine, *names: str) -> None:
    rows = [{"id": name, "kind": "comment", "text": "hello there"} for name in names]
    put_contents(engine, rows, datetime.now(UTC))


def settled(engine: Engine, *names: str) -> bool:
    found = [get_content(engine, name) for name in names]
    return all(one is not None and not one.wants_moderation and not one.wants_analysis for one in found)


@pytest.fixture
def of_worker(settings: Settings, prefect_here: str) -> Iterator[Settings]:
    """Prefect is the session's, and MLflow says that no version is in production."""
    with web_server() as mlflow:
        # to each question, as MLflow does where there is no such model
        mlflow.status = 404
        yield settings.model_copy(
            update={
                "prefect_api_url": prefect_here,
                "mlflow_tracking_uri": mlflow.url,
                "content_workers": 1,
            }
        )


def test_what_is_published_becomes_a_run_in_prefect_and_its_end_is_quick(
    of_worker: Settings, engine: Engine, prefect_client: SyncPrefectClient, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with worker(of_worker, log) as process:
        wait(lambda: alive_since(of_worker.home, 0.0), log)
        wait(lambda: "Subscribing to runs" in log.read_text(), log)
        publish(engine, "c1", "c2")
        job = request_job(engine, "captions", "missing.wav", at=datetime.now(UTC))
        wait(lambda: settled(engine, "c1", "c2"), log)
        wait(lambda: (get_job(engine, job) or _no_job()).error is not None, log)
        found = get_content(engine, "c1")
        assert found is not None
        assert found.moderation_status == "review_required", "there is no model: a person decides"
        for name in ("moderate and analyze 2 contents", "captions of missing.wav"):
            # by name: without one Prefect gives 200 of all runs by their ids, which for these are drawn
            asked = TaskRunFilter(name=TaskRunFilterName(any_=[name]))
            wait(lambda asked=asked: prefect_client.read_task_runs(task_run_filter=asked) != [], log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_without_prefect_the_worker_does_the_work_itself(
    of_worker: Settings, engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    alone = of_worker.model_copy(update={"prefect_api_url": f"http://127.0.0.1:{free_port()}/api"})
    with worker(alone, log):
        publish(engine, "c1")
        wait(lambda: settled(engine, "c1"), log)


def test_a_worker_that_starts_while_mlflow_is_away_decides_nothing_and_uses_up_no_try(
    of_worker: Settings, engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    nowhere = f"http://127.0.0.1:{free_port()}"
    away = of_worker.model_copy(
        update={"prefect_api_url": f"{nowhere}/api", "mlflow_tracking_uri": nowhere, "home": tmp_path / "empty"}
    )
    with worker(away, log):
        publish(engine, "c1")
        wait(lambda: (_content(engine, "c1")).error is not None, log)
    found = _content(engine, "c1")
    assert (found.moderation_status, found.analysis, found.attempts) == ("pending", None, 0)

    with transaction(engine) as connection:  # as when its pause is over
        connection.execute(text("update contents set claimed_at = claimed_at - interval '1 hour'"))
    with worker(of_worker, log):
        wait(lambda: settled(engine, "c1"), log)


def test_what_a_killed_worker_left_is_taken_up_by_the_next_one(
    of_worker: Settings, engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    alone = of_worker.model_copy(update={"prefect_api_url": f"http://127.0.0.1:{free_port()}/api"})
    job = request_job(engine, "captions", "missing.wav", at=datetime.now(UTC))
    with worker(alone, log) as process:
        wait(lambda: alive_since(alone.home, 0.0), log)
        publish(engine, *(f"c{number}" for number in range(300)))
        wait(lambda: _claimed(engine) > 0, log)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with transaction(engine) as connection:  # as when the lease is over
        connection.execute(text("update contents set claimed_at = claimed_at - interval '1 hour'"))
        connection.execute(
            text("update media_jobs set next_at = now(), heartbeat_at = heartbeat_at - interval '1 hour'")
        )
    with worker(alone, log):
        wait(lambda: settled(engine, *(f"c{number}" for number in range(300))), log)
        wait(lambda: (get_job(engine, job) or _no_job()).attempts >= 1, log)
    with transaction(engine) as connection:
        decided = connection.execute(
            text("select count(*), count(distinct content_id) from moderation_decisions")
        )
        assert tuple(decided.one()) == (300, 300)


def _claimed(engine: Engine) -> int:
    with transaction(engine) as connection:
        query = text("select count(*) from contents where claimed_at is not null")
        return int(connection.execute(query).scalar_one())


def _content(engine: Engine, name: str) -> StoredContent:
    found = get_content(engine, name)
    assert found is not None
    return found


def _no_job() -> object:
    raise AssertionError("the job is gone")
