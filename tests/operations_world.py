"""Every service as an application in process, connected to nothing, and what each shows at ``/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from config.settings import Settings, load_settings
from storage.backlog import Waiting

KEY = "a key that is long enough"


def away_settings(home: Path, **more: Any) -> Settings:
    """Settings of a platform whose every other part is away."""
    nobody = "http://127.0.0.1:9"
    return load_settings(
        assay_home=home,
        ml_api_key=KEY,
        db_host="127.0.0.1",
        db_port=9,
        prefect_api_url=f"{nobody}/api",
        mlflow_tracking_uri=nobody,
        **more,
    )


def nothing(_: list[dict[str, Any]]) -> int:
    """The insert of a database that takes everything and keeps nothing."""
    return 0


def no_registry() -> Any:
    """The client of a registry that has no version."""
    return SimpleNamespace(production=lambda _: None)


def viral(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.runtime import ServiceRuntime
    from serving.viral_app import viral_application

    runtime = ServiceRuntime("viral", settings, registry=no_registry, database=lambda: nothing)
    return viral_application(runtime), runtime.stop


def ctr(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.ctr_app import CtrService
    from serving.runtime import ServiceRuntime

    parts = CtrService(ServiceRuntime("ctr", settings, registry=no_registry, database=lambda: nothing))
    return parts.application(), parts.stop


def recommendation(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.recommendation_app import RecommendationService
    from serving.runtime import ServiceRuntime

    runtime = ServiceRuntime("recommendation", settings, registry=no_registry, database=lambda: nothing)
    parts = RecommendationService(runtime)
    return parts.application(), parts.stop


def face(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.face_app import face_application
    from serving.runtime import ServiceRuntime

    runtime = ServiceRuntime("face", settings, registry=no_registry, database=lambda: nothing)
    return face_application(runtime, ThreadPoolExecutor(1)), runtime.stop


def content(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.content_app import ContentService, content_runtime

    runtime = content_runtime(settings, registry=no_registry, database=lambda: nothing)
    database = SimpleNamespace(waiting=lambda: [Waiting("contents", 2, None)], close=lambda: None)
    parts = ContentService(runtime, database=database)
    return parts.application(), parts.stop


def gateway(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.gateway.app import Gateway

    made = Gateway(settings)
    return made, lambda: asyncio.run(made.close())


def admin(settings: Settings) -> tuple[Any, Callable[[], None]]:
    from serving.admin.app import admin_application

    made = admin_application(settings)
    return made, made.state.parts.close


SERVICES = {one.__name__: one for one in (viral, ctr, recommendation, face, content, gateway, admin)}


def figures_of(service: str, settings: Settings) -> str:
    """What ``GET /metrics`` of a service shows."""
    application, stop = SERVICES[service](settings)
    try:
        answer = ask(application, "GET", "/metrics", headers={"x-api-key": KEY})
    finally:
        stop()
    assert answer.status_code == 200, answer.text
    return answer.text


def ask(application: Any, method: str, path: str, **options: Any) -> httpx.Response:
    """One request, through ASGI."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())
