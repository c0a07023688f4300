"""The flows, out of the table of schedules and their signatures."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from docs.tools.reference.markdown import first_paragraph, table


def flows_page() -> str:
    """The table of schedules, and each flow's parameters."""
    from deploy_flows import SCHEDULES

    rows = []
    details: dict[str, str] = {}
    for schedule in SCHEDULES:
        rows.append(
            (
                f"`{schedule.deployment}`",
                f"`{schedule.cron}`" if schedule.cron else "by hand",
                schedule.description,
            )
        )
        module, _, name = schedule.entrypoint.partition(":")
        flow = getattr(importlib.import_module(module.removesuffix(".py").replace("/", ".")), name)
        if schedule.entrypoint not in details:
            details[schedule.entrypoint] = _flow(flow, schedule.entrypoint)
    return "\n".join(
        [
            "# Flows\n",
            "`deploy_flows.py` holds this table; times are UTC. `assay flows run NAME` asks for one by hand, "
            "as does the Prefect UI.\n",
            table(("deployment", "cron", "what"), rows),
            *details.values(),
        ]
    )


def _flow(flow: Any, entrypoint: str) -> str:
    documented = _documented_arguments(flow.fn.__doc__)
    rows = [
        (
            f"`{name}`",
            f"`{str(parameter.annotation).replace('dt.', '')}`",
            "required" if parameter.default is inspect.Parameter.empty else f"`{parameter.default}`",
            documented.get(name, ""),
        )
        for name, parameter in inspect.signature(flow.fn).parameters.items()
    ]
    text = f"## {flow.name}\n\n`{entrypoint}`. {first_paragraph(flow.fn.__doc__)}\n\n"
    return text + (table(("parameter", "type", "default", "meaning"), rows) if rows else "")


def _documented_arguments(docstring: str | None) -> dict[str, str]:
    """The Args section of a Google-style docstring."""
    section = re.search(
        r"^Args:\n(.*?)(?:\n\S|\Z)", inspect.cleandoc(docstring or "") + "\n", re.DOTALL | re.MULTILINE
    )
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w+:)", section[1] if section else ""):
        name, _, text = entry.strip().partition(":")
        found[name] = re.sub(r"\s+", " ", text).strip().replace("``", "`")
    return found
