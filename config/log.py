"""Logging, set up once by each process that owns one (the CLI, a service, a flow run)."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

#: Of the request that is being answered; what it does in other tasks and by ``asyncio.to_thread`` has it too.
_REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


def request_id() -> str | None:
    """The id of the request that is being answered here."""
    return _REQUEST_ID.get()


def set_request_id(identity: str | None) -> None:
    """Say which request is being answered from here on, in this task."""
    _REQUEST_ID.set(identity)


class TextFormatter(logging.Formatter):
    """A line for people; within a request it ends with the request's id."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without its exception."""
        identity = _REQUEST_ID.get()
        return super().formatMessage(record) + (f" [{identity}]" if identity else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, the request's id within a request, and
    whatever was passed as ``extra``.
    """

    _standard = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """Render ``record``."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := _REQUEST_ID.get():
            entry["request_id"] = identity
        entry.update({key: value for key, value in record.__dict__.items() if key not in self._standard})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(level: str = "INFO", style: Literal["text", "json"] = "text") -> None:
    """Send the root logger to standard error in ``style``. Calling it again replaces the earlier set-up."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
