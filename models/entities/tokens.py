"""Tokens of a text with their places: words, numbers, @mentions, #hashtags, URLs, emojis and signs."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Characters past this many are not looked at, so that a text of any length costs a bounded time.
MOST_CHARACTERS = 20_000
URL, MENTION, HASHTAG, NUMBER, WORD, EMOJI, SIGN = (
    "url",
    "mention",
    "hashtag",
    "number",
    "word",
    "emoji",
    "sign",
)
_PATTERN = re.compile(
    r"""
    (?P<url>(?:https?://|www\.)[^\s<>"]+)
    | (?P<mention>@\w+)
    | (?P<hashtag>\#\w+)
    | (?P<number>\d+(?:[.,:/]\d+)*(?!\w))
    | (?P<word>
        (?:[^\W\d_]\.){2,}             # U.S.
        | ['’](?:s|m|d|ve|re|ll)\b     # what English contracts stands alone, as treebanks have it
        | \w+(?:[-&]\w+)*              # Spider-Man, AT&T
      )
    | (?P<emoji>[\U0001f000-\U0001faff\u2600-\u27bf][\ufe0f\u200d\U0001f3fb-\U0001f3ff\u2640\u2642\U0001f000-\U0001faff]*)
    | (?P<sign>([^\w\s])\8*)
    """,  # noqa: E501 - one range of characters
    re.VERBOSE,
)


class Token(NamedTuple):
    """A token: its text, kind, and place ``[start, end)`` in characters of the text."""

    text: str
    kind: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """The tokens of ``text``, in order and without overlap; ``text[start:end]`` is a token's own text."""
    head = text[:MOST_CHARACTERS]
    return [
        Token(found.group(), found.lastgroup or SIGN, found.start(), found.end())
        for found in _PATTERN.finditer(head)
    ]
