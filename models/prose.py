"""A text as the parts of the analysis look at it: bounded, and without what is not language."""

from __future__ import annotations

import re

#: Characters past this many are not looked at, so that a text of any length costs a bounded time.
MOST_CHARACTERS = 20_000
_NOT_LANGUAGE = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}|[@#]\w+|<[^<>]{1,200}>|&[a-z]{2,6};"
)
_SPACES = re.compile(r"\s+")


def bounded(text: str | None, title: str | None = None) -> str:
    """Title and text as one, cut to ``MOST_CHARACTERS``; lone surrogates, which no codec takes, as spaces."""
    whole = "\n".join(part for part in (title, text) if part)[:MOST_CHARACTERS]
    return "".join(" " if "\ud800" <= sign <= "\udfff" else sign for sign in whole) if _broken(whole) else whole


def prose(text: str) -> str:
    """``text`` without addresses, @mentions, #hashtags and markup, its spaces single."""
    return _SPACES.sub(" ", _NOT_LANGUAGE.sub(" ", text)).strip()


def letters(text: str) -> int:
    """How many letters ``text`` has."""
    return sum(map(str.isalpha, text))


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
