"""The application of the admin pages: routes, parts and guards put together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Route

from config.errors import AssayError
from config.settings import Settings
from serving.admin.access import moment
from serving.admin.errors import HANDLERS
from serving.admin.experiment_live import FigureCache
from serving.admin.figures import AdminFigures, metrics_page
from serving.admin.headers import Guard
from serving.admin.observed import Observed
from serving.admin.parts import AdminParts
from serving.admin.routes import NAVIGATION, all_routes
from serving.admin.static import Static
from serving.metrics import ServiceMetrics
from serving.tracing import request_tracing
from storage.accounts import create_first_admin

_log = logging.getLogger(__name__)

NAME = "admin"


def admin_application(settings: Settings) -> Starlette:
    """The pages for these settings. Nothing is connected before the first request."""
    static = Static()
    metrics, tracing = ServiceMetrics(NAME, settings.home), request_tracing(settings, NAME)
    app = Starlette(
        routes=[*all_routes(static), Route("/metrics", metrics_page)],
        middleware=[
            Middleware(Observed, metrics=metrics, tracing=tracing),
            Middleware(Guard, limit=settings.max_body_bytes),
        ],
        exception_handlers=HANDLERS,
        lifespan=_lifespan,
    )
    app.state.parts, app.state.static, app.state.nav = AdminParts(settings), static, NAVIGATION
    app.state.experiment_figures = FigureCache()
    app.state.figures, app.state.tracing = AdminFigures(metrics, app.state.parts), tracing
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    parts: AdminParts = app.state.parts
    try:
        await run_in_threadpool(_first_admin, parts)
        yield
    finally:
        await run_in_threadpool(parts.close)
        if app.state.tracing is not None:
            await run_in_threadpool(app.state.tracing.stop)


def _first_admin(parts: AdminParts) -> None:
    """Where nobody has an account yet, the settings name the first admin."""
    settings = parts.settings
    if not settings.admin_user or settings.admin_password is None:
        return
    try:
        password = settings.admin_password.get_secret_value()
        made = create_first_admin(parts.engine, name=settings.admin_user, password=password, at=moment())
    except AssayError as error:  # the pages start all the same, and say what is wrong
        _log.error("The first admin could not be made: %s", error)
        return
    if made is not None:
        _log.info("The first admin is '%s'.", made.name)
