"""What a client is told when a request cannot be answered: a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson

CONTENT_TYPE = b"application/problem+json"
#: A request with thousands of faults is told about the first ones.
MAX_ERRORS = 20


@dataclass(frozen=True)
class FieldError:
    """One fault: the field by its path (``videos[3].likes``) and a sentence."""

    field: str
    message: str


class Problem(Exception):
    """Raised by a handler to answer with a problem document; never logged as an error of ours.

    Args:
        more: further members of the document (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors[:MAX_ERRORS])
        self.headers = tuple(headers)
        self.more = dict(more or {})

    def body(self) -> bytes:
        """The document as JSON."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        if self.errors:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return orjson.dumps(document)


def invalid_fields(errors: Sequence[FieldError]) -> Problem:
    """422 out of one or more faulty fields; the detail names the first."""
    first, more = errors[0], len(errors) - 1
    rest = f" There are {more} more faults." if more > 1 else " There is one more fault." if more else ""
    return Problem(422, first.message + rest, errors)


def internal_error() -> Problem:
    """500 without any internals; the log has them."""
    return Problem(500, "The service failed to answer; the fault is logged.")
