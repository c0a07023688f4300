"""Paths with parameters, beside exact ones."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from config.settings import load_settings
from serving.application import Application, Route
from serving.http import Request, Response
from serving.metrics import ServiceMetrics
from serving.security import ApiKey


async def echo(request: Request) -> Response:
    words = sorted(f"{name}={value}" for name, value in request.parameters.items())
    return Response(",".join(words).encode(), content_type=b"text/plain")


async def whole(_: Request) -> Response:
    return Response(b"exact", content_type=b"text/plain")


def make() -> Application:
    routes = [
        Route("/things", "GET", whole),
        Route("/things/{id}", "GET", echo),
        Route("/things/{id}", "PUT", echo),
        Route("/things/special", "GET", whole),
        Route("/things/{id}/parts/{part}", "POST", echo),
    ]
    return Application(routes, ApiKey(load_settings()), ServiceMetrics("test"))


def ask(method: str, path: str, application: Application | None = None) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=application or make())
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/things", "exact"),
        ("/things/", "exact"),
        ("/things/special", "exact"),
        ("/things/7", "id=7"),
        ("/things/7/", "id=7"),
        ("/things/a%20b", "id=a b"),
        ("/things/%7Bid%7D", "id={id}"),
    ],
)
def test_a_path_finds_its_handler_and_its_parameters(path: str, text: str) -> None:
    assert ask("GET", path).text == text


def test_several_parameters_and_other_methods_work_alike() -> None:
    assert ask("POST", "/things/7/parts/x").text == "id=7,part=x"
    assert ask("PUT", "/things/7").text == "id=7"
    refused = ask("POST", "/things/7")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PUT")


@pytest.mark.parametrize("path", ["/things//parts/x", "/things/7/parts", "/things/7/parts/x/y", "/other/7"])
def test_what_fits_no_path_is_not_found(path: str) -> None:
    assert ask("GET", path).status_code == 404


def test_metrics_name_the_template_and_not_each_path() -> None:
    application = make()
    for number in range(3):
        ask("GET", f"/things/{number}", application)
    text = application._metrics.render().decode()
    assert 'assay_requests_total{path="/things/{id}",service="test",status="200"} 3.0' in text
    assert "/things/1" not in text
