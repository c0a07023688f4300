"""The gateway as a process in front of a real content service and a real database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from config.settings import Settings
from local.ports import free_port
from serving.disk_copy import DiskCopy
from serving.gateway.tokens import make_token
from storage.contents import get_content
from tests.content_models import SPAM, content_files
from tests.gateway_world import SECRET
from tests.integration.serving.conftest import KEY, ROOT, ServiceProcess, eventually

API = "/api/v1/ml"
POST = {"content_id": "post-1", "content_type": "post", "text": SPAM, "video": "films/1.mp4"}
MODERATE = {"content_id": "post-1", "content_type": "post", "content_data": {"text": SPAM, "creator_id": "ana"}}


@dataclass
class Behind:
    """A gateway and the content service behind it."""

    client: httpx.Client
    content: ServiceProcess
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, user: str, role: str = "creator", **options: Any) -> httpx.Response:
        token = make_token(SECRET, user, [role], int(time.time()), 600)
        url = path if path.startswith("/") else f"{API}/{path}"
        return self.client.request(method, url, headers={"Authorization": f"Bearer {token}"}, **options)


@pytest.fixture
def behind(settings: Settings, engine: Engine) -> Iterator[Behind]:
    ports = {"content_port": free_port(), "gateway_port": free_port()}
    nobody = {"mlflow_tracking_uri": "http://127.0.0.1:9", "prefect_api_url": "http://127.0.0.1:9/api"}
    changed = settings.model_copy(update={**ports, **nobody})
    folder = changed.home / "services" / "content" / "moderation"
    DiskCopy(folder).save("4", content_files("moderation"), {"dataset": "moderation/full/2026-10"})
    content = ServiceProcess(changed, "content")
    content.start()
    away = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ, "ASSAY_HOME": str(changed.home), "ML_API_KEY": KEY, "JWT_SECRET": SECRET,
        "GATEWAY_PORT": str(ports["gateway_port"]), "CONTENT_URL": content.url, "VIRAL_URL": away,
        "RECOMMENDATION_URL": away, "CTR_URL": away, "FACE_URL": away, "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "GATEWAY_TIMEOUT_SECONDS": "5",
    }  # fmt: skip
    log = changed.home / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.gateway"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{ports['gateway_port']}", timeout=15, trust_env=False)

    def up() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            return client.get("/").status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(up, 30)
        yield Behind(client, content, process)
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        content.close()


def test_content_is_published_seen_by_its_owner_and_moderated(behind: Behind, engine: Engine) -> None:
    taken = behind.ask("POST", "content", "ana", json=POST)
    assert (taken.status_code, taken.json()["status"]) == (202, "accepted"), taken.text
    assert behind.ask("POST", "content", "ana", json=POST).json()["status"] == "unchanged"
    kept = get_content(engine, "post-1")
    assert kept is not None
    assert (kept.creator_id, kept.text) == ("ana", SPAM)
    assert behind.ask("POST", "content", "bob", json={**POST, "text": "mine"}).status_code == 403
    standing = behind.ask("GET", "content/post-1", "ana", "user").json()
    assert (standing["content_id"], standing["status"]) == ("post-1", "pending")
    assert behind.ask("GET", "content/post-1", "bob").status_code == 403

    decided = behind.ask("POST", "moderate", "root", "admin", json=MODERATE)
    assert (decided.json()["decision"], decided.json()["flags"]) == ("rejected", ["spam"]), decided.text
    assert behind.ask("POST", "moderate", "root", "admin", json=MODERATE).headers["x-cache"] == "hit"
    appeal = f"moderation/{decided.json()['id']}/appeal"
    eventually(lambda: behind.ask("POST", appeal, "ana", "user", json={"text": "no"}).status_code == 200)
    assert behind.ask("POST", appeal, "bob", json={}).status_code == 403
    assert behind.ask("POST", appeal, "ana", json={}).status_code == 409, "one is open"

    asked = behind.ask("POST", "content/post-1/captions", "ana")
    assert asked.status_code == 202, asked.text
    job = behind.ask("GET", asked.json()["url"], "ana").json()
    assert (job["kind"], job["state"], job["content_id"]) == ("captions", "queued", "post-1")
    assert behind.ask("GET", f"{asked.json()['url']}/captions.vtt", "ana").status_code == 409


def test_an_unloaded_model_answers_no_more_until_it_is_loaded(behind: Behind) -> None:
    asked = {**MODERATE, "content_id": "other"}
    assert behind.ask("POST", "moderate", "root", "admin", json=asked).json()["decision"] == "rejected"
    unloaded = behind.ask("DELETE", "models/unload/spam_detector", "root", "admin")
    assert (unloaded.status_code, unloaded.json()["loaded"]) == (200, False)
    assert behind.ask("POST", "moderate", "root", "admin", json=asked).json()["decision"] == "review_required"
    loaded = behind.ask("POST", "models/load/spam_detector", "root", "admin")
    assert (loaded.json()["loaded"], loaded.json()["model_version"]) == (True, "4"), loaded.text
    assert behind.ask("POST", "moderate", "root", "admin", json=asked).json()["decision"] == "rejected"


def test_services_that_are_away_cost_their_own_part_alone(behind: Behind) -> None:
    health = behind.client.get("/health")
    assert health.status_code == 200
    assert sorted(health.json()["unavailable"]) == ["ctr", "face", "recommendation", "viral"]
    viral = {"content_id": "v", "engagement_data": {"views": 1000, "likes": 100}}
    predicted = behind.ask("POST", "viral-prediction", "ana", json=viral)
    assert (predicted.status_code, predicted.json()["unavailable"]) == (200, ["viral"])
    assert predicted.json()["factors"]["like_rate"] == 0.1
    assert behind.ask("GET", "recommendations", "ana").status_code == 503
    body = {"content_id": "n", "content_data": {"text": "I love it", "creator_id": "ana"}}
    assert behind.ask("POST", "analyze", "ana", json=body).json()["sentiment"] == "positive"
    assert behind.ask("POST", "/ml/train", "root", "admin", json={}).status_code == 503
    behind.content.kill()
    # a worker of the killed server may answer for a moment longer
    eventually(lambda: behind.ask("POST", "analyze", "ana", json=body).status_code == 503)
