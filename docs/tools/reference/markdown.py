"""Pieces of Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; cells are one line each."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "| " + " | ".join("---" for _ in names) + " |"]
    for row in rows:
        cells = (re.sub(r"\s+", " ", str(cell)).strip().replace("|", "\\|") for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def first_paragraph(text: str | None) -> str:
    """The first paragraph of a docstring on one line, reST's double backticks as Markdown's."""
    return re.sub(r"\s+", " ", inspect.cleandoc(text or "").split("\n\n")[0]).replace("``", "`")
