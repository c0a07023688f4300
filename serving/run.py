"""``python -m serving.run viral``: becomes the BentoML server of that family's service.

What BentoML and uvicorn keep goes below ASSAY_HOME, telemetry is off, SIGTERM ends it within seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from config.errors import AssayError, InputError
from config.settings import Settings, get_settings, tool_environment

#: family -> the Bento service that answers for it.
SERVICES = {
    "viral": "serving.viral:ViralService",
    "ctr": "serving.ctr:CtrBentoService",
    "recommendation": "serving.recommendation:RecommendationBentoService",
    "face": "serving.face:FaceService",
    "content": "serving.content:ContentBentoService",
}
GRACE_SECONDS = 2
KEEP_ALIVE_SECONDS = 75
MMAP_BYTES = 4 * 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent


def service_command(family: str, settings: Settings) -> list[str]:
    """The command that serves ``family``.

    Raises:
        InputError: there is no service for that family.
    """
    if family not in SERVICES:
        raise InputError(f"There is no service '{family}'.", hint=f"Services: {', '.join(SERVICES)}.")
    return [
        sys.executable, "-m", "serving.bento_server", "serve", SERVICES[family],
        "--host", settings.bind_host,
        "--port", str(settings.service_port(family)),
        "--working-dir", str(ROOT),
        "--timeout-graceful-shutdown", str(GRACE_SECONDS),
        "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS),
        "--do-not-track",
        "--quiet",
    ]  # fmt: skip


def service_environment(family: str, settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """``base`` with what the server needs. Makes the folders that it names."""
    home = settings.home / "services" / family / "bentoml"
    scratch = home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    inherited = base.get("PYTHONPATH")
    return {
        **base,
        **tool_environment(settings),
        "BENTOML_HOME": str(home),
        "BENTOML_CONFIG_OPTIONS": f"services.{family}.workers={settings.service_workers}",
        "TMPDIR": str(scratch),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{inherited}" if inherited else str(ROOT),
        # One prediction has no use for threads, and a batch of 100 loses more to starting them than it gains.
        "OMP_NUM_THREADS": base.get("OMP_NUM_THREADS", "1"),
        # glibc: what one large photo took goes back to the system, and not into a heap that stays as large.
        "MALLOC_MMAP_THRESHOLD_": base.get("MALLOC_MMAP_THRESHOLD_", str(MMAP_BYTES)),
    }


def main(arguments: list[str]) -> None:
    """Replace this process by the server; exits with 2 and a sentence when that cannot be."""
    if len(arguments) != 1:
        sys.stderr.write(f"Usage: python -m serving.run {{{'|'.join(SERVICES)}}}\n")
        sys.exit(2)
    try:
        settings = get_settings()
        command = service_command(arguments[0], settings)
        environment = service_environment(arguments[0], settings, os.environ)
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter, arguments of our own


if __name__ == "__main__":
    main(sys.argv[1:])
