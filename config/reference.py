"""The reference of all settings, made from the settings class itself: for ``.env.example`` and the docs.

``python -m config.reference`` prints ``.env.example``; a test sees that the file in the repository is that.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from config.parts.base import Part
from config.settings import Settings

_HEADING = """\
# Every setting of Assay, with its default. Copy this file to .env and uncomment what you change.
# The environment wins over .env, and .env over ASSAY_HOME/secrets.env, which `assay up` writes.
# Made from config/settings.py by `python -m config.reference`: do not edit it by hand.
"""
_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}


@dataclass(frozen=True)
class Row:
    """One setting: the environment variable, its type in words, its default as text ("" for none)."""

    name: str
    type: str
    default: str
    description: str
    section: str
    secret: bool


def rows() -> list[Row]:
    """All settings, in the order of the class."""
    sections = _sections()
    return [
        Row(
            name=name.upper(),
            type=_type(field.annotation),
            default=_default(field.default),
            description=field.description or "",
            section=sections.get(name, ""),
            secret=SecretStr in (field.annotation, *get_args(field.annotation)),
        )
        for name, field in Settings.model_fields.items()
    ]


def env_example() -> str:
    """The text of ``.env.example``."""
    lines, section = [_HEADING], ""
    for row in rows():
        if row.section != section:
            section = row.section
            lines.append(f"\n# -- {section} {'-' * max(4, 100 - len(section))}\n")
        sentence = f"{row.description} ({row.type})"
        lines.append("\n" + textwrap.fill(sentence, 108, initial_indent="# ", subsequent_indent="# "))
        lines.append(f"\n#{row.name}={row.default}\n")
    return "".join(lines)


def _sections() -> dict[str, str]:
    """Field -> the heading comment above it in its part of the class."""
    found = {}
    for part in Settings.__mro__:
        section = ""
        for line in inspect.getsource(part).splitlines() if issubclass(part, Part) else ():
            if heading := re.match(r"    # -- (.+?) -+$", line):
                section = heading[1]
            elif field := re.match(r"    (\w+): .*", line):
                found[field[1]] = section
    return found


def _type(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        return _type(next(one for one in get_args(annotation) if one is not type(None)))
    if get_origin(annotation) is Literal:
        return " or ".join(str(one) for one in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"{_type(get_args(annotation)[0])}s with commas between"
    if get_origin(annotation) is dict:
        return f"NAME={_type(get_args(annotation)[1])} with commas between"
    return _WORDS.get(annotation, str(annotation))


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in value.items())
    return str(value)


if __name__ == "__main__":
    sys.stdout.write(env_example())
