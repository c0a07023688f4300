"""Checks of the machine: Python, the installed packages, the disk."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from config.settings import Settings
from local.environment import PROJECT
from local.findings import Finding
from local.preflight import MEGABYTE, MIN_FREE_BYTES

_COMFORTABLE_BYTES = 5 * 1024 * MEGABYTE
_TRIED = "3.11."
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


def python(_: Settings) -> Iterator[Finding]:
    """The version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if version.startswith(_TRIED):
        yield Finding("python", "ok", f"{version} in {sys.prefix}")
    else:
        yield Finding(
            "python", "warning", f"Python {version}: Assay is tried on {_TRIED}x.", "Use Python 3.11."
        )


def packages(_: Settings, lock: Path = PROJECT / "requirements.lock") -> Iterator[Finding]:
    """Whether what is installed is what the lock says."""
    if not lock.exists():
        yield Finding("packages", "warning", f"{lock.name} is not here, so versions cannot be compared.")
        return
    drift = list(_drift(lock.read_text()))
    if drift:
        shown = ", ".join(drift[:5]) + (f" and {len(drift) - 5} more" if len(drift) > 5 else "")
        yield Finding("packages", "warning", f"Not as in {lock.name}: {shown}.", "Run `make install`.")
    else:
        yield Finding("packages", "ok", f"as in {lock.name}")


def _drift(lock: str) -> Iterator[str]:
    for name, wanted in _PIN.findall(lock):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield f"{name} is missing"
            continue
        if found != wanted:
            yield f"{name} is {found}, not {wanted}"


def disk(settings: Settings) -> Iterator[Finding]:
    """Room on the disk of ASSAY_HOME."""
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    detail = f"{free // MEGABYTE:,} MB free at {folder}"
    hint = "Free some space, or set ASSAY_HOME to a folder on another disk."
    if free < MIN_FREE_BYTES:
        yield Finding("disk", "error", detail, hint)
    elif free < _COMFORTABLE_BYTES:
        yield Finding("disk", "warning", detail, hint)
    else:
        yield Finding("disk", "ok", detail)
