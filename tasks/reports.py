"""What a run leaves for people: an artifact in the Prefect UI that says what came in, what went out, and why.

Beside the text lies a table of the same figures under plain names, which the CLI reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.policy import networked


@networked("publish report")
def publish_report(key: str, text: str, summary: Mapping[str, Any]) -> None:
    """Leave ``text`` (markdown) as artifact ``key`` and ``summary`` as table ``<key>-summary``."""
    create_markdown_artifact(
        text, key=key, description="What came in, what went out, what was dropped and why."
    )
    table = [{"figure": name, "value": value} for name, value in flat(summary).items()]
    create_table_artifact(table, key=f"{key}-summary", description="The same figures under plain names.")


def flat(figures: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures under dotted names; lists become text."""
    result: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return result
