"""Accounts: for admins all of them; for everybody their own password and sessions."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError, InputError
from serving.admin.access import moment, require
from serving.admin.errors import status_of
from serving.admin.pages import page, redirect
from serving.admin.parts import parts
from storage.accounts import (
    ROLES,
    clean_name,
    create_account,
    get_account,
    list_accounts,
    set_disabled,
    set_password,
    set_role,
    verify_password,
)
from storage.admin_sessions import close_other_sessions, count_sessions
from storage.login_attempts import admit, forgive

GENERATED_BYTES = 15


@require("admin")
def overview(request: Request) -> Response:
    """All accounts, and making one."""
    return _overview(request)


@require("admin")
def create(request: Request) -> Response:
    """Make an account; its password is made here, and shown this once."""
    form = request.state.form
    name, role = str(form.get("name") or ""), str(form.get("role") or "")
    password = secrets.token_urlsafe(GENERATED_BYTES)
    try:
        made = create_account(parts(request).engine, name=name, role=role, password=password, at=moment())
    except InputError as error:
        return _overview(request, problem=error, given=(name, role), status=status_of(error))
    return _overview(request, shown=(made.name, password))


@require("admin")
def change(request: Request) -> Response:
    """Another role, disable, enable, or a new password."""
    engine, name = parts(request).engine, request.path_params["name"]
    form = request.state.form
    what = str(form.get("what"))
    try:
        if what == "password":
            password = secrets.token_urlsafe(GENERATED_BYTES)
            set_password(engine, name, password)
            return _overview(request, shown=(name, password))
        said = _changed(request, name, what, str(form.get("role") or ""))
    except InputError as error:
        return _overview(request, problem=error, status=status_of(error))
    return redirect("/accounts", said)


@require("viewer")
def own(request: Request) -> Response:
    """One's own account."""
    return _own(request)


@require("viewer")
def own_password(request: Request) -> Response:
    """Change one's own password; the other sessions end."""
    form, engine = request.state.form, parts(request).engine
    now, new, again = (str(form.get(field) or "") for field in ("now", "new", "again"))
    name = request.state.user.name
    try:
        _check_own(request, name, now)
        if new != again:
            raise InputError("The two new passwords differ.")
        set_password(engine, name, new, keep_session=request.state.session.token_hash)
    except AssayError as error:
        return _own(request, problem=error, status=status_of(error))
    return redirect("/account", "Your password is changed, and your other sessions have ended.")


@require("viewer")
def end_others(request: Request) -> Response:
    """Log out everywhere but here."""
    close_other_sessions(parts(request).engine, request.state.session)
    return redirect("/account", "Your other sessions have ended.")


def _check_own(request: Request, name: str, password: str) -> None:
    """Guessing the present password from an open session waits as a login does, by a count of its own."""
    engine = parts(request).engine
    key = f"session {request.state.session.token_hash}"
    if wait := admit(engine, name=key, address=key, at=moment()):
        seconds = max(1, round(wait.total_seconds()))
        raise InputError(f"There were too many wrong passwords. Try again in {seconds} s.")
    if verify_password(engine, name, password) is None:
        raise InputError("The present password is wrong.")
    forgive(engine, name=key)


def _changed(request: Request, name: str, what: str, role: str) -> str:
    engine = parts(request).engine
    if what == "role":
        changed = set_role(engine, name, role)
        return f"'{changed.name}' is now {changed.role}."
    if what in ("disable", "enable"):
        changed = set_disabled(engine, name, what == "disable")
        return f"'{changed.name}' is {'disabled' if changed.disabled else 'enabled'}."
    raise InputError("Nothing was asked for.")


def _overview(
    request: Request,
    *,
    problem: AssayError | None = None,
    given: tuple[str, str] = ("", "verifier"),
    shown: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        "accounts.html",
        status=status,
        accounts=list_accounts(parts(request).engine),
        roles=ROLES,
        problem=problem,
        given=(clean_name(given[0]), given[1]),
        shown=shown,
    )


def _own(request: Request, *, problem: AssayError | None = None, status: int = 200) -> Response:
    engine, name = parts(request).engine, request.state.user.name
    account = get_account(engine, name)
    return page(
        request,
        "account.html",
        status=status,
        account=account,
        sessions=count_sessions(engine, account, at=moment()),
        problem=problem,
    )


ROUTES = [
    Route("/accounts", overview),
    Route("/accounts", create, methods=["POST"]),
    Route("/accounts/{name}", change, methods=["POST"]),
    Route("/account", own),
    Route("/account/password", own_password, methods=["POST"]),
    Route("/account/sessions", end_others, methods=["POST"]),
]
