"""Python samples compile, and those written as a session give what they show. Settings on a page exist."""

from __future__ import annotations

import doctest
import json
import re
from collections.abc import Iterator

import yaml

from config.settings import TELEMETRY_OFF, Settings
from docs.tools.pages import Block, Problem, blocks, pages, table_rows

#: Names of the same look in tables that other programs read.
OTHER_NAMES = frozenset(TELEMETRY_OFF) | {"PREFECT_UI_API_URL"}
_NAME = re.compile(r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$")


def check_samples() -> Iterator[Problem]:
    """Every sample in a language that can be read without running it, and every session by running it."""
    for page in pages():
        for block in blocks(page):
            if block.language == "pycon" or (block.language == "python" and block.text.startswith(">>>")):
                yield from _run_session(block)
            elif wrong := _unreadable(block):
                yield Problem(page, block.line, wrong)


def _unreadable(block: Block) -> str | None:
    try:
        if block.language == "python":
            compile(block.text, str(block.page), "exec")
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            list(yaml.safe_load_all(block.text))
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return f"this {block.language} cannot be read: {error}"
    return None


def _run_session(block: Block) -> Iterator[Problem]:
    test = doctest.DocTestParser().get_doctest(block.text, {}, block.page.name, str(block.page), block.line)
    heard: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    if runner.run(test, out=heard.append).failed:
        yield Problem(block.page, block.line, f"this session gives something else:\n{''.join(heard)}")


def check_settings() -> Iterator[Problem]:
    """Every setting that heads a row of a table is one."""
    known = {name.upper() for name in Settings.model_fields} | OTHER_NAMES
    for page in pages():
        for line, names in table_rows(page):
            for name in names:
                if _NAME.match(name) and name not in known:
                    yield Problem(page, line, f"`{name}` is not a setting")
