"""The supervisor's process: ``python -m local.run``. `assay up --detach` starts it in a session of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from config.errors import AssayError
from config.settings import Settings, load_settings
from local.console import Console
from local.parts import Part
from local.plan import plan
from local.preflight import check_home
from local.secrets import ensure_secrets, with_secrets
from local.state import RunFolder
from local.supervisor import Supervisor

Plan = Callable[[Settings], tuple[Part, ...]]


def supervise(settings: Settings, *, lines: bool = True, planned: Plan = plan) -> None:
    """Run the platform in this process until a signal stops it; ``lines``: the parts' output on the console.

    Raises:
        PlatformError: it is running already, or cannot come up.
    """
    check_home(settings.home)
    RunFolder(settings.home).lock().close()  # a second `up` says so before it touches anything
    ensure_secrets(settings.home)
    settings = with_secrets(settings)
    parts = planned(settings)
    console = Console(sys.stdout, [part.name for part in parts], lines=lines)
    console.say(f"starting in {settings.home}")
    asyncio.run(Supervisor(parts, settings.home, console).run())
    console.say("stopped")


def main(planned: Plan = plan) -> int:
    """Run until stopped; one sentence and exit code 2 when that cannot be."""
    try:
        supervise(load_settings(), lines=False, planned=planned)
    except AssayError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - this is its log
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
