"""The admin pages have no OpenAPI document: one is made of their routes, and no page may answer 5xx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from starlette.routing import Route

from config.settings import Settings
from serving.admin.routes import all_routes
from serving.admin.static import Static
from tests import admin_world
from tests.fuzzing import fuzz_document
from tests.integration.serving.admin.conftest import token, without_tools
from tests.verify_world import index_photos, index_rows, served, session_cookie

#: They end the session of whoever asks, or may take their role away.
LEFT_OUT = ("/login", "/logout", "/accounts")
#: Names of parameters that pages read.
QUERY = (
    "next", "focus", "from", "fragment", "month", "days", "deployment", "id", "size", "v", "to", "clear",
    "user", "kind", "family", "page", "after", "day", "q", "label",
)  # fmt: skip


def document(routes: list[Route]) -> dict[str, Any]:
    """What may be asked of the pages."""
    paths: dict[str, Any] = {}
    for route in routes:
        path = re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", route.path)
        names = re.findall(r"\{(\w+)\}", path)
        for method in (route.methods or set()) - {"HEAD"}:
            if path.startswith(LEFT_OUT):
                continue
            operation = {
                "operationId": f"{method} {path}",
                "parameters": [_parameter(name, "path") for name in names]
                + ([_parameter(name, "query") for name in QUERY] if method == "GET" else []),
                "responses": {"200": {"description": "A page."}},
            }
            if method != "GET":
                form = {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}
                operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": form}}
            paths.setdefault(path, {})[method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Admin pages", "version": "1"}, "paths": paths}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


@pytest.fixture
def pages(settings: Settings, engine: Engine) -> Iterator[tuple[str, dict[str, str]]]:
    """Pages with something to show, and what an admin's browser sends along."""
    settings = without_tools(settings)
    admin_world.publish_viral(settings, engine)
    index_photos(settings, engine, 6)
    index_rows(engine)
    cookie = session_cookie(engine, "root", "admin")
    with served(settings) as found:
        headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "Accept": "text/html"}
        with httpx.Client(base_url=found.url, headers=headers, trust_env=False) as client:
            yield found.url, {**headers, "X-CSRF-Token": token(client)}


def test_no_page_fails_whatever_it_is_asked(pages: tuple[str, dict[str, str]]) -> None:
    url, headers = pages
    routes = all_routes(Static())
    known = {
        "family": ["face", "viral", "recommendation"], "stage": ["candidates", "verified", "full"],
        "period": ["2026-10", "2026-10-19"], "name": ["face", "viral"],
    }  # fmt: skip
    found = fuzz_document(document(routes), url, headers, ids=known)
    assert found.faults == [], "\n".join(found.faults)
    assert len(found.statuses) > 40
    assert sum(one[200] for one in found.statuses.values()) > 50, "pages were seen"
