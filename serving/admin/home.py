"""The first page: what waits, what is in production, and what is wrong."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.admin.access import require
from serving.admin.pages import page


@require("viewer")
def home(request: Request) -> Response:
    """The first page."""
    return page(request, "home.html")


ROUTES = [Route("/", home)]
