"""Logging, set up once by each process that owns one (the CLI, a service, a flow run)."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from config.context import request_id, trace_id

#: Tells what else a line belongs to, such as the ids of a flow run. Asked in the thread that logs.
Context = Callable[[], Mapping[str, str]]


class TextFormatter(logging.Formatter):
    """A line for people; within a request it ends with the request's id."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without its exception."""
        identity = request_id()
        return super().formatMessage(record) + (f" [{identity}]" if identity else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, service, logger, message, within a request its id and that of
    its trace, what ``context`` tells, and whatever was passed as ``extra``.
    """

    _standard = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def __init__(self, service: str = "", context: Context | None = None) -> None:
        super().__init__()
        self._service = service
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """Render ``record``."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._service:
            entry["service"] = self._service
        if identity := request_id():
            entry["request_id"] = identity
        if trace := trace_id():
            entry["trace_id"] = trace
        if self._context is not None:
            entry.update(self._context())
        entry.update({key: value for key, value in record.__dict__.items() if key not in self._standard})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(
    level: str = "INFO",
    style: Literal["text", "json"] = "text",
    service: str = "",
    context: Context | None = None,
) -> None:
    """Send the root logger to standard error in ``style``. Calling it again replaces the earlier set-up.

    Args:
        level: least level of a line.
        style: of the lines.
        service: names this process in lines of JSON.
        context: adds to lines of JSON.
    """
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonFormatter(service, context))
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
