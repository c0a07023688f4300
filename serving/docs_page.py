"""The documentation page: Swagger UI from files inside BentoML; nothing is fetched elsewhere."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from serving.http import Request, Response
from serving.problems import Problem
from serving.security import PAGE_HEADERS

_PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="swagger-ui"><p>This page needs JavaScript; the same document is at
<a href="openapi.json">openapi.json</a>.</p></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
#: ``validatorUrl: null``: else the page asks a third party to judge the document.
_START = b"""window.onload = () => SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", validatorUrl: null, deepLinking: true, tryItOutEnabled: true,
});
"""
_TYPES = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8"}


async def docs_page(request: Request) -> Response:
    """The page itself. Its links are relative, so that it works below any prefix, and for one address only."""
    if request.scope["path"].endswith("/"):
        return Response(b"", 308, headers=((b"location", b"../docs"),))
    return Response(_PAGE, content_type=b"text/html; charset=utf-8", headers=PAGE_HEADERS)


async def docs_asset(request: Request) -> Response:
    """One of its files."""
    name = str(request.scope["path"]).rstrip("/").rsplit("/", 1)[-1]
    body = _START if name == "start.js" else _bundled(name)
    return Response(body, content_type=_TYPES[name.rsplit(".", 1)[-1]])


@lru_cache(maxsize=2)
def _bundled(name: str) -> bytes:
    found = find_spec("bentoml")  # which imports nothing: the gateway has no other use for it
    folder = Path(found.origin).parent if found and found.origin else Path()
    try:
        return (folder / "_internal" / "server" / "static_content" / name).read_bytes()
    except FileNotFoundError:
        raise Problem(
            404, f"The installed BentoML does not bring {name}; read /openapi.json instead."
        ) from None
