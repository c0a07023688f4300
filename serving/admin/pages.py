"""Rendering: templates with the layout, and the navigation of the user's role."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.admin import formats, markdown
from serving.admin.access import moment

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("auto", "light", "dark")
#: kind of a notice -> its heading for those who do not see colours
NOTICES = {"good": "Done", "bad": "Problem", "info": "Note"}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formats.FILTERS)
    environment.filters["inline"] = markdown.inline
    return environment


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """``template`` with the layout. It finds ``user`` (or None), ``csrf``, ``can(role)``, ``asset(file)``,
    ``nav``, ``here`` (the path) and ``theme`` beside ``context``.
    """
    user = getattr(request.state, "user", None)
    session = getattr(request.state, "session", None)
    theme, notice = request.cookies.get("assay_theme", "auto"), _notice(request)
    text = (
        _templates()
        .get_template(template)
        .render(
            request=request,
            user=user,
            csrf=session.csrf if session else "",
            can=lambda role: user is not None and user.may(role),
            asset=request.app.state.static.url,
            nav=[entry for entry in request.app.state.nav if user is not None and user.may(entry.role)],
            here=request.url.path,
            theme=theme if theme in THEMES else "auto",
            notice=notice,
            now=moment(),
            **context,
        )
    )
    response = HTMLResponse(text, status, headers=dict(headers or {}))
    if notice:
        response.delete_cookie("assay_said", path="/", httponly=True, samesite="strict")
    return response


def redirect(target: str, said: str | None = None, kind: str = "good") -> Response:
    """On to ``target`` after a POST; ``said`` is shown there once, as a notice."""
    from urllib.parse import quote

    response = RedirectResponse(target, 303)
    if said:
        response.set_cookie(
            "assay_said", quote(f"{kind}:{said}"), max_age=60, path="/", httponly=True, samesite="strict"
        )
    return response


def _notice(request: Request) -> tuple[str, str, str] | None:
    """(kind, its name, sentence) left by :func:`redirect` for the page that comes after it."""
    from urllib.parse import unquote

    kind, _, said = unquote(request.cookies.get("assay_said", "")).partition(":")
    return (kind, NOTICES[kind], said) if said and kind in NOTICES else None
