"""What docker-compose.yml gives its containers, read as Compose reads it; no engine is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("assay:"))
#: Those that read our settings; Prefect's server and MLflow get what they ask for by name.
READERS = frozenset(OURS) - {"prefect", "mlflow"}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")
#: For a required variable that nobody gave.
SECRET = "x" * 32


def environment(service: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a container, where ``.env`` has ``given`` and something long for each required one."""
    told = dict(given or {})

    def filled(match: re.Match[str]) -> str:
        return told.get(match["name"]) or (match["text"] if match["kind"] == "-" else SECRET)

    values: dict[str, str] = SERVICES[service].get("environment", {})
    return {name: VARIABLE.sub(filled, value) for name, value in values.items()}
