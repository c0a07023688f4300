"""What is going on here: the request that is being answered and the trace that it is part of.

What a request does in other tasks and by ``asyncio.to_thread`` has it too; a pool's threads have it by
:func:`serving.threads.in_pool`.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

_REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
#: W3C Trace Context: version, trace id, span id and flags, as the header has them.
_TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)


def request_id() -> str | None:
    """The id of the request that is being answered here."""
    return _REQUEST_ID.get()


def set_request_id(identity: str | None) -> None:
    """Say which request is being answered from here on, in this task."""
    _REQUEST_ID.set(identity)


def set_traceparent(value: str) -> Token[str | None]:
    """Say which span is open from here on, in this task; :func:`reset_traceparent` takes what this gives."""
    return _TRACEPARENT.set(value)


def reset_traceparent(token: Token[str | None]) -> None:
    """Say that the span is open no more."""
    _TRACEPARENT.reset(token)


def trace_id() -> str | None:
    """The id of the trace that is going on here."""
    parent = _TRACEPARENT.get()
    return parent.split("-")[1] if parent else None


def passed_on() -> dict[str, str]:
    """Headers by which whoever is asked from here knows what the question is part of."""
    identity, parent = _REQUEST_ID.get(), _TRACEPARENT.get()
    headers = {"x-request-id": identity} if identity else {}
    if parent is not None:
        headers["traceparent"] = parent
    return headers
