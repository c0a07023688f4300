"""Reading Markdown pages: their code blocks, links, headings and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "reference" / "generated"


@dataclass(frozen=True)
class Problem:
    """Something on a page that is not so."""

    page: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its language, its text, and the line where its text begins."""

    page: Path
    line: int
    language: str
    text: str


def pages() -> list[Path]:
    """Every page that people write: README, CHANGELOG and docs/, not what is generated or built."""
    made = {GENERATED, DOCS / "_build"}
    top = [page for page in (ROOT / "README.md", ROOT / "CHANGELOG.md") if page.is_file()]
    return top + [page for page in sorted(DOCS.rglob("*.md")) if not made & set(page.parents)]


@lru_cache(maxsize=256)
def tokens(page: Path) -> tuple[Token, ...]:
    """The page as Markdown tokens."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text()))


def blocks(page: Path) -> Iterator[Block]:
    """The fenced code blocks of a page, in order."""
    for token in tokens(page):
        if token.type == "fence" and token.map:
            yield Block(page, token.map[0] + 2, token.info.strip().split(" ")[0], token.content)


def inline(page: Path) -> Iterator[tuple[int, Token]]:
    """Every piece of running text with the line where its paragraph begins."""
    for token in tokens(page):
        if token.type == "inline" and token.map:
            for child in token.children or ():
                yield token.map[0] + 1, child


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Targets of links and images, with their lines."""
    for line, token in inline(page):
        target = token.attrGet("href") if token.type == "link_open" else None
        target = token.attrGet("src") if token.type == "image" else target
        if isinstance(target, str):
            yield line, target


@lru_cache(maxsize=256)
def anchors(page: Path) -> frozenset[str]:
    """The anchors that a page's headings make, as GitHub and MyST name them."""
    found: list[str] = []
    parsed = tokens(page)
    for index, token in enumerate(parsed):
        if token.type == "heading_open":
            text = "".join(child.content for child in parsed[index + 1].children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return frozenset(found)


def table_rows(page: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a page's tables: the line, and the names in backticks in the first cell."""
    line, first = 0, False
    for token in tokens(page):
        if token.type == "tr_open" and token.map:
            line, first = token.map[0] + 1, True
        elif token.type == "inline" and first:
            yield line, [child.content for child in token.children or () if child.type == "code_inline"]
            first = False
