"""What every answer of the admin pages carries, whatever the address and whatever is away."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.settings import load_settings
from local.ports import free_port
from serving.admin.app import admin_application
from serving.admin.headers import HEADERS, POLICY

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    """The pages with nothing behind them: no database, no MLflow, no Prefect."""
    gone = free_port()
    home = tmp_path_factory.mktemp("home")
    made = admin_application(
        load_settings(
            assay_home=home,
            db_host="127.0.0.1",
            db_port=gone,
            db_password="x",
            prefect_port=gone,
            mlflow_port=gone,
            max_body_bytes=2048,
            admin_user="ada",
            admin_password="correct horse",
        )
    )

    def broken(_: Request) -> Response:
        raise ZeroDivisionError("a secret in the message")

    made.router.routes.append(Route("/broken", broken))
    return made


class Client:
    """Asks the application itself: no server, no port."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://pages") as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)


@pytest.fixture(scope="module")
def client(app: Starlette) -> Client:
    return Client(app)


def addresses(app: Starlette) -> list[tuple[str, str]]:
    """(method, address) of every route there is."""
    examples = {
        "family": "viral", "stage": "full", "period": "2026-10", "version": "1", "name": "ana",
        "number:int": "1", "id:uuid": "6f2f3c1e-0000-4000-8000-000000000000", "deployment": "collect-daily",
    }  # fmt: skip
    found = []
    for route in app.routes:
        assert isinstance(route, Route)
        path = re.sub(r"{([\w:]+)}", lambda match: examples.get(match[1], "1"), route.path)
        found += [(method, path) for method in sorted(route.methods or ())]
    return found


def test_every_route_answers_with_the_whole_policy(app: Starlette, client: Client) -> None:
    asked = [*addresses(app), ("GET", "/nowhere"), ("GET", "/broken"), ("DELETE", "/login")]
    assert len(asked) > 40
    for method, path in asked:
        for accept in ("text/html", "application/json"):
            answer = client.request(method, path, headers={"accept": accept, "cookie": "assay_admin=none"})
            for name, value in HEADERS.items():
                assert answer.headers.get(name) == value, f"{method} {path}: {name}"
            assert answer.headers["cache-control"] == "no-store", f"{method} {path}"


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    parts = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert parts.pop("default-src") == parts.pop("base-uri") == parts.pop("frame-ancestors") == "'none'"
    assert set(" ".join(parts.values()).split()) == {"'self'", "data:"}
    assert parts["img-src"].split() == ["'self'", "data:"]


def test_without_a_database_a_page_says_in_one_sentence_what_is_away(client: Client) -> None:
    answer = client.get("/", headers={**HTML, "cookie": "assay_admin=none"})
    assert answer.status_code == 503
    assert "PostgreSQL at 127.0.0.1" in answer.text
    assert "Traceback" not in answer.text
    assert client.get("/health", headers=HTML).status_code == 503


def test_a_fault_is_told_without_its_insides(client: Client) -> None:
    answer = client.get("/broken", headers=HTML)
    assert answer.status_code == 500
    assert "the fault is in the log" in answer.text
    assert "a secret in the message" not in answer.text


def test_a_body_past_the_limit_is_refused(client: Client) -> None:
    assert client.request("POST", "/login", data={"name": "x" * 3000}, headers=HTML).status_code == 413


def test_static_files_are_kept_for_a_year_under_an_address_of_their_content(client: Client) -> None:
    page = client.get("/nowhere", headers=HTML).text
    address = re.search(r'href="(/static/\w+/app\.css)"', page)
    assert address is not None
    answer = client.get(address[1])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")
    assert client.get("/static/0123456789abcdef/app.css").status_code == 404
    assert client.get(address[1].replace("app.css", "..%2Fapp.py")).status_code == 404


def test_no_template_needs_what_the_policy_forbids() -> None:
    folder = Path("serving/admin/templates")
    for template in folder.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"\sstyle=", text), template
        assert not re.search(r"\son\w+=", text), template
        assert not re.search(r"<script(?![^>]*(\ssrc=|application/json))", text), template
        assert not re.search(r'(src|href)="(https?:)?//', text), template


def test_a_page_that_is_not_there_leads_nowhere_else(client: Client) -> None:
    told = client.request("GET", "http://pages//evil.example/x", headers=HTML)
    assert told.status_code == 404
    assert 'href="//evil.example' not in told.text
    assert "Try again" not in client.get("/nowhere?day=2026-11-20&x=1", headers=HTML).text
