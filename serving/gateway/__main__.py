"""``python -m serving.gateway``: the gateway under uvicorn, on settings.gateway_port.

It has no model, so that BentoML has nothing to add. With several workers each counts for itself, and the
figures of all are added up.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import warnings

from config.errors import AssayError
from config.log import configure_logging
from config.settings import Settings, apply_tool_environment, load_settings

GRACE_SECONDS = 2
KEEP_ALIVE_SECONDS = 75


def make() -> object:
    """The application of one worker."""
    from jwt import InsecureKeyLengthWarning

    from serving.gateway.app import Gateway
    from serving.runtime import GC_THRESHOLD, configure_service_logging

    settings = load_settings()
    configure_service_logging(settings, "gateway")
    warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)  # /health tells of it
    made = Gateway(settings)
    # What is loaded stays: out of the collector's sight. Requests leave no cycles: it need not look often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    return made


def main() -> int:
    """Serve until told to stop; gives the exit status."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, "gateway")
        apply_tool_environment(settings)
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if settings.service_workers > 1:
        _share_figures(settings)
    import uvicorn

    uvicorn.run(
        "serving.gateway.__main__:make",
        factory=True,
        host=settings.bind_host,
        port=settings.gateway_port,
        workers=settings.service_workers,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return 0


def _share_figures(settings: Settings) -> None:
    """Workers keep their figures in files of one folder, which is new at each start."""
    folder = settings.home / "services" / "gateway" / "figures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


if __name__ == "__main__":
    raise SystemExit(main())
