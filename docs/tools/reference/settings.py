"""The settings, out of the fields of the one typed class."""

from __future__ import annotations

from itertools import groupby

from config.reference import Row, rows
from docs.tools.reference.markdown import table


def settings_page() -> str:
    """Every setting with its type, default and meaning, under the headings of config/parts/."""
    parts = [
        "# Settings\n",
        "Environment variables. The first source that has a value wins: the environment, `.env` in the working "
        "folder, `secrets.env` in `ASSAY_HOME` (written by `assay up`), the default. An empty value counts as "
        "unset. `.env.example` is the same list to copy from.\n",
    ]
    for section, settings in groupby(rows(), key=lambda row: row.section):
        parts.append(f"## {section[:1].upper()}{section[1:]}\n")
        parts.append(table(("setting", "type", "default", "meaning"), map(_cells, settings)))
    return "\n".join(parts)


def _cells(row: Row) -> tuple[str, str, str, str]:
    return f"`{row.name}`", row.type, f"`{row.default}`" if row.default else "unset", row.description
