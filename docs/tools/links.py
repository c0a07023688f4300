"""Links that lead somewhere, and pages that fetch nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs.tools.pages import DOCS, GENERATED, Problem, anchors, links, pages

#: Attributes by which a browser fetches something as soon as the page is opened.
_FETCHED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}


def check_links() -> Iterator[Problem]:
    """Each relative link of the written pages names a file, and a heading in it where it has an anchor."""
    for page in pages():
        for line, target in links(page):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not there.exists():
                yield Problem(page, line, f"links to {target}, which does not exist")
            elif parts.fragment and there.suffix == ".md" and parts.fragment not in anchors(there):
                yield Problem(page, line, f"links to {target}, which has no such heading")


def check_decisions() -> Iterator[Problem]:
    """Each decision is in the list of decisions."""
    index = DOCS / "decisions" / "README.md"
    listed = {target for _, target in links(index)}
    for page in sorted(index.parent.glob("[0-9]*.md")):
        if page.name not in listed:
            yield Problem(index, 1, f"does not list {page.name}")


class _Fetches(HTMLParser):
    """Collects what a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = dict(attrs)
        if tag == "link" and wanted.get("rel") in ("canonical", "search", "index", "next", "prev", "author"):
            return
        if tag in _FETCHED and wanted.get(_FETCHED[tag]):
            self.found.append(str(wanted[_FETCHED[tag]]))


def check_site(site: Path) -> Iterator[Problem]:
    """The built pages fetch from no other host, and everything that they fetch is there."""
    for page in sorted(site.rglob("*.html")):
        parser = _Fetches()
        parser.feed(page.read_text())
        for target in parser.found:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                yield Problem(page, 1, f"fetches {target} from another host")
            elif not (page.parent / unquote(parts.path)).exists():
                yield Problem(page, 1, f"fetches {target}, which was not built")
    for sheet in sorted(site.rglob("*.css")):
        for target in re.findall(r"url\(['\"]?(https?:[^)'\"]+)", sheet.read_text()):
            yield Problem(sheet, 1, f"fetches {target} from another host")


def check_generated() -> Iterator[Problem]:
    """Generated pages are never written by hand or committed."""
    if GENERATED.exists() and not (GENERATED / "settings.md").exists():
        yield Problem(DOCS / "index.md", 1, "the generated reference has no settings page")
