"""Commands named in passing: in running text, the alert rules, the admin pages and the hints of errors.

A mention may leave out what a command needs (`assay import`), since it is there to name it. A hint of the code
is what somebody types next: where it gives arguments, it gives all.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from docs.tools.commands import assay, parse_assay, real
from docs.tools.pages import DOCS, GENERATED, ROOT, Problem, inline, pages

#: Folders of code whose strings are read; in those of PRINTED a string that is a command needs no backticks.
CODE = (
    "cli", "config", "tasks", "flows", "storage", "models", "registry", "serving", "local", "demo", "chaos",
)  # fmt: skip
PRINTED = ("demo", "tasks")
#: Files beside the pages that name commands.
BESIDE = (".yml", ".yaml", ".json", ".conf")
#: What stands for a value that is only known when the code runs.
VALUE = "x"

_COMMAND = r"(?:\.venv/bin/|docker compose exec \S+ |[A-Z_]+=\S+ )*assay( [a-z-][^`]*)"
_WHOLE = re.compile(_COMMAND)
_TICKED = re.compile(f"`{_COMMAND}`")
_MARKED = re.compile(r"<code>assay( [a-z-][^<]*)</code>")
_PLACE = re.compile(r"\$\{?\w+\}?|<[^>]+>|\{\{[^}]*\}\}|\{[^}]*\}|\.\.\.|…")

Mention = tuple[int, str]


def check_mentions() -> Iterator[Problem]:
    """Every mention of a command names one that there is, with options that it has."""
    for page in pages():
        for line, text in in_page(page):
            yield from _problems(page, line, text)
    made = {GENERATED, DOCS / "_build"}
    for path in sorted(path for path in DOCS.rglob("*") if path.suffix in BESIDE):
        if not made & set(path.parents):
            for line, text in in_text(path, _TICKED):
                yield from _problems(path, line, text)
    for path in sorted((ROOT / "serving").rglob("*.html")):
        for line, text in in_text(path, _MARKED):
            yield from _problems(path, line, text, typed=True)
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for line, text in in_code(path, printed=folder in PRINTED):
                yield from _problems(path, line, text, typed=True)


def in_page(page: Path) -> Iterator[Mention]:
    """Inline code of a page that is a command: the line of its paragraph, and what follows ``assay``."""
    for line, token in inline(page):
        found = _WHOLE.fullmatch(token.content) if token.type == "code_inline" else None
        if found:
            yield line, found[1]


def in_text(path: Path, mark: re.Pattern[str]) -> Iterator[Mention]:
    """Commands of a text that stand between marks."""
    text = path.read_text()
    for found in mark.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1]


def in_code(path: Path, *, printed: bool = False) -> Iterator[Mention]:
    """Commands in backticks in the strings of a module, values put in; ``printed``: whole strings too."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = _text(node) if id(node) not in parts else None
        if text is None:
            continue
        for found in _TICKED.finditer(text):
            yield node.lineno, found[1]  # type: ignore[attr-defined]  # a string has a line
        whole = _WHOLE.fullmatch(text) if printed else None
        if whole:
            yield node.lineno, whole[1]  # type: ignore[attr-defined]  # as above


def _text(node: ast.AST) -> str | None:
    """A string as it would be at run time, or None where the node is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else VALUE
        for part in node.values
    )


def _problems(path: Path, line: int, text: str, *, typed: bool = False) -> Iterator[Problem]:
    fault = wrong_with_mention(text, typed=typed)
    if fault:
        yield Problem(path, line, f"names `assay{text}`: {fault}")


def wrong_with_mention(text: str, *, typed: bool = False) -> str | None:
    """What is wrong with a mention; ``text``: what follows ``assay``. ``typed``: it is there to be typed, and
    so it is whole where it gives arguments.
    """
    try:
        words = shlex.split(_PLACE.sub(VALUE, text), comments=True)
    except ValueError as error:
        return str(error)
    rest = _arguments(words)
    fault = parse_assay(words, whole=typed and bool(rest))
    if rest and rest[-1].startswith("--") and parse_assay(words, whole=False):
        fault = parse_assay([*words, VALUE], whole=False)  # "`--date` and a day": its value is said beside it
    return fault or _deployment(words)


def _arguments(words: list[str]) -> list[str]:
    """The words after those that lead to the command."""
    command = assay()
    for place, word in enumerate(words):
        found = real(command.get_command(None, word)) if hasattr(command, "list_commands") else None
        if found is None:
            return words[place:]
        command = found
    return []


@lru_cache(maxsize=1)
def _deployments() -> frozenset[str]:
    from deploy_flows import SCHEDULES

    return frozenset(one.deployment for one in SCHEDULES)


def _deployment(words: list[str]) -> str | None:
    """A flow that there is not."""
    name = words[2] if words[:2] == ["flows", "run"] and len(words) > 2 else VALUE
    known = name == VALUE or name.isupper() or name.startswith("-") or name in _deployments()
    return None if known else f"there is no flow {name}"
