"""What flows write in markdown, as HTML that can do nothing."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Markup inside a text stays text, and no text brings pictures."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image"])


def report(text: str) -> Markup:
    """A flow's report; the page has the first heading itself."""
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(2, int(token.tag[1]))}"
        token.attrs.pop("style", None)  # the alignment of a column, which our policy would refuse
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - HTML in it is off


def inline(text: str) -> Markup:
    """A sentence with `code` in it."""
    return Markup(_parser().renderInline(text))  # noqa: S704 - HTML in it is off
