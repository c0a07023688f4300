"""Logging in and out, and the theme."""

from __future__ import annotations

from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from serving.admin.access import (
    SAFE,
    address_of,
    browser_cookie,
    check_origin,
    cookie_name,
    current_session,
    drop_session,
    local_path,
    moment,
    read_form,
    remember_browser,
    require,
    set_session,
)
from serving.admin.formats import duration
from serving.admin.pages import THEMES, page, redirect
from serving.admin.parts import parts, settings
from storage.accounts import clean_name, list_accounts, verify_password
from storage.admin_sessions import close_session, open_session
from storage.known_browsers import known_browser, sign_browser
from storage.login_attempts import admit, forgive

LONGEST_NAME = 64
THEME_SECONDS = 365 * 86400


async def login(request: Request) -> Response:
    """The form, and what comes of it."""
    if request.method in SAFE:
        return await run_in_threadpool(_form, request)
    check_origin(request)
    form = await read_form(request)
    name, password = (str(form.get(field) or "") for field in ("name", "password"))
    return await run_in_threadpool(_log_in, request, name, password, local_path(str(form.get("next") or "/")))


def _form(request: Request) -> Response:
    target = local_path(request.query_params.get("next"))
    if current_session(request) is not None:
        return RedirectResponse(target, 303)
    nobody = not list_accounts(parts(request).engine)
    return page(request, "login.html", target=target, name="", problem=None, nobody=nobody)


def _log_in(request: Request, name: str, password: str, target: str) -> Response:
    engine, now = parts(request).engine, moment()
    name = clean_name(name)[:LONGEST_NAME]
    kept = request.cookies.get(browser_cookie(settings(request)))
    browser = known_browser(engine, name, kept)
    # no account's name has a space, and no address
    key, address = (f"browser {browser}",) * 2 if browser else (name, address_of(request))
    wait = admit(engine, name=key, address=address, at=now)
    if wait:
        return _refused(request, name, target, 429, _too_many(wait), wait)
    account = verify_password(engine, name, password)
    if account is None:
        return _refused(request, name, target, 401, "Name or password is wrong.")
    forgive(engine, name=key)
    if old := request.cookies.get(cookie_name(settings(request))):
        close_session(engine, old)
    token = open_session(engine, account, at=now, hours=settings(request).admin_session_hours)
    response = RedirectResponse(target, 303)
    set_session(response, settings(request), token)
    if not browser:
        remember_browser(response, settings(request), sign_browser(engine, account.name))
    return response


def _too_many(wait: timedelta) -> str:
    return f"There were too many failed logins. Try again in {duration(max(1, wait.total_seconds()))}."


def _refused(
    request: Request, name: str, target: str, status: int, problem: str, wait: timedelta | None = None
) -> Response:
    headers = {"retry-after": str(int(wait.total_seconds()) + 1)} if wait else {}
    return page(
        request, "login.html", status=status, headers=headers, target=target, name=name, problem=problem,
        nobody=False,
    )  # fmt: skip


@require("viewer")
def logout(request: Request) -> Response:
    """End the session."""
    close_session(parts(request).engine, request.cookies[cookie_name(settings(request))])
    response = redirect("/login", "You are logged out.")
    drop_session(response, settings(request))
    return response


async def theme(request: Request) -> Response:
    """Remember the theme; also before the login, and without a script."""
    check_origin(request)
    form = await read_form(request)
    chosen = str(form.get("theme"))
    response = RedirectResponse(local_path(str(form.get("next") or "/")), 303)
    if chosen in THEMES:
        response.set_cookie("assay_theme", chosen, max_age=THEME_SECONDS, path="/", samesite="strict")
    return response


ROUTES = [
    Route("/login", login, methods=["GET", "POST"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/theme", theme, methods=["POST"]),
]
