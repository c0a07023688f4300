"""Services in process: viral with a predictor that needs no LightGBM (tests/integration has the real one), ctr
and face with tiny real models.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pytest

from config.errors import DatabaseUnavailable, ModelInvalid, RegistryUnavailable
from config.settings import Settings, load_settings
from models.viral.schema import EXAMPLE_SCHEMA, INPUT_SCHEMA
from registry.records import ModelVersion
from serving.application import Application
from serving.ctr_app import CtrService
from serving.ctr_database import from_line
from serving.face_api import photo_pool
from serving.face_app import face_application
from serving.metrics import ServiceMetrics
from serving.runtime import ServiceRuntime
from serving.viral_app import viral_application
from tests.clicks_world import tiny_ctr_files
from tests.face_world import CLASSES as STYLES
from tests.face_world import tiny_face_files

KEY = "a key that is long enough"
#: A platform that runs on this machine is none of a test's business.
NOBODY = {"prefect_api_url": "http://127.0.0.1:9/api", "mlflow_tracking_uri": "http://127.0.0.1:9"}
PORTS = {
    field.default for name, field in Settings.model_fields.items() if name.endswith("_port") and field.default
}
_watching = threading.Event()


def _refuse(event: str, details: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watching.is_set() and details[1][1:2] and details[1][1] in PORTS:
        raise AssertionError(f"a unit test asks {details[1]}, where a platform may run")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def _asks_no_platform() -> Iterator[None]:
    _watching.set()
    yield
    _watching.clear()


CLASSES = ("low", "medium", "high", "ultra")


class StandInPredictor:
    """Answers by the views alone, so that a test can tell one row's answer from another's."""

    def __init__(self, mark: str) -> None:
        self.info = {"family": "viral", "mark": mark}

    def predict_one(self, inputs: dict[str, Any], *, explain: int = 5) -> dict[str, Any]:
        views = inputs["views"]
        place = sum(views >= limit for limit in (50_000, 500_000, 2_000_000))
        answer: dict[str, Any] = {
            "viral_class": CLASSES[place],
            "viral_score": 29.0 * place,
            "confidence": 1.0,
            "probabilities": {name: float(name == CLASSES[place]) for name in CLASSES},
            "expected_views": float(views),
        }
        if explain:
            answer["top_features"] = [{f"feature_{number}": 1.0} for number in range(explain)]
        return answer

    def predict_many(self, rows: list[dict[str, Any]], *, explain: int = 0) -> list[dict[str, Any]]:
        return [self.predict_one(row, explain=explain) for row in rows]

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        return [
            self.predict_one({"views": views or 0}, explain=explain) for views in examples["views"].to_pylist()
        ]


def load(files: dict[str, bytes]) -> StandInPredictor:
    if files.get("model.txt", b"broken") == b"broken":
        raise ModelInvalid("model.txt is not a model.")
    return StandInPredictor(files["model.txt"].decode())


def check(answers: list[dict[str, Any]], _: object) -> None:
    if not answers:
        raise ModelInvalid("no answers")


FAMILY = SimpleNamespace(
    name="viral",
    schema=EXAMPLE_SCHEMA,
    options=lambda _: None,
    load=load,
    probe=lambda _: pa.table(
        {name: pa.nulls(2, INPUT_SCHEMA.field(name).type) for name in INPUT_SCHEMA.names}
    ).set_column(3, "views", pa.array([1, 2], pa.int64())),
    check=check,
)


@dataclass
class RegistryDouble:
    """The two calls that a service makes; ``versions`` by number, ``promoted`` the alias, ``tags`` those of the
    version in production.
    """

    versions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    promoted: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    def production(self, family: str) -> ModelVersion | None:
        self.asked += 1
        if self.away:
            raise RegistryUnavailable("MLflow is away.")
        if self.promoted is None:
            return None
        at = datetime(2026, 11, 1, tzinfo=UTC)
        dataset = "viral/full/2026-10"
        return ModelVersion(family, self.promoted, "run", at, {"macro_f1": 0.7}, dataset, tags=dict(self.tags))

    def files(self, family: str, version: str) -> dict[str, bytes]:
        assert family in ("viral", "ctr", "face")
        return self.versions[version]

    def promote(self, version: str, model: bytes) -> None:
        self.versions[version] = {"model.txt": model}
        self.promoted, self.tags = version, {}


@dataclass
class Service:
    """A runtime, its application, and the rows that reached "the database"."""

    runtime: ServiceRuntime
    application: Application
    registry: RegistryDouble
    rows: dict[str, dict[str, Any]]
    database_away: threading.Event
    unseen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, through ASGI."""
        return self.ask_many([(method, path, options)])[0]

    def ask_many(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return [await client.request(method, path, **options) for method, path, options in requests]

        return asyncio.run(run())

    def post(self, path: str, body: bytes) -> httpx.Response:
        return self.ask("POST", path, content=body, headers={"content-type": "application/json"})


@pytest.fixture
def service_settings(tmp_path: Path) -> Settings:
    return load_settings(assay_home=tmp_path, ml_api_key=KEY, alias_poll_seconds=0.02, **NOBODY)


@pytest.fixture
def make_service(
    service_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Service]]:
    """Makes services on the test's own folder; threads are not started, tests turn the crank."""
    monkeypatch.setattr("serving.runtime.get_family", lambda _: FAMILY)
    made: list[Service] = []

    def make(settings: Settings = service_settings) -> Service:
        registry, rows, away = RegistryDouble(), {}, threading.Event()

        def insert(batch: list[dict[str, Any]]) -> int:
            if away.is_set():
                raise ConnectionError("the database is away")
            rows.update({row["id"]: row for row in batch})
            return len(batch)

        def insert_unseen(batch: list[dict[str, Any]]) -> int:
            if away.is_set():
                raise ConnectionError("the database is away")
            unseen.update({row["id"]: row for row in batch})
            return len(batch)

        unseen: dict[str, dict[str, Any]] = {}
        runtime = ServiceRuntime(
            "viral",
            settings,
            registry=lambda: registry,
            database=lambda: insert,
            shadows=lambda: insert_unseen,
        )
        made.append(Service(runtime, viral_application(runtime), registry, rows, away, unseen))
        return made[-1]

    yield make
    for service in made:
        service.runtime.stop()


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """A service with version 1 in service."""
    made = make_service()
    made.registry.promote("1", b"one")
    made.runtime.watcher.look()
    return made


