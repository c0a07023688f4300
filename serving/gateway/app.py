"""The gateway without its server: its parts, its ASGI application and its life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

from config.settings import Settings
from serving.ctr_training import TrainingApi
from serving.gateway.cache import AnswerCache
from serving.gateway.common import CommonApi
from serving.gateway.content_api import ContentApi
from serving.gateway.figures import GatewayFigures
from serving.gateway.guard import Endpoint, GatewayApplication, Guard
from serving.gateway.jwks import KeySet
from serving.gateway.limits import RateLimiter
from serving.gateway.media_api import GatewayMediaApi
from serving.gateway.models_api import ModelsApi
from serving.gateway.moderation_api import ModerationApi
from serving.gateway.openapi import gateway_openapi
from serving.gateway.owned import Contents
from serving.gateway.recommendation_api import RecommendationApi
from serving.gateway.services import Services
from serving.gateway.tokens import Tokens
from serving.gateway.viral_api import ViralApi
from serving.http import Receive, Scope, Send
from serving.metrics import ServiceMetrics
from serving.security import ApiKey
from serving.tracing import request_tracing

NAME = "gateway"
#: Threads that wait for Prefect.
THREADS = 4
JWKS_SECONDS = 2.0
JWKS_BYTES = 1_048_576


class Gateway:
    """The gateway in one process, as an ASGI application. Nothing is connected before it is asked."""

    def __init__(self, settings: Settings) -> None:
        self._metrics = ServiceMetrics(NAME, settings.home)
        self._tracing = request_tracing(settings, NAME)
        figures = GatewayFigures(self._metrics)
        self.services = Services(settings, figures)
        self.cache = AnswerCache(settings, figures)
        self.limiter = RateLimiter(settings)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="prefect")
        self._keys = KeySet(key_reader(settings.jwt_jwks)) if settings.jwt_jwks else None
        tokens = Tokens(settings, self._keys)
        guard = Guard(settings, tokens, self.limiter)
        complaints = [tokens.complaints, self.cache.complaints, self.limiter.complaints]
        if self._keys is not None:
            complaints.append(self._keys.complaints)
        common = CommonApi(self.services, self._metrics, gateway_openapi, complaints)
        routes = [*(guard.route(endpoint) for endpoint in self._endpoints(settings)), *common.routes()]
        self.application = GatewayApplication(routes, ApiKey(settings), self._metrics, self._tracing)

    def _endpoints(self, settings: Settings) -> list[Endpoint]:
        services, limit = self.services, settings.max_body_bytes
        large = settings.content_max_body_bytes
        contents = Contents(services.content)
        moderation = ModerationApi(services.content, contents, self.cache, settings.ml_model_cache_ttl, large)
        recommendation = RecommendationApi(services.recommendation, self.cache, settings)
        models = ModelsApi(
            services,
            lambda family: TrainingApi(settings, self._pool, f"retrain-{family}"),
            moderation.forget,
            limit,
        )
        return [
            *moderation.endpoints(),
            *recommendation.endpoints(),
            *ViralApi(services.viral, limit).endpoints(),
            *models.endpoints(),
            *ContentApi(contents, limit).endpoints(),
            *GatewayMediaApi(contents, limit).endpoints(),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live from the start of the server to its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                Thread(target=warm_up, name="warm-up", daemon=True).start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def close(self) -> None:
        """Let everything go."""
        await self.services.close()
        await self.cache.close()
        await self.limiter.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.stop)


def warm_up() -> None:
    """Import what the first requests need, beside them: a start does not wait for it."""
    import aiohttp  # noqa: F401
    import cashews  # noqa: F401
    import jwt  # noqa: F401
    import limits.aio.storage
    import limits.aio.strategies  # noqa: F401
    import redis.asyncio  # noqa: F401


def key_reader(source: str) -> Callable[[], Awaitable[bytes]]:
    """Reads a JWKS from an address or a file."""
    if not source.startswith(("http://", "https://")):
        path = Path(source).expanduser()
        return lambda: asyncio.to_thread(path.read_bytes)

    async def read() -> bytes:
        import aiohttp

        limit: Any = aiohttp.ClientTimeout(total=JWKS_SECONDS)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(source) as answer:
            answer.raise_for_status()
            return await answer.content.read(JWKS_BYTES)

    return read
