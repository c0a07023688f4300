"""The settings, out of the fields of the one typed class."""

from __future__ import annotations

import inspect
import re
from typing import Any

from docs.tools.reference.markdown import table


def settings_page() -> str:
    """Every setting with its type, default and meaning, under the headings of config/settings.py."""
    from config.settings import Settings

    parts = [
        "# Settings\n",
        "Environment variables. The first source that has a value wins: the environment, `.env` in the working "
        "folder, `secrets.env` in `ASSAY_HOME` (written by `assay up`), the default. An empty value counts as "
        "unset.\n",
    ]
    for heading, names in _setting_groups():
        rows = []
        for name in names:
            field = Settings.model_fields[name]
            rows.append(
                (f"`{name.upper()}`", _type_name(field.annotation), _default(field), field.description or "")
            )
        parts += [f"## {heading}\n", table(("setting", "type", "default", "meaning"), rows)]
    return "\n".join(parts)


def _setting_groups() -> list[tuple[str, list[str]]]:
    """The fields by the comment that heads their group in the source."""
    from config.settings import Settings

    groups: list[tuple[str, list[str]]] = []
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.match(r"\s+# -- (.+?) -+$", line):
            groups.append((heading[1][0].upper() + heading[1][1:], []))
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Settings.model_fields:
            groups[-1][1].append(field[1])
    listed = {name for _, names in groups for name in names}
    if missing := set(Settings.model_fields) - listed:
        raise RuntimeError(f"settings under no heading: {', '.join(sorted(missing))}")
    return [(heading, names) for heading, names in groups if names]


def _type_name(annotation: Any) -> str:
    text = getattr(annotation, "__name__", None) if isinstance(annotation, type) else None
    text = text or re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(annotation))
    text = text.replace("SecretStr", "secret").replace(" | None", "").replace("NoneType", "")
    if literal := re.match(r"Literal\[(.*)\]", text):
        return " or ".join(f"`{value.strip()[1:-1]}`" for value in literal[1].split(","))
    names = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "Path": "path"}
    return names.get(text, "list of numbers" if text.startswith("tuple[int") else text)


def _default(field: Any) -> str:
    if field.default is None:
        return "unset"
    if isinstance(field.default, tuple):
        return "`" + ",".join(map(str, field.default)) + "`"
    value = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f"`{value}`"
