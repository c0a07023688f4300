"""What people give as names in a text, as BIO tags over our tokens: tags, tags over their tokens, or spans."""

from __future__ import annotations

import json
from typing import Any

from config.errors import InputError
from models.entities.tags import Span, is_tag, places_of, spans_of, tags_of
from models.entities.tokens import tokenize


def label_of(text: str, given: str, tokens: str | None = None) -> str:
    """The tags of our tokens of ``text``, joined by spaces.

    Args:
        text: the text.
        given: tags joined by spaces, over ``tokens`` or else over our own tokens or the words between spaces;
            or spans as JSON, ``[{"start": 0, "end": 5, "type": "person"}, ...]``.
        tokens: tokens joined by spaces, where the tags are over others than ours; they are the text then.

    Raises:
        InputError: it is none of these; the message tells why.
    """
    if tokens is not None:
        text = " ".join(tokens.split())
    if given.lstrip()[:1] in ("[", "{"):
        return " ".join(tags_of(_spans(text, given), tokenize(text)))
    tags = given.split()
    strange = next((tag for tag in tags if not is_tag(tag)), None)
    if strange is not None:
        raise InputError(f"'{strange[:40]}' is no tag", hint="Tags are O, B-type and I-type.")
    own = tokenize(text)
    if tokens is None and len(tags) == len(own):
        return " ".join(tags)
    words = text.split()
    if len(tags) != len(words):
        raise InputError(f"there are {len(tags)} tags for {len(own)} tokens or {len(words)} words")
    if tokens is None:
        return " ".join(tags_of(spans_of(tags, _word_places(text, words)), own))
    return " ".join(tags_of(spans_of(tags, places_of(words)), own))


def _word_places(text: str, words: list[str]) -> list[tuple[int, int]]:
    places, at = [], 0
    for word in words:
        at = text.index(word, at)
        places.append((at, at + len(word)))
        at += len(word)
    return places


def _spans(text: str, given: str) -> list[Span]:
    try:
        rows: Any = json.loads(given)
        rows = rows.get("entities", rows.get("spans")) if isinstance(rows, dict) else rows
        spans = [Span(int(row["start"]), int(row["end"]), str(row["type"])) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "its spans are no JSON list of start, end and type",
            hint='[{"start": 0, "end": 5, "type": "person"}]',
        ) from None
    if not all(0 <= span.start < span.end <= len(text) and _is_type(span.type) for span in spans):
        raise InputError("a span lies outside the text, or its type is no word")
    return spans


def _is_type(name: str) -> bool:
    return bool(name) and not any(sign.isspace() for sign in name)
