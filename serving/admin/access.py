"""Who asks, and whether they may: the session cookie, roles, and protection against forged requests."""

from __future__ import annotations

import functools
import hmac
import inspect
import ipaddress
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from config.settings import Settings
from serving.admin.parts import parts, settings
from storage.admin_sessions import Session, find_session

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BROWSER_SECONDS = 365 * 86_400
Endpoint = Callable[[Request], Any]

#: The browser sends no SameSite=Strict cookie along a link from elsewhere; asked again by this page, it does.
_AGAIN = '<!doctype html><meta http-equiv="refresh" content="0"><title>Assay</title>'


def require(role: str) -> Callable[[Endpoint], Callable[[Request], Awaitable[Response]]]:
    """An endpoint for those who are logged in and may do what ``role`` may.

    The endpoint may be a coroutine, or a plain function, which then runs in a thread. It finds
    ``request.state.user`` (an :class:`storage.accounts.Account`) and, for a request that changes something,
    ``request.state.form`` or ``request.state.json``, whichever was sent. Such a request must carry the
    session's token, in the header ``X-CSRF-Token`` or the form field ``csrf``.
    """

    def decorate(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        waits = inspect.iscoroutinefunction(endpoint)

        @functools.wraps(endpoint)
        async def guarded(request: Request) -> Response:
            session = await run_in_threadpool(current_session, request)
            if session is None:
                return _ask_to_log_in(request)
            request.state.user, request.state.session = session.account, session
            if request.method not in SAFE:
                check_origin(request)
                await _read_body(request)
                _check_token(request, session)
            if not session.account.may(role):
                raise HTTPException(403, f"This is for the role {role}; yours is {session.account.role}.")
            answer: Response = await (endpoint(request) if waits else run_in_threadpool(endpoint, request))
            return answer

        return guarded

    return decorate


def moment() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def cookie_name(of: Settings) -> str:
    """Name of the session cookie; with the prefix, a browser takes it over HTTPS from this very host only."""
    return "__Host-assay" if of.admin_cookie_secure else "assay_admin"


def current_session(request: Request) -> Session | None:
    """The session of the request's cookie, if it is good. Blocks."""
    token = request.cookies.get(cookie_name(settings(request)))
    return find_session(parts(request).engine, token, at=moment()) if token else None


def set_session(response: Response, of: Settings, token: str) -> None:
    """Put a session's token into the browser."""
    response.set_cookie(
        cookie_name(of), token, max_age=int(of.admin_session_hours * 3600), path="/",
        secure=of.admin_cookie_secure, httponly=True, samesite="strict",
    )  # fmt: skip


def drop_session(response: Response, of: Settings) -> None:
    """Take it out of the browser."""
    response.delete_cookie(
        cookie_name(of), path="/", secure=of.admin_cookie_secure, httponly=True, samesite="strict"
    )


def remember_browser(response: Response, of: Settings, signed: str | None) -> None:
    """Let the browser keep that somebody has logged in with it (storage/known_browsers.py)."""
    if signed:
        response.set_cookie(
            browser_cookie(of), signed, max_age=_BROWSER_SECONDS, path="/",
            secure=of.admin_cookie_secure, httponly=True, samesite="strict",
        )  # fmt: skip


def browser_cookie(of: Settings) -> str:
    """Name of the cookie by which a browser is known."""
    return f"{cookie_name(of)}_known"


def address_of(request: Request) -> str:
    """Where a request comes from: of IPv6 the network, because a visitor has all addresses of one."""
    host = request.client.host if request.client else ""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped:
        return str(getattr(found, "ipv4_mapped", found))
    return str(ipaddress.ip_network((found.packed, 64), strict=False))


def check_origin(request: Request) -> None:
    """Raise 403 where the browser says that another site sent this request."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if foreign or site not in (None, "same-origin", "none"):
        raise HTTPException(403, "The request came from another site, so nothing was done.")


def local_path(target: str | None) -> str:
    """``target`` where it is a path of ours, else the first page: a login must not lead elsewhere."""
    fits = target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if target and fits and not target.startswith("/login") else "/"


async def read_form(request: Request) -> FormData:
    """The form that was sent, or an empty one. Raises 400 for a text that the database could not keep."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = await request.form() if kind in FORMS else FormData()
    if any("\0" in value for _, value in form.multi_items() if isinstance(value, str)):
        raise HTTPException(400, "A field holds the character NUL, which no text may have.")
    return form


async def _read_body(request: Request) -> None:
    request.state.form, request.state.json = await read_form(request), None
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            request.state.json = await request.json()
        except (ValueError, RecursionError):  # the latter: nested a thousand deep
            raise HTTPException(400, "The body is not JSON.") from None


def _check_token(request: Request, session: Session) -> None:
    given = request.headers.get("x-csrf-token") or request.state.form.get("csrf") or ""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise HTTPException(403, "This page was opened before your last login. Reload it and try again.")


def _ask_to_log_in(request: Request) -> Response:
    page = request.method in SAFE and "text/html" in request.headers.get("accept", "")
    if not page:
        raise HTTPException(401, "Your session has ended. Log in again.")
    if request.headers.get("sec-fetch-site") == "cross-site" and not request.cookies:
        return HTMLResponse(_AGAIN)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='/')}" if here != "/" else "/login", 303)
