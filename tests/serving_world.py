"""Every service in a thread of this process, with small real models, on a real database."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.pool import Pool

from config.settings import Settings
from serving.disk_copy import DiskCopy
from serving.run import KEEP_ALIVE_SECONDS
from tests.clicks_world import tiny_ctr_files
from tests.content_models import content_files
from tests.face_world import CLASSES, tiny_face_files
from tests.gateway_world import SECRET
from tests.recommendation_model_world import tiny_recommender
from tests.uvicorn_thread import answering
from tests.viral_world import trained

KEY = "a key that is long enough"
VERSION = "3"
BEHIND = ("viral", "ctr", "recommendation", "face", "content")
Served = AbstractContextManager[str]


def serving(application: Any, *, lifespan: bool = False) -> Served:
    """An ASGI application on a port of this machine, served as the services are; its address."""
    return answering(
        application,
        log_config=None,
        server_header=False,
        lifespan="on" if lifespan else "off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def service_settings(settings: Settings) -> Settings:
    """Of services that have a database, and whose Prefect and MLflow are away."""
    return settings.model_copy(
        update={
            "ml_api_key": SecretStr(KEY),
            "jwt_secret": SecretStr(SECRET),
            "mlflow_tracking_uri": "http://127.0.0.1:9",
            "prefect_api_url": "http://127.0.0.1:9/api",
            "face_classes": CLASSES,
            "rate_limit_per_minute": 0,
        }
    )


def keep_models(settings: Settings, names: Sequence[str] = ()) -> None:
    """Put versions (of all families, or of ``names``) where services find them without a registry."""
    files: dict[str, Callable[[], Mapping[str, bytes]]] = {
        "viral": lambda: trained()[0].to_files(),
        "ctr": tiny_ctr_files,
        "recommendation": lambda: tiny_recommender().to_files(),
        "face": tiny_face_files,
        "content/moderation": partial(content_files, "moderation"),
        "content/sentiment": partial(content_files, "sentiment"),
    }
    for name in names or files:
        facts = {"dataset": f"{name.rsplit('/')[-1]}/full/2026-10"}
        DiskCopy(settings.home / "services" / name).save(VERSION, files[name](), facts)


@contextmanager
def viral(settings: Settings) -> Iterator[str]:
    """The viral service; its address."""
    from serving.runtime import ServiceRuntime
    from serving.viral_app import viral_application

    runtime = ServiceRuntime("viral", settings)
    with _alive(runtime, viral_application(runtime)) as url:
        yield url


@contextmanager
def ctr(settings: Settings) -> Iterator[str]:
    """The CTR service with its experiments."""
    from serving.ctr_app import CtrService
    from serving.recorder import connect_database
    from serving.runtime import ServiceRuntime
    from storage.ctr_predictions import insert_ctr_predictions

    database = partial(connect_database, settings, insert_ctr_predictions)
    service = CtrService(ServiceRuntime("ctr", settings, database=database))
    with _alive(service, service.application()) as url:
        yield url


@contextmanager
def recommendation(settings: Settings) -> Iterator[str]:
    """The recommendation service."""
    from serving.recommendation_app import RecommendationService
    from serving.runtime import ServiceRuntime

    service = RecommendationService(ServiceRuntime("recommendation", settings))
    with _alive(service, service.application()) as url:
        yield url


@contextmanager
def face(settings: Settings) -> Iterator[str]:
    """The face service."""
    from serving.face_api import photo_pool
    from serving.face_app import face_application
    from serving.recorder import connect_database
    from serving.runtime import ServiceRuntime
    from storage.user_styles import insert_face_predictions

    pool: Executor = photo_pool(settings)
    database = partial(connect_database, settings, insert_face_predictions)
    runtime = ServiceRuntime("face", settings, database=database)
    with _alive(runtime, face_application(runtime, pool)) as url:
        yield url
    pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def content(settings: Settings) -> Iterator[str]:
    """The content service."""
    from serving.content_app import ContentService, content_runtime
    from serving.recorder import connect_database
    from storage.moderation import insert_decisions

    database = partial(connect_database, settings, insert_decisions)
    service = ContentService(content_runtime(settings, database=database))
    with _alive(service, service.application()) as url:
        yield url


@contextmanager
def gateway(settings: Settings, behind: Sequence[str] = BEHIND) -> Iterator[str]:
    """The gateway in front of services; those that are not ``behind`` it are away."""
    from serving.gateway.app import Gateway

    with ExitStack() as stack:
        urls = dict.fromkeys((f"{name}_url" for name in BEHIND), "http://127.0.0.1:9")
        urls |= {f"{name}_url": stack.enter_context(SERVICES[name](settings)) for name in behind}
        application = Gateway(settings.model_copy(update=urls))
        yield stack.enter_context(serving(application, lifespan=True))


SERVICES: dict[str, Callable[[Settings], Served]] = {
    "viral": viral,
    "ctr": ctr,
    "recommendation": recommendation,
    "face": face,
    "content": content,
    "gateway": gateway,
}


@contextmanager
def _alive(service: Any, application: Any) -> Iterator[str]:
    with _connections():
        service.start()
        try:
            with serving(application) as url:
                yield url
        finally:
            service.stop()
            gc.unfreeze()


@contextmanager
def _connections() -> Iterator[None]:
    """Connections that are made in the block are closed at its end; a service leaves that to its process's."""
    made: list[Any] = []

    def note(connection: Any, _: Any) -> None:
        made.append(connection)

    event.listen(Pool, "connect", note)
    try:
        yield
    finally:
        event.remove(Pool, "connect", note)
        for connection in made:
            connection.close()
