"""Lines of ``token<TAB>tag``, a blank line after each sentence, as texts with tags over our tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa


def sentences(lines: Iterable[str]) -> Iterator[tuple[list[str], list[str]]]:
    """(tokens, tags) of each sentence; the tag is a line's last column, its token the first."""
    tokens: list[str] = []
    tags: list[str] = []
    for line in lines:
        columns = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        if len(columns) >= 2 and columns[0].strip():
            tokens.append(columns[0].strip())
            tags.append(columns[-1].strip())
        elif tokens:
            yield tokens, tags
            tokens, tags = [], []
    if tokens:
        yield tokens, tags


def table_of(lines: Iterable[str]) -> pa.Table:
    """The sentences as a table of ``tokens`` and ``tags``, joined by spaces, which ``clean`` takes."""
    found = [(" ".join(tokens), " ".join(tags)) for tokens, tags in sentences(lines)]
    return pa.table(
        {
            "tokens": pa.array([tokens for tokens, _ in found], pa.string()),
            "tags": pa.array([tags for _, tags in found], pa.string()),
        }
    )
