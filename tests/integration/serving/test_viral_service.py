"""The viral service as a process, with a real model, MLflow and PostgreSQL, and their faults."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chaos.clock import build, clock_environment, clock_file, compiler, set_clock
from serving.viral_schema import EXAMPLE_VIDEO
from tests.integration.serving.conftest import AT, KEY_HEADER, Load, Platform, eventually
from tests.viral_world import trained

JSON = {"content-type": "application/json"}
VIDEO = {**EXAMPLE_VIDEO, "taken_at": "2026-11-20T12:00:00Z", "video_id": "v-1"}


def recorded(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return {str(row[0]) for row in connection.execute(text("select id from predictions"))}


def test_every_endpoint_answers_from_the_promoted_version(platform: Platform, engine: Engine) -> None:
    version = platform.promote()
    service = platform.service
    service.start()

    answer = service.client.post("/predict", json=VIDEO).json()
    expected = trained()[0].predict_one({**VIDEO, "taken_at": AT}, explain=5)
    assert {name: answer[name] for name in expected} == expected
    assert answer["model_version"] == version
    batch = service.client.post("/predict/batch", json={"videos": [VIDEO, {"views": 7}]}).json()
    assert batch["count"] == 2
    assert batch["predictions"][0]["probabilities"] == expected["probabilities"]
    assert service.health()["status"] == "ok"
    info = service.client.get("/model/info", headers=KEY_HEADER).json()
    assert (info["model_version"], info["dataset"]) == (version, "viral/full/2026-10")
    assert set(service.client.get("/openapi.json").json()["paths"]) >= {"/predict", "/predict/batch"}
    assert service.client.get("/docs").status_code == 200
    assert service.client.get("/livez").status_code == 200

    eventually(lambda: len(recorded(engine)) == 3)
    metrics = service.client.get("/metrics", headers=KEY_HEADER).text
    assert 'assay_recorded_rows_total{queue="predictions",service="viral",state="shipped"} 3.0' in metrics
    with engine.connect() as connection:
        row = connection.execute(
            text("select * from predictions where id = :id"),
            {"id": answer["prediction_id"]},
        ).one()
    assert (row.entity_id, row.at, row.model_version) == ("v-1", AT, version)
    assert row.inputs["views"] == VIDEO["views"]
    assert row.answer["viral_class"] == answer["viral_class"]
    assert service.stop() < 5
    assert_errors_only(service.log)


def assert_errors_only(log: Path) -> None:
    """The log is JSON lines, and no line a request."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert not [entry for entry in entries if "/predict" in entry["message"]]
    assert len(entries) < 10


def test_bad_requests_over_the_wire_get_a_4xx(platform: Platform) -> None:
    platform.promote()
    service = platform.service
    service.start()
    for body, status in ((b"", 400), (b"{", 400), (b'{"views": "1"}', 422), (b'{"views": NaN}', 422)):
        assert service.client.post("/predict", content=body, headers=JSON).status_code == status
    assert service.client.post("/predict", data={"views": "1"}).status_code == 415
    answer = service.client.post("/predict/batch", json={"videos": [{"views": 1}] * 101})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "videos")

    answer = service.client.post("/predict", content=b" " * 10_000_000, headers=JSON)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    # It does not wait for the rest: told of 10 MB and sent 1 KB, it has answered.
    with socket.create_connection(("127.0.0.1", service.settings.viral_port), timeout=5) as raw:
        raw.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b" " * 1024)
        assert raw.recv(65536).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", service.settings.viral_port), timeout=5) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 400")
    assert service.client.post("/predict", json={"views": 1}).status_code == 200


def test_a_promotion_under_load_is_served_within_ten_seconds_and_no_request_fails(platform: Platform) -> None:
    first = platform.promote()
    platform.service.start()
    with Load(platform.service.url) as answers:
        time.sleep(0.5)
        second = platform.promote()
        took = eventually(lambda: answers.versions[-1] == second)
        time.sleep(0.5)
    assert took < 10
    assert answers.failures == []
    assert set(answers.versions) == {first, second}
    assert platform.service.health()["status"] == "ok"


def test_a_version_that_is_no_model_is_refused_and_the_old_one_goes_on(platform: Platform) -> None:
    first = platform.promote()
    platform.service.start()
    api = platform.registry._api
    found = api.get("model-versions/get", name="viral", version=first)["model_version"]
    same = {
        "name": "viral",
        "source": found["source"],
        "run_id": found["run_id"],
        "model_id": found["source"].rsplit("/", 1)[-1],
    }
    broken = api.post("model-versions/create", same)  # by hand, without the list of files that ours have
    number = str(broken["model_version"]["version"])
    api.post("registered-models/alias", {"name": "viral", "alias": "production", "version": number})
    eventually(lambda: number in platform.service.health()["registry"]["refused"])
    health = platform.service.health()
    assert (health["status"], health["model_version"]) == ("degraded", first)
    assert platform.service.client.post("/predict", json={"views": 1}).json()["model_version"] == first


