"""The pages name benchmarks that there are, and of which the kept figures have a section."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from benchmarks.__main__ import BENCHMARKS, HERE, RESULTS, STATE, markdown
from docs.tools.pages import DOCS, pages

#: `python -m benchmarks a b`, and what follows it as "and `c`"; a page breaks its lines anywhere.
COMMAND = re.compile(r"python -m benchmarks((?:\s+[a-z_]+)+)`(?:\s+and\s+`([a-z_]+)`)?")
#: Names alone, in brackets: how scale.md says where its figures are from.
NAMED = re.compile(r"\((`[a-z_]+`(?:,\s+`[a-z_]+`)*)\)")


def cited(text: str) -> Iterator[str]:
    for several, another in COMMAND.findall(text):
        yield from several.split()
        if another:
            yield another


def sections() -> set[str]:
    return set(re.findall(r"^## ([a-z_]+): ", RESULTS.read_text(), re.M))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_benchmark_that_a_page_names_exists_and_has_its_figures(page: object) -> None:
    text = page.read_text()  # type: ignore[attr-defined]  # a path
    found = set(cited(text))
    if page == DOCS / "scale.md":
        found |= {name for names in NAMED.findall(text) for name in re.findall(r"[a-z_]+", names)}
        assert len(found) > 10
    assert found <= set(BENCHMARKS), found - set(BENCHMARKS)
    assert found <= sections(), f"{found - sections()} have no section in RESULTS.md"


def test_a_name_is_found_wherever_the_line_breaks() -> None:
    text = "`python -m benchmarks a b` and `c`, `python -m benchmarks\nd`, `python -m benchmarks e` and more"
    assert list(cited(text)) == ["a", "b", "c", "d", "e"]


def test_every_benchmark_has_its_module() -> None:
    assert {name for name in BENCHMARKS if not (HERE / f"{name}_bench.py").is_file()} == set()


def test_the_page_of_results_is_that_of_the_kept_figures() -> None:
    kept = json.loads(STATE.read_text())
    page = markdown({name: kept[name] for name in BENCHMARKS if name in kept})
    assert RESULTS.read_text().split("\n## ")[1:] == page.split("\n## ")[1:]  # above them is this machine
