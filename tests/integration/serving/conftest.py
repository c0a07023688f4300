"""Services as processes, with gates before their database and their registry that a test can close."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from config.settings import Settings, load_settings
from local.ports import free_port
from models.face.evaluation import evaluate
from models.face.predictor import load
from models.family import Evaluation, get_family
from models.images.crops import as_stream
from registry.gate import Check, GateResult
from registry.registry import Registry
from tests.clicks_world import figures, parts, tiny_ctr_predictor
from tests.content_models import content_predictor, examples
from tests.face_world import CLASSES, OPTIONS, face_rows, tiny_face_files
from tests.imagery_world import OPTIONS as IMAGERY_OPTIONS
from tests.imagery_world import imagery_rows, tiny_imagery_model
from tests.recommendation_model_world import tiny_recommender, tiny_recommender_figures
from tests.viral_world import roles, trained

ROOT = Path(__file__).resolve().parents[3]
KEY = "a key that is long enough"
KEY_HEADER = {"x-api-key": KEY}
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLES = ("train", "valid", "test")
_keys = itertools.count(1)


def eventually(ask: Callable[[], Any], seconds: float = 10.0) -> float:
    """Seconds until ``ask`` is true; fails when that takes longer than ``seconds``."""
    began = time.monotonic()
    while not ask():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


class Gate:
    """A TCP relay on a port of its own; closed, it refuses connections and has cut those there were."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port = free_port()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        if self._listener:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    @staticmethod
    def _relay(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@dataclass
class Answers:
    """What came back from a load: ids by version, and everything that was not a 200."""

    ids: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Load:
    """Clients that ask one after the other until the block ends."""

    def __init__(
        self,
        url: str,
        clients: int = 3,
        *,
        may_break: bool = False,
        question: Callable[[int], dict[str, Any]] = lambda number: {"views": 1000 + number, "explain": 0},
    ) -> None:
        self._url, self._stop, self._may_break = url, threading.Event(), may_break
        self._question = question
        self.answers = Answers()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Answers:
        for thread in self._threads:
            thread.start()
        return self.answers

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=10, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/predict", json=self._question(number))
                except httpx.TransportError as error:
                    if self._may_break:
                        return
                    self.answers.failures.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.answers.failures.append(answer.text)
                    continue
                body = answer.json()
                self.answers.ids.append(body["prediction_id"])
                self.answers.versions.append(body["model_version"])


class ServiceProcess:
    """``python -m serving.run`` of a family under given settings."""

    def __init__(self, settings: Settings, family: str) -> None:
        self.settings, self.family = settings, family
        self.url = f"http://127.0.0.1:{settings.service_port(family)}"
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        self.log = settings.home / f"{family}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving.run", self.family],
                cwd=ROOT,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            eventually(lambda: self._answers(200 if ready else None), 30)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log: {self.log.read_text()[-3000:]}") from error

    def _environment(self) -> dict[str, str]:
        names = (
            "db_host",
            "db_port",
            "db_user",
            "db_name",
            "mlflow_tracking_uri",
            "prefect_api_url",
            f"{self.family}_port",
            "service_workers",
        )
        given = {name.upper(): str(getattr(self.settings, name) or "") for name in names}
        assert self.settings.db_password
        return {
            **os.environ,
            **given,
            "FACE_CLASSES": ",".join(self.settings.face_classes),
            "DB_PASSWORD": self.settings.db_password.get_secret_value(),
            "ML_API_KEY": KEY,
            "ASSAY_HOME": str(self.settings.home),
            "ALIAS_POLL_SECONDS": "0.5",
            "LOG_FORMAT": "json",
        }

    def _answers(self, status: int | None) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            found = self.client.get("/health").status_code
        except httpx.TransportError:
            return False
        return status is None or found == status

    def stop(self) -> float:
        """Ask it to end; how long that took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill all of it at once, as a machine that runs out of memory might."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        self.client.close()
        if self.process and self.process.poll() is None:
            self.kill()

    def workers(self) -> list[int]:
        import psutil

        assert self.process is not None
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/health").json()
        return found


@dataclass
class Platform:
    """What the tests of the service move about."""

    service: ServiceProcess
    registry: Registry
    database_gate: Gate
    mlflow_gate: Gate

    def promote(self) -> str:
        """Register a version and promote it."""
        return promote(self.registry, self.service.family)


def register(registry: Registry, family: str) -> str:
    """Register a version of the family, which the gate passed against the one in production."""
    predictor, evaluation, rows = MODELS[family]()
    version = registry.log_training(
        family=family,
        predictor=predictor,
        evaluation=evaluation,
        comparison=None,
        dataset=f"{family}/full/2026-10",
        dataset_sha256="a" * 64,
        params={},
        rows=rows,
        key=f"serving-{next(_keys)}",
    )
    champion = registry.production(family)
    passed = GateResult(True, (Check("test", True, "fine"),), champion.version if champion else None)
    return registry.record_gate(family, version.version, passed).version


def promote(registry: Registry, family: str) -> str:
    """Register a version of the family and promote it."""
    version = register(registry, family)
    registry.promote(family, version, actor="test", reason="test", at=AT)
    return version


def viral_model() -> tuple[Any, Evaluation, dict[str, int]]:
    """A fitted model, its figures, and of how many rows."""
    predictor, evaluation = trained()
    return predictor, evaluation, dict(zip(ROLES, (part.num_rows for part in roles()), strict=True))


def face_model() -> tuple[Any, Evaluation, dict[str, int]]:
    """The same of the face family: tiny, and real."""
    predictor = load(tiny_face_files())
    test = as_stream(face_rows(6, 3, split="test"))
    return predictor, evaluate(predictor, test, OPTIONS, 7), dict.fromkeys(ROLES, test.num_rows)


def ctr_model() -> tuple[Any, Evaluation, dict[str, int]]:
    """The same of the CTR family: tiny, and real."""
    return tiny_ctr_predictor(), figures(), dict(zip(ROLES, (part.num_rows for part in parts()), strict=True))


def recommendation_model() -> tuple[Any, Evaluation, dict[str, int]]:
    """The same of the recommendation family: tiny, and real."""
    return tiny_recommender(), tiny_recommender_figures(), dict.fromkeys(ROLES, 100)


def text_model(name: str) -> tuple[Any, Evaluation, dict[str, int]]:
    """The same of a family of texts: small, and real."""
    family, test = get_family(name), examples(name, 60, seed=9)
    found = family.evaluate(content_predictor(name), test, family.options(load_settings()), 7)
    return content_predictor(name), found, dict.fromkeys(ROLES, 100)


def imagery_model() -> tuple[Any, Evaluation, dict[str, int]]:
    """The same of the family of pictures: tiny, and real."""
    predictor, family = tiny_imagery_model(), get_family("imagery")
    test = as_stream(imagery_rows(30, 3, split="test"))
    return predictor, family.evaluate(predictor, test, IMAGERY_OPTIONS, 7), dict.fromkeys(ROLES, 100)


MODELS = {
    **{name: partial(text_model, name) for name in ("moderation", "sentiment", "topics", "entities")},
    "imagery": imagery_model,
    "viral": viral_model,
    "ctr": ctr_model,
    "face": face_model,
    "recommendation": recommendation_model,
}


@contextmanager
def platform_of(family: str, settings: Settings, engine: Engine) -> Iterator[Platform]:
    """A service that is not started yet, on the servers of ``settings`` behind gates."""
    mlflow = urlsplit(settings.mlflow_url)
    assert mlflow.hostname
    assert mlflow.port
    gates = Gate("127.0.0.1", settings.database_port), Gate(mlflow.hostname, mlflow.port)
    behind = settings.model_copy(
        update={
            "db_port": gates[0].port,
            "mlflow_tracking_uri": f"http://127.0.0.1:{gates[1].port}",
            f"{family}_port": free_port(),
        }
    )
    registry = Registry(settings, engine)
    service = ServiceProcess(behind, family)
    yield Platform(service, registry, *gates)
    service.close()
    registry.close()
    for gate in gates:
        gate.close()


@pytest.fixture
def platform(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The viral service, not started yet."""
    with platform_of("viral", ml_settings, engine) as made:
        yield made


@pytest.fixture
def ctr_platform(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The CTR service, not started yet."""
    with platform_of("ctr", ml_settings, engine) as made:
        yield made


@pytest.fixture
def recommendation_platform(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The recommendation service, not started yet."""
    with platform_of("recommendation", ml_settings, engine) as made:
        yield made


@pytest.fixture
def face_platform(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """The face service, not started yet; its classes are those of the tiny model."""
    settings = ml_settings.model_copy(update={"face_classes": CLASSES})
    with platform_of("face", settings, engine) as made:
        yield made
