"""Shell samples: every `assay`, `make` and `python -m` command on a page exists, with the options shown."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from docs.tools.pages import ROOT, Block, Problem, blocks, pages

SHELL = {"bash", "sh", "shell", "console"}
_PLACE = re.compile(r"\$\{?\w+\}?|<[^>]+>|\.\.\.")


def commands(block: Block) -> Iterator[tuple[int, str]]:
    """The commands of a block, whole where one takes several lines; in a console block those after ``$ ``."""
    held, start = "", 0
    for offset, line in enumerate(block.text.splitlines()):
        if block.language == "console" and not held:
            if not line.startswith("$ "):
                continue
            line = line[2:]
        start = start if held else block.line + offset
        held += line.removesuffix("\\") + ("" if line.endswith("\\") else "\n")
        if not line.endswith("\\") and _whole(held):
            if held.strip() and not held.lstrip().startswith("#"):
                yield start, held.strip()
            held = ""
    if held.strip():
        yield start, held.strip()


def _whole(text: str) -> bool:
    """Whether every quote that was opened is closed."""
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each simple command of a line: split at pipes and `&&`, variables in front dropped."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;()"):
            while words and re.match(r"^\w+=", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(word)


@lru_cache(maxsize=1)
def assay() -> Any:
    """The command line as Typer's own tree of commands; those that it imports late are behind ``load``."""
    import typer.main

    from cli.main import app

    return typer.main.get_command(app)


def real(command: Any) -> Any:
    """The command itself, where ``command`` stands in for one that is not imported yet."""
    return command.load() if hasattr(command, "load") else command


def parse_assay(words: list[str], *, whole: bool = True) -> str | None:
    """What is wrong with ``assay words...``, or nothing. Parses as the command would, and runs nothing.

    ``whole``: that something is missing is wrong too.
    """
    command, path, context = assay(), ["assay"], None
    while True:
        context = type(command).context_class(command, info_name=path[-1], parent=context)
        if "--help" in words[:1]:
            return None
        try:
            _, rest, _ = command.make_parser(context).parse_args(list(words))
        except Exception as error:  # noqa: BLE001 - Typer's copy of click has its own exception classes
            return f"`{' '.join(path)}`: {getattr(error, 'message', error)}"
        if not hasattr(command, "list_commands"):
            return _missing(command, context, path, words, whole=whole)
        if not rest:
            fine = command.invoke_without_command or not whole
            return None if fine else f"`{' '.join(path)}` needs a command"
        name, words = rest[0], list(rest[1:])
        found = real(command.get_command(context, name))
        if found is None:
            known = ", ".join(command.list_commands(context))
            return f"`{' '.join(path)}` has no command `{name}`; it has {known}"
        command, path = found, [*path, name]


def _missing(command: Any, context: Any, path: list[str], words: list[str], *, whole: bool) -> str | None:
    """A required argument that is not given (where ``whole``), or one too many."""
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    if rest:
        return f"`{' '.join(path)}` takes no further `{' '.join(rest)}`"
    for parameter in command.params if whole else ():
        if parameter.required and values.get(parameter.name) is None:
            name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
            return f"`{' '.join(path)}` lacks {name}"
    return None


@lru_cache(maxsize=1)
def make_targets() -> frozenset[str]:
    """The targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def wrong_with(words: list[str]) -> str | None:
    """What is wrong with one simple command, as far as it is ours."""
    if words[:3] == ["docker", "compose", "exec"]:
        words = words[4:]
    if words[:3] == ["docker", "compose", "run"] and "assay" in words:
        words = words[words.index("assay") :]
    program, arguments = words[0].removeprefix("./").removeprefix(".venv/bin/"), words[1:]
    arguments = [_PLACE.sub("x", word) for word in arguments]
    if program == "assay":
        return parse_assay(arguments)
    if program == "make":
        unknown = [
            word
            for word in arguments
            if "=" not in word and not word.startswith("-") and word not in make_targets()
        ]
        return f"make has no target {', '.join(unknown)}" if unknown else None
    if program in ("python", "python3", "python3.11") and arguments[:1] == ["-m"]:
        found = arguments[1] in ("venv", "pip") or importlib.util.find_spec(arguments[1])
        return None if found else f"there is no module {arguments[1]}"
    if program in ("python", "bash", "sh") and arguments and arguments[0].endswith((".py", ".sh")):
        return None if (ROOT / arguments[0]).is_file() else f"there is no file {arguments[0]}"
    return None


def check_commands() -> Iterator[Problem]:
    """Every command of ours on the written pages."""
    for page in pages():
        for block in blocks(page):
            if block.language in SHELL:
                for line, text in commands(block):
                    yield from (Problem(page, line, wrong) for wrong in faults(text))


def faults(text: str) -> Iterator[str]:
    """What is wrong with each command of a line."""
    try:
        found = [wrong_with(words) for words in simple_commands(text)]
    except ValueError as error:
        found = [f"not a line of shell: {error}"]
    yield from filter(None, found)
