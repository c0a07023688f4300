"""Every page, and what the navigation lists."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.admin import (
    accounts,
    datasets,
    experiments,
    home,
    login,
    media,
    models,
    moderation,
    moderation_content,
    moderation_media,
    monitoring,
    recommendation,
    rollouts,
    runs,
    verify,
)
from serving.admin.parts import parts
from serving.admin.static import Static
from storage.database import transaction


@dataclass(frozen=True)
class Entry:
    """A place in the navigation: for whom it is, and under which path it and its pages lie."""

    title: str
    path: str
    role: str = "viewer"


NAVIGATION = (
    Entry("Home", "/"),
    Entry("Verify", "/verify"),
    Entry("Moderation", "/moderation"),
    Entry("Datasets", "/datasets"),
    Entry("Models", "/models"),
    Entry("Experiments", "/experiments"),
    Entry("Recommendation", "/recommendation"),
    Entry("Monitoring", "/monitoring"),
    Entry("Runs", "/runs"),
    Entry("Accounts", "/accounts", "admin"),
)


def all_routes(static: Static) -> list[Route]:
    """The routes of all pages. A module of pages has its own in ``ROUTES``."""
    return [
        Route("/health", health),
        Route("/static/{version}/{name}", static.endpoint),
        *login.ROUTES,
        *home.ROUTES,
        *datasets.ROUTES,
        *rollouts.ROUTES,
        *models.ROUTES,
        *monitoring.ROUTES,
        *experiments.ROUTES,
        *recommendation.ROUTES,
        *runs.ROUTES,
        *accounts.ROUTES,
        *moderation_content.ROUTES,
        *moderation_media.ROUTES,
        *moderation.ROUTES,
        *verify.ROUTES,
        *media.ROUTES,
    ]


async def health(request: Request) -> Response:
    """Whether the pages can be used: that is, whether the database answers."""
    await run_in_threadpool(_ask_database, request)
    return JSONResponse({"status": "ok"})


def _ask_database(request: Request) -> None:
    with transaction(parts(request).engine) as connection:
        connection.execute(text("select 1"))
