"""What a person is shown when a page cannot be: one sentence that says what is wrong, and what to do."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from config import errors
from serving.admin.access import SAFE, current_session, local_path
from serving.admin.headers import secure
from serving.admin.pages import page

#: What the sentence is headed by.
HEADINGS = {
    400: "That was not understood", 401: "Please log in", 403: "Not for you", 404: "Not here",
    405: "Not that way", 409: "Not as things stand", 410: "No longer there", 413: "Too large",
    422: "That does not fit", 429: "Too many tries",
    500: "Something broke", 503: "A part of the platform is away",
}  # fmt: skip
#: The same request has the same answer.
FINAL = (403, 404, 405, 410)
#: The first that an error is an instance of.
STATUS: tuple[tuple[type[errors.AssayError], int], ...] = (
    (errors.ObjectNotFound, 404),
    (errors.VersionNotFound, 404),
    (errors.ModelNotFound, 404),
    (errors.VersionErased, 410),
    (errors.VersionRetired, 410),
    (errors.ExperimentNotFound, 404),
    (errors.ExperimentConflict, 409),
    (errors.FlagConflict, 409),
    (errors.InputError, 422),
    (errors.GateFailed, 409),
    (errors.ModelInvalid, 409),
    (errors.DatabaseUnavailable, 503),
    (errors.StoreUnavailable, 503),
    (errors.RegistryUnavailable, 503),
    (errors.RegistryError, 409),
    (errors.FlowUnavailable, 503),
    (errors.FlowError, 422),
    (errors.AssayError, 500),
)


def status_of(error: errors.AssayError) -> int:
    """The status that goes with ``error``."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def http_error(request: Request, error: Exception) -> Response:
    """404, 403 and their like."""
    told = cast("HTTPException", error)
    _know_user(request)
    return _shown(request, told.status_code, told.detail, None, dict(told.headers or {}))


def assay_error(request: Request, error: Exception) -> Response:
    """An error of ours."""
    told = cast("errors.AssayError", error)
    return _shown(request, status_of(told), told.message, told.hint)


def fault(request: Request, _error: Exception) -> Response:
    """What nobody foresaw: the log has it, the page does not."""
    response = _shown(request, 500, "This page could not be made; the fault is in the log.", None)
    secure(response.headers)  # this answer passes by the middleware
    return response


def _know_user(request: Request) -> None:
    """Outside a page of ours nobody has asked yet who this is; the navigation wants to know."""
    if hasattr(request.state, "user"):
        return
    with contextlib.suppress(errors.AssayError):
        session = current_session(request)
        if session is not None:
            request.state.user, request.state.session = session.account, session


def _shown(
    request: Request, status: int, sentence: str, hint: str | None, headers: dict[str, str] | None = None
) -> Response:
    sentence = sentence.encode(errors="replace").decode()  # it may quote half of a surrogate pair
    if sentence == HTTPStatus(status).phrase:
        sentence = "There is no page at this address." if status == 404 else f"{sentence}."
    if "text/html" not in request.headers.get("accept", ""):
        body = {"status": status, "detail": sentence, **({"hint": hint} if hint else {})}
        return JSONResponse(body, status, headers=headers)
    heading = HEADINGS.get(status, HTTPStatus(status).phrase)
    again = local_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
    return page(
        request,
        "error.html",
        status=status,
        headers=headers,
        heading=heading,
        sentence=sentence,
        hint=hint,
        again=again if request.method in SAFE and status not in FINAL else None,
    )


HANDLERS = {HTTPException: http_error, errors.AssayError: assay_error, Exception: fault}