@pytest.fixture
def metrics() -> ServiceMetrics:
    return ServiceMetrics("viral")


@dataclass
class FaceService(Service):
    """A face service with the real predictor; ``pool`` has the threads that look at photos."""

    pool: ThreadPoolExecutor = field(kw_only=True)

    def predict(self, images: Sequence[bytes | str], **more: Any) -> httpx.Response:
        """Ask about images, files or what is sent in their place."""
        texts = [base64.b64encode(image).decode() if isinstance(image, bytes) else image for image in images]
        return self.ask("POST", "/predict", json={"images": texts, **more})

    def ask_together(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """All at once."""

        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                asked = (client.request(method, path, **options) for method, path, options in requests)
                return await asyncio.gather(*asked)

        return asyncio.run(run())

    def shipped(self) -> list[dict[str, Any]]:
        """The rows that reach "the database" when what was recorded is shipped now."""
        self.runtime.recorder.spool.rotate()
        self.runtime.recorder.shipper.ship()
        return list(self.rows.values())


@pytest.fixture
def make_face(service_settings: Settings) -> Iterator[Callable[..., FaceService]]:
    """Makes face services with no model in service yet; threads of the runtime are not started."""
    made: list[FaceService] = []

    def make(**changed: Any) -> FaceService:
        settings = service_settings.model_copy(update=changed)
        registry, rows, away = RegistryDouble(), {}, threading.Event()

        def insert(batch: list[dict[str, Any]]) -> int:
            if away.is_set():
                raise ConnectionError("the database is away")
            rows.update({row["id"]: row for row in batch})
            return len(batch)

        runtime = ServiceRuntime("face", settings, registry=lambda: registry, database=lambda: insert)
        pool = photo_pool(settings)
        application = face_application(runtime, pool)
        made.append(FaceService(runtime, application, registry, rows, away, pool=pool))
        return made[-1]

    yield make
    for service in made:
        service.runtime.stop()
        service.pool.shutdown()


@pytest.fixture
def make_ready_face(make_face: Callable[..., FaceService]) -> Callable[..., FaceService]:
    """Makes face services with version 1 in service."""

    def make(**changed: Any) -> FaceService:
        service = make_face(**({"face_classes": STYLES} | changed))
        service.registry.versions["1"] = dict(tiny_face_files())
        service.registry.promoted = "1"
        service.runtime.watcher.look()
        assert service.runtime.slot.current, service.runtime.slot.why_empty()
        return service

    return make


@pytest.fixture
def face(make_ready_face: Callable[..., FaceService]) -> FaceService:
    """A face service with version 1 in service."""
    return make_ready_face()


@dataclass
class ClipsDouble:
    """The clips, past counts and outcomes of "the database"; ``away``: it does not answer."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: bool = False
    asked: list[tuple[str, datetime | None]] = field(default_factory=list)

    def _reach(self) -> None:
        if self.away:
            raise DatabaseUnavailable("PostgreSQL is away.")

    def clips(self, ids: Sequence[str], at: datetime | None = None) -> dict[str, dict[str, Any]]:
        self._reach()
        self.asked += [(one, at) for one in ids]
        late = {one for one, since in self.since.items() if at is not None and at < since}
        return {one: dict(self.known[one]) for one in ids if one in self.known and one not in late}

    def known_since(self, ids: Sequence[str]) -> dict[str, datetime]:
        self._reach()
        return {one: self.since[one] for one in ids if one in self.since}

    def described(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return self.clips(ids)

    def past(
        self, keys: Sequence[tuple[str, str]], at: datetime | None = None
    ) -> dict[tuple[str, str], tuple[int, int]]:
        self._reach()
        self.asked += [(f"{kind}:{one}", at) for kind, one in keys]
        return {key: self.counts[key] for key in keys if key in self.counts}

    def save_clips(self, rows: list[dict[str, Any]], now: datetime) -> list[str]:
        assert now.tzinfo
        self._reach()
        statuses = ["changed" if row["clip_id"] in self.known else "new" for row in rows]
        for row in rows:
            self.known.setdefault(row["clip_id"], {}).update(row)
        return statuses

    def save_outcomes(self, rows: list[dict[str, Any]], now: datetime) -> list[str]:
        assert now.tzinfo
        self._reach()
        return [self._save(row) for row in rows]

    def _save(self, row: dict[str, Any]) -> str:
        there = self.outcomes.get(row["key"])
        if row["clip_id"] not in self.known:
            return "unknown clip"
        if there is not None and any(
            row[name] != there[name] for name in ("clip_id", "started_at", "placement", "device")
        ):
            return "taken"
        if there is None or row["replace"]:
            self.outcomes[row["key"]] = row
            return "revised" if there else "new"
        return "repeated" if there["clicks"] == row["clicks"] else "conflict"

    def take(self, rows: list[dict[str, Any]]) -> int:
        self.save_outcomes([from_line(row) for row in rows], datetime.now(UTC))
        return len(rows)

    def close(self) -> None:
        pass


@dataclass
class CtrWorld(Service):
    """A CTR service with the real tiny predictor."""

    parts: CtrService = field(kw_only=True)
    clips: ClipsDouble = field(kw_only=True)

    def predict(self, **question: Any) -> httpx.Response:
        return self.ask("POST", "/predict/ctr", json=question)

    def shipped(self) -> list[dict[str, Any]]:
        """The rows that reach "the database" when what was recorded is shipped now."""
        self.runtime.recorder.spool.rotate()
        self.runtime.recorder.shipper.ship()
        return list(self.rows.values())


@pytest.fixture
def make_ctr(service_settings: Settings) -> Iterator[Callable[..., CtrWorld]]:
    """Makes CTR services with no model in service yet; threads are not started."""
    made: list[CtrWorld] = []

    def make(**changed: Any) -> CtrWorld:
        settings = service_settings.model_copy(update=changed)
        registry, rows, away = RegistryDouble(), {}, threading.Event()

        def insert(batch: list[dict[str, Any]]) -> int:
            rows.update({row["id"]: row for row in batch})
            return len(batch)

        runtime = ServiceRuntime("ctr", settings, registry=lambda: registry, database=lambda: insert)
        clips = ClipsDouble()
        parts = CtrService(runtime, database=clips, take=lambda: clips.take)
        made.append(CtrWorld(runtime, parts.application(), registry, rows, away, parts=parts, clips=clips))
        return made[-1]

    yield make
    for service in made:
        service.parts.stop()


@pytest.fixture
def ctr(make_ctr: Callable[..., CtrWorld]) -> CtrWorld:
    """A CTR service with version 1 in service."""
    service = make_ctr()
    service.registry.versions["1"] = dict(tiny_ctr_files())
    service.registry.promoted = "1"
    service.runtime.watcher.look()
    assert service.runtime.slot.current, service.runtime.slot.why_empty()
    return service
