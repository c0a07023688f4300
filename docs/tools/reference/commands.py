"""The commands, out of the tree that Typer makes."""

from __future__ import annotations

import inspect
import re
from typing import Any

from docs.tools.commands import assay, real
from docs.tools.reference.markdown import first_paragraph, table


def commands_page() -> str:
    """Every command of `assay` with its arguments and options."""
    parts = [
        "# Commands\n",
        "`assay COMMAND --help` says the same. Where there is `--json`, the answer is one JSON document.\n",
    ]
    parts += _command(assay(), ["assay"], None)
    return "\n".join(parts)


def _command(command: Any, path: list[str], parent: Any) -> list[str]:
    context = type(command).context_class(command, info_name=path[-1], parent=parent)
    parts: list[str] = []
    if hasattr(command, "list_commands"):
        if len(path) > 1:
            parts += [f"## {' '.join(path)}\n", first_paragraph(command.help) + "\n"]
        for name in command.list_commands(context):
            found = real(command.get_command(context, name))
            if found is not None and not found.hidden:
                parts += _command(found, [*path, name], context)
        return parts
    usage = [
        *path,
        *(_shape(parameter) for parameter in command.params if parameter.param_type_name == "argument"),
    ]
    parts = [f"{'#' * min(len(path), 3)} {' '.join(path)}\n", _help(command.help) + "\n"]
    parts.append(f"```text\n{' '.join(usage)} [OPTIONS]\n```\n")
    rows = [
        (_names(parameter), _help(getattr(parameter, "help", "") or ""), _parameter_default(parameter))
        for parameter in command.params
        if not getattr(parameter, "hidden", False) and parameter.name != "help"
    ]
    if any(default for _, _, default in rows):
        parts.append(table(("", "meaning", "default"), rows))
    elif rows:
        parts.append(table(("", "meaning"), [row[:2] for row in rows]))
    return parts


def _help(text: str | None) -> str:
    """Help text as Markdown: no Rich markup, one paragraph a paragraph."""
    plain = re.sub(
        r"\[/?(?:bold|dim|italic|cyan|green|red|yellow|blue|code)[^\]]*\]", "", inspect.cleandoc(text or "")
    )
    return plain.replace("\b", "").replace("<", "&lt;")


def _shape(parameter: Any) -> str:
    name = str(parameter.name).rstrip("_").upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_shape(parameter)}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _parameter_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, False, (), []) or callable(parameter.default):
        return ""
    return f"`{parameter.default}`" if isinstance(parameter.default, str | int | float | bool) else ""
