"""The environment of the processes that the platform starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.settings import Settings, tool_environment

#: Marks every process of a platform, so that what outlives its supervisor can be told from a stranger.
MARK = "ASSAY_PART"

#: The root of the project: the working folder of every part, whatever folder `assay` was called in.
PROJECT = Path(__file__).resolve().parent.parent


def settings_environment(settings: Settings, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """``base`` (default: this process's environment) changed so that a child reads exactly ``settings``.

    A setting that is None is removed, so that an address exported here for a client does not look to the
    child like a server of the user's own.
    """
    environment = dict(os.environ if base is None else base)
    for name in Settings.model_fields:
        value = getattr(settings, name)
        environment.pop(name, None)
        if value is None:
            environment.pop(name.upper(), None)
        else:
            environment[name.upper()] = _text(value)
    environment["ASSAY_HOME"] = str(settings.home)
    return environment


def part_environment(settings: Settings, part: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the process of ``part`` gets: the settings, the tools' addresses, telemetry off, and ``extra``."""
    return {
        **settings_environment(settings),
        **tool_environment(settings),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
        MARK: part,
        **(extra or {}),
    }


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)
