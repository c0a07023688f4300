"""Every service, asked by schemathesis from its own OpenAPI document what fits it and what does not."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from local.ports import free_port
from serving.gateway.tokens import make_token
from tests.conftest import TEMPLATE, PostgresServer
from tests.fuzzing import fuzz
from tests.gateway_world import SECRET
from tests.serving_world import KEY, SERVICES, gateway, keep_models, service_settings

#: They take a model out of memory: asked in a test of their own.
UNLOAD = ("DELETE /model", "DELETE /models/{family}", "DELETE /api/v1/ml/models/unload/{name}")
#: They ask Prefect, which is away.
TRAINING = (
    "POST /train/ctr-model", "POST /api/v1/train", "POST /api/v1/retrain", "POST /ml/train",
    "POST /api/v1/ml/train",
)  # fmt: skip
#: They tell a faulty item in its place, and do the others.
FORGIVING = (
    "POST /api/v1/moderate/batch", "POST /api/v1/analyze/batch", "POST /api/v1/contents", "POST /api/v1/events",
)  # fmt: skip
_JOBS = "/media/jobs/{id}/"
_FILES = ("captions.vtt", "captions.srt", "thumbnails/{number}/{shape}")
#: Nobody makes films' captions and thumbnails here; a decision may not be on record yet when it is asked for.
MAY_FAIL = {
    *(f"GET {prefix}{_JOBS}{name}" for prefix in ("/api/v1", "/api/v1/ml") for name in _FILES),
    *(f"GET {prefix}/moderation/{{id}}" for prefix in ("/api/v1", "/api/v1/ml")),
    *(f"POST {prefix}/moderation/{{id}}/appeal" for prefix in ("/api/v1", "/api/v1/ml")),
    "POST /api/v1/moderation/{id}/review",
}


@pytest.fixture(scope="module")
def house(postgres_server: PostgresServer) -> Iterator[Settings]:
    """Settings of services with models and a database."""
    postgres_server.create_database("fuzz", TEMPLATE)
    home = Path(tempfile.mkdtemp(prefix="assay-fuzz-"))
    settings = service_settings(postgres_server.settings("fuzz", home))
    keep_models(settings)
    yield settings
    postgres_server.drop_database("fuzz")
    shutil.rmtree(home, ignore_errors=True)


def credentials(name: str) -> dict[str, str]:
    """What an admin shows to the gateway, and a backend to a service."""
    if name == "gateway":
        return {"Authorization": f"Bearer {make_token(SECRET, 'root', ['admin'], int(time.time()), 3600)}"}
    return {"X-API-Key": KEY}


def experiments(url: str) -> dict[str, list[str]]:
    """Experiments that run, and some that are paused."""
    made = [f"e{number}" for number in range(8)]
    with httpx.Client(base_url=url, headers=credentials("ctr"), trust_env=False) as client:
        for one in made:
            definition = {"id": one, "title": one, "variants": [{"name": "a"}, {"name": "b"}], "start": True}
            assert client.post("/experiments", json=definition).status_code == 201
        for one in made[4:]:
            assert client.post(f"/experiments/{one}/pause").status_code == 200
    return {"id": made}


def items(url: str) -> dict[str, list[str]]:
    """Items that the model knows, and that are in the catalogue."""
    known = [f"v{number}" for number in range(8)]
    body = {"items": [{"item_id": one, "kind": "video", "text": one} for one in known]}
    answer = httpx.post(f"{url}/api/v1/items", json=body, trust_env=False)
    assert answer.status_code == 200, answer.text
    return {"id": known, "post": known, "user": ["user-1", "user-2"]}


FURNISH = {"ctr": experiments, "recommendation": items}


@pytest.mark.parametrize("name", SERVICES)
def test_every_answer_is_a_documented_one(house: Settings, name: str) -> None:
    with SERVICES[name](house) as url:
        ids = FURNISH[name](url) if name in FURNISH else {}
        found = fuzz(url, credentials(name), away=TRAINING, without=UNLOAD, forgiving=FORGIVING, ids=ids)
    assert found.faults == [], "\n".join(found.faults)
    never = found.never_well() - MAY_FAIL - set(TRAINING)
    assert never <= ({"GET /metrics"} if name == "gateway" else set()), "else little was tried of it"


@pytest.mark.parametrize("name", SERVICES)
def test_so_it_is_without_a_model(house: Settings, tmp_path: Path, name: str) -> None:
    empty = house.model_copy(update={"assay_home": tmp_path})
    with SERVICES[name](empty) as url:
        found = fuzz(url, credentials(name), away=["*"], forgiving=FORGIVING, edges=False)
    assert found.faults == [], "\n".join(found.faults)


@pytest.mark.parametrize("name", SERVICES)
def test_so_it_is_while_the_database_is_away(house: Settings, name: str) -> None:
    away = house.model_copy(update={"db_port": free_port()})
    with gateway(away, ()) if name == "gateway" else SERVICES[name](away) as url:
        found = fuzz(url, credentials(name), away=["*"], forgiving=FORGIVING, edges=False)
    assert found.faults == [], "\n".join(found.faults)
