"""Spans of names as BIO tags over tokens, and back (Ramshaw and Marcus 1995)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.entities.tokens import Token

OUTSIDE = "O"


class Span(NamedTuple):
    """A name of a kind at characters ``[start, end)`` of a text."""

    start: int
    end: int
    type: str


def spans_of(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> list[Span]:
    """The spans that ``tags`` mark over tokens at ``places``; an I- that continues nothing begins a span."""
    spans: list[Span] = []
    before = OUTSIDE
    for tag, (start, end) in zip(tags, places, strict=True):
        prefix, _, kind = tag.partition("-")
        if prefix == "I" and before.partition("-")[2] == kind and before != OUTSIDE:
            spans[-1] = Span(spans[-1].start, end, kind)
        elif prefix in ("B", "I"):
            spans.append(Span(start, end, kind))
        before = tag
    return spans


def tags_of(spans: Iterable[Span], tokens: Sequence[Token]) -> list[str]:
    """The tag of each token: a token belongs to the first span that it overlaps."""
    tags = [OUTSIDE] * len(tokens)
    at = 0
    for span in sorted(spans):
        while at < len(tokens) and tokens[at].end <= span.start:
            at += 1
        prefix = "B"
        while at < len(tokens) and tokens[at].start < span.end:
            tags[at] = f"{prefix}-{span.type}"
            prefix = "I"
            at += 1
    return tags


def places_of(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Where tokens stand in the text that joins them by single spaces."""
    places, at = [], 0
    for token in tokens:
        places.append((at, at + len(token)))
        at += len(token) + 1
    return places


def is_tag(tag: str) -> bool:
    """Whether ``tag`` is O, or B- or I- with a type."""
    return tag == OUTSIDE or (tag[:2] in ("B-", "I-") and len(tag) > 2)