def test_with_mlflow_away_it_starts_from_its_disk_copy_and_follows_again_later(platform: Platform) -> None:
    first = platform.promote()
    service = platform.service
    service.start()
    platform.mlflow_gate.close()
    eventually(lambda: service.health()["status"] == "degraded")
    service.stop()

    service.start()
    assert service.client.post("/predict", json={"views": 1}).json()["model_version"] == first
    eventually(lambda: "registry unreachable since" in service.health()["detail"])
    assert f"serving version {first}" in service.health()["detail"]
    second = platform.promote()
    platform.mlflow_gate.open()
    eventually(lambda: service.health()["model_version"] == second)
    assert service.health()["status"] == "ok"


def test_without_any_model_it_says_so_and_serves_the_first_that_comes(platform: Platform) -> None:
    service = platform.service
    service.start(ready=False)
    eventually(lambda: service.health()["registry"]["reachable"])
    answer = service.client.post("/predict", json={"views": 1})
    assert answer.status_code == 503
    assert "no version has been promoted" in answer.json()["detail"]
    version = platform.promote()
    eventually(lambda: service.client.post("/predict", json={"views": 1}).status_code == 200)
    assert service.health()["model_version"] == version


def test_no_prediction_is_lost_while_the_database_is_away(platform: Platform, engine: Engine) -> None:
    platform.promote()
    service = platform.service
    service.start()
    with Load(service.url) as answers:
        time.sleep(0.7)
        platform.database_gate.close()
        eventually(lambda: "wait on disk" in service.health()["detail"])
        time.sleep(1.5)
        waiting = service.client.get("/metrics", headers=KEY_HEADER).text
        platform.database_gate.open()
        time.sleep(0.5)
    assert answers.failures == []
    assert 'assay_queue_rows{queue="predictions",service="viral"} 0.0' not in waiting
    eventually(lambda: recorded(engine) >= set(answers.ids), 20)
    assert recorded(engine) == set(answers.ids)
    eventually(lambda: service.health()["status"] == "ok")
    assert [
        path for path in (service.settings.home / "services/viral/spool").glob("*.jsonl") if path.stat().st_size
    ] == []


def test_killed_in_mid_work_it_loses_no_answered_prediction(platform: Platform, engine: Engine) -> None:
    platform.promote()
    service = platform.service
    platform.database_gate.close()
    service.start()
    with Load(service.url, may_break=True) as answers:
        time.sleep(1.5)
        service.kill()
    assert len(answers.ids) > 50
    assert recorded(engine) == set()
    platform.database_gate.open()
    service.start()
    eventually(lambda: recorded(engine) >= set(answers.ids), 20)
    assert len(recorded(engine)) - len(answers.ids) <= 3  # one a client may have been recorded and not answered


def test_several_workers_share_the_port_the_figures_and_a_dead_ones_records(
    platform: Platform, engine: Engine
) -> None:
    platform.promote()
    service = platform.service
    service.settings = service.settings.model_copy(update={"service_workers": 2})
    service.start()
    eventually(lambda: len(service.workers()) == 2)
    platform.database_gate.close()
    with Load(service.url, clients=4) as answers:
        time.sleep(1.5)
    assert answers.failures == []
    metrics = service.client.get("/metrics", headers=KEY_HEADER).text
    spooled = 'assay_recorded_rows_total{queue="predictions",service="viral",state="spooled"}'
    assert f"{spooled} {float(len(answers.ids))}" in metrics
    os.kill(service.workers()[0], signal.SIGKILL)
    platform.database_gate.open()
    eventually(lambda: recorded(engine) == set(answers.ids), 20)
    eventually(lambda: len(service.workers()) == 2, 20)


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_a_dead_worker_is_started_again_though_the_clock_was_put_back(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = build(tmp_path)
    assert library is not None
    set_clock(tmp_path, "viral", 0)
    for name, value in clock_environment(clock_file(tmp_path, "viral"), library).items():
        monkeypatch.setenv(name, value)
    service = platform.service
    service.start(ready=False)
    set_clock(tmp_path, "viral", -3600)
    for _ in range(2):  # who goes by the clock on the wall still has one look to come
        [worker] = service.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda gone=worker: service.workers() not in ([gone], []), 30)
        eventually(lambda: service.client.get("/livez").status_code == 200, 30)


def test_without_its_parent_no_worker_keeps_the_port(platform: Platform) -> None:
    platform.promote()
    service = platform.service
    service.start()
    assert service.process is not None
    service.process.kill()
    service.process.wait()

    def free() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", service.settings.viral_port)) != 0

    eventually(free)
