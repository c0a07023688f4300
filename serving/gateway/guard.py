"""What stands before each handler: who asks, whether they may, and how often they did."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from config.context import request_id, set_request_id
from config.settings import Settings
from serving.application import Application, Handler, Route
from serving.gateway.caller import BACKEND, USER, Caller
from serving.gateway.limits import RateLimiter, Standing
from serving.gateway.tokens import Tokens
from serving.http import Request, Response
from serving.problems import Problem
from serving.request_ids import new_request_id

Answering = Callable[[Request, Caller], Awaitable[Response]]
_HEADERS = "assay.headers"


@dataclass(frozen=True)
class Endpoint:
    """One path and method for callers that have one of ``roles``; admins may everything."""

    path: str
    method: str
    handler: Answering
    roles: tuple[str, ...] = field(default=(USER,))


class Guard:
    """Makes routes of endpoints.

    A token is limited by its user, and who has no good one by address. The API key is our own backends': it is
    limited by nothing.
    """

    def __init__(self, settings: Settings, tokens: Tokens, limiter: RateLimiter) -> None:
        key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
        self._key = key.encode()
        self._tokens = tokens
        self._limiter = limiter

    def route(self, endpoint: Endpoint) -> Route:
        """The endpoint with this guard before it."""
        return Route(endpoint.path, endpoint.method, self._guarded(endpoint), open_to_all=True)

    def _guarded(self, endpoint: Endpoint) -> Handler:
        roles, handler = endpoint.roles, endpoint.handler

        async def guarded(request: Request) -> Response:
            caller = await self.caller(request)
            if caller.user_id is not None:
                self._tell(request, await self._limiter.hit(f"user:{caller.user_id}"))
            caller.must_be(*roles)
            return await handler(request, caller)

        return guarded

    async def caller(self, request: Request) -> Caller:
        """Who asks.

        Raises:
            Problem: 401, or 429 of an address that shows one wrong token after the other. Others behind the
                same address, with good tokens, are not locked out by it.
        """
        try:
            return await self._known(request)
        except Problem as problem:
            if problem.status == 401:
                client = request.scope.get("client") or ("unknown",)
                self._tell(request, await self._limiter.hit(f"address:{client[0]}"))
            raise

    async def _known(self, request: Request) -> Caller:
        key = request.header(b"x-api-key")
        if key is not None:
            if self._key and hmac.compare_digest(key, self._key):
                return BACKEND
            raise Problem(
                401, "The API key in X-API-Key is not valid.", headers=((b"www-authenticate", b"ApiKey"),)
            )
        scheme, _, token = (request.header(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not token.strip():
            raise Problem(
                401, "Send a token in the header Authorization: Bearer ..., or the API key in X-API-Key.",
                headers=((b"www-authenticate", b"Bearer"),),
            )  # fmt: skip
        try:
            text = token.strip().decode("ascii")
        except UnicodeDecodeError:
            text = ""
        return await self._tokens.verify(text)

    @staticmethod
    def _tell(request: Request, standing: Standing | None) -> None:
        if standing is None:
            return
        if not standing.passes:
            raise standing.problem()
        request.scope[_HEADERS] = standing.headers()


class GatewayApplication(Application):
    """An application whose answers all carry the request's id, and how the user stands."""

    async def _answer(self, request: Request, path: str, methods: Mapping[str, Route] | None) -> Response:
        identity = request_id()
        if identity is None:
            identity = new_request_id()
            set_request_id(identity)
        response = await super()._answer(request, path, methods)
        headers = (*response.headers, *request.scope.get(_HEADERS, ()), (b"x-request-id", identity.encode()))
        return replace(response, headers=headers)
