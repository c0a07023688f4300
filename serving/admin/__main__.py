"""``python -m serving.admin``: the admin pages in a process of their own."""

from __future__ import annotations

import logging
import sys

import uvicorn

from config.errors import AssayError
from config.log import configure_logging
from config.settings import apply_tool_environment, load_settings
from serving.admin.app import admin_application

GRACE_SECONDS = 2


def main() -> int:
    """Serve until told to stop; gives the exit status."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, "admin")
        apply_tool_environment(settings)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        admin_application(settings),
        host=settings.bind_host,
        port=settings.admin_port,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
