"""The ASGI application of a service: paths to handlers, faults to problems, figures to metrics."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from config.context import set_request_id
from serving.http import Receive, Request, Response, Scope, Send, respond
from serving.metrics import ServiceMetrics
from serving.problems import CONTENT_TYPE, Problem, internal_error
from serving.request_ids import given_request_id
from serving.security import ApiKey
from serving.tracing import RequestTracing

logger = logging.getLogger(__name__)

#: What requests are counted under that no route fits.
OTHER = "other"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One path and method. ``open_to_all`` answers without a key even where REQUIRE_API_KEY is set.

    A path may have parameters, each a whole segment, as in ``/experiments/{id}/stats``: the handler finds them
    in ``request.parameters``. A path without any goes before one that has some.
    """

    path: str
    method: str
    handler: Handler
    needs_key: bool = False
    open_to_all: bool = False


Methods = dict[str, Route]


class Application:
    """Dispatches requests; built once, then only read.

    Args:
        tracing: makes a span a request; None: none is made.
    """

    def __init__(
        self,
        routes: list[Route],
        key: ApiKey,
        metrics: ServiceMetrics,
        tracing: RequestTracing | None = None,
    ) -> None:
        self._key = key
        self._metrics = metrics
        self._tracing = tracing
        self._tells = logger.isEnabledFor(logging.DEBUG)
        paths: dict[str, Methods] = {}
        for route in routes:
            paths.setdefault(route.path, {})[route.method] = route
        self._routes = {path: methods for path, methods in paths.items() if "{" not in path}
        #: number of segments -> (the segments, the path, its methods) of paths with parameters
        self._templates: dict[int, list[tuple[list[str], str, Methods]]] = {}
        for path, methods in paths.items():
            if "{" in path:
                parts = path.split("/")
                self._templates.setdefault(len(parts), []).append((parts, path, methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of connection are refused."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        started = perf_counter()
        request = Request(scope, receive)
        set_request_id(given_request_id(request.header(b"x-request-id")))
        path: str = scope["path"]
        methods = self._routes.get(path)
        if methods is None:
            path, methods = self._find(request, path.removesuffix("/"))
        if self._tracing is None:
            response = await self._answer(request, path, methods)
        else:
            with self._tracing.request(request, path if methods else OTHER) as span:
                response = await self._answer(request, path, methods)
                self._tracing.answered(span, response.status)
        await respond(request, response, send)
        seconds = perf_counter() - started
        self._metrics.observe(path if methods else OTHER, response.status, seconds)
        if self._tells:
            tell(scope, response.status, seconds)

    def _find(self, request: Request, path: str) -> tuple[str, Methods | None]:
        """The path of the routes that ``path`` is one of; the values of its parameters go to ``request``."""
        if path in self._routes:
            return path, self._routes[path]
        given = path.split("/")
        for parts, template, methods in self._templates.get(len(given), ()):
            pairs = list(zip(parts, given, strict=True))
            if all(part == value or (part[:1] == "{" and value) for part, value in pairs):
                request.parameters = {part[1:-1]: value for part, value in pairs if part[:1] == "{"}
                return template, methods
        return path, None

    async def _answer(self, request: Request, path: str, methods: Mapping[str, Route] | None) -> Response:
        try:
            route = self._resolve(request, path, methods)
            if route.needs_key or (self._key.everywhere and not route.open_to_all):
                self._key.check(request.header(b"x-api-key"))
            return await route.handler(request)
        except Problem as problem:
            return problem_response(problem)
        except Exception:
            logger.exception("%s %s failed", request.scope["method"], path)
            return problem_response(internal_error())

    @staticmethod
    def _resolve(request: Request, path: str, methods: Mapping[str, Route] | None) -> Route:
        if methods is None:
            raise Problem(404, f"There is nothing at {path[:200]}; GET / lists the endpoints.")
        method = request.scope["method"]
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise Problem(
                405,
                f"{path[:200]} answers {allowed}, not {method[:20]}.",
                headers=((b"allow", allowed.encode()),),
            )
        return route


def tell(scope: Scope, status: int, seconds: float) -> None:
    """One line a request, for whoever set LOG_LEVEL to DEBUG."""
    logger.debug(
        "%s %s %d", scope["method"], scope["path"], status,
        extra={"method": scope["method"], "path": scope["path"], "status": status,
               "milliseconds": round(seconds * 1000, 3)},
    )  # fmt: skip


def problem_response(problem: Problem) -> Response:
    """A problem as an answer."""
    return Response(problem.body(), problem.status, CONTENT_TYPE, problem.headers)
