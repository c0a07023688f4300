"""The experiments of a service in this process, on a real database behind a gate."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, text

from config.settings import Settings
from serving.application import Application
from serving.experiments.api import experiment_routes
from serving.experiments.service import ExperimentService
from serving.metrics import ServiceMetrics
from serving.security import ApiKey
from tests.integration.serving.conftest import Gate


class Tunnel(Gate):
    """A gate that can also go silent: connections stay, and nothing comes through."""

    def __init__(self, host: str, port: int) -> None:
        self.silent = False
        super().__init__(host, port)

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:  # type: ignore[override]
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.silent:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


KEY = "a key that is long enough"
DEFINITION: dict[str, Any] = {
    "id": "shop",
    "title": "Which shop?",
    "variants": [{"name": "plain"}, {"name": "bold"}],
    "guardrails": [{"metric": "slow", "limit": 0.05}],
}


@dataclass
class World:
    """A service whose threads run, and its application."""

    service: ExperimentService
    application: Application
    metrics: ServiceMetrics

    def ask(self, method: str, path: str, body: Any = None, *, key: bool = False) -> httpx.Response:
        return self.ask_many([(method, path, body)], key=key)[0]

    def ask_many(
        self, questions: Sequence[tuple[str, str, Any]], *, key: bool = False, at_once: int = 1
    ) -> list[httpx.Response]:
        headers = {"x-api-key": KEY} if key else {}

        async def run() -> list[httpx.Response]:
            gate = asyncio.Semaphore(at_once)
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://service", headers=headers, timeout=30
            ) as client:

                async def one(method: str, path: str, body: Any) -> httpx.Response:
                    async with gate:
                        return await client.request(method, path, json=body)

                return await asyncio.gather(*[one(*question) for question in questions])

        return asyncio.run(run())

    def post(self, path: str, body: Any = None, *, key: bool = False) -> httpx.Response:
        return self.ask("POST", path, body, key=key)

    def create(self, **fields: Any) -> str:
        """A running experiment."""
        made = self.post("/experiments", {**DEFINITION, "start": True, **fields}, key=True)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def select(self, experiment: str = "shop", **body: Any) -> dict[str, Any]:
        answer = self.post(f"/experiments/{experiment}/select", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def make_world(settings: Settings, *, uniform: Callable[[], float] | None = None, **overrides: Any) -> World:
    """Not started yet."""
    settings = Settings.model_validate(
        {**settings.model_dump(), "ml_api_key": KEY, "experiment_refresh_seconds": 0.1, **overrides}
    )
    metrics = ServiceMetrics("ctr")
    service = ExperimentService(settings, metrics, uniform=uniform)
    return World(service, Application(experiment_routes(service), ApiKey(settings), metrics), metrics)


def stored_counts(engine: Engine, experiment: str) -> dict[str, tuple[int, int, float]]:
    """(decisions, rewarded, reward_sum) of each variant, as the counters have them."""
    query = text(
        "select variant, decisions, rewarded, reward_sum from experiment_variants where experiment_id = :id"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"id": experiment}).all()
    return {row[0]: (row[1], row[2], float(row[3])) for row in rows}


def counted_rows(engine: Engine, experiment: str) -> dict[str, tuple[int, int, float]]:
    """The same, counted out of the decisions themselves."""
    query = text(
        "select v.variant, count(d.id), count(d.reward), coalesce(sum(d.reward::numeric), 0)"
        " from experiment_variants v left join experiment_decisions d using (experiment_id, variant)"
        " where v.experiment_id = :id group by v.variant"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"id": experiment}).all()
    return {row[0]: (row[1], row[2], float(row[3])) for row in rows}
