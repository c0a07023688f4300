"""Why an item is recommended, in one sentence that a person can be shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from models.recommendation.question import COLLABORATIVE, CONTENT, EXPLORATION, FOLLOWED, POPULAR, TRENDING

#: Where an item comes from that nothing is known of; only ``rank`` is asked about such.
UNKNOWN = "unknown"
LONGEST_TITLE = 80
#: Sentences that are kept: those of a list are made while somebody waits.
REMEMBERED = 16_384
#: What the user did to the item that another one is recommended because of.
DID = {
    "view": "watched",
    "like": "liked",
    "comment": "commented on",
    "share": "shared",
    "bookmark": "saved",
    "follow": "followed",
}
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "ms": "Malay",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


class _Facts(NamedTuple):
    did: str
    title: str | None
    author: str | None
    place: str | None


@lru_cache(maxsize=REMEMBERED)
def reason(
    source: str,
    *,
    kind: str | None = None,
    title: str | None = None,
    author: str | None = None,
    category: str | None = None,
    language: str | None = None,
) -> str:
    """The sentence for an item of ``source`` (one of ``question.SOURCES``, or :data:`UNKNOWN`).

    What is not known is left out of it, so that every source has a sentence whatever is known.

    Args:
        source: where the item came from.
        kind: what the user did to the item that this one is recommended because of, as in ``like``.
        title: the title or text of that item; its beginning is quoted.
        author: the author who is followed.
        category: where the item trends, is popular or is new.
        language: the same, where there is no category: ``en`` or ``pt-BR``.
    """
    place = category or (LANGUAGES.get(language.lower().split("-")[0], language) if language else None)
    facts = _Facts(DID.get(kind or "", "liked"), _quoted(title), author, place)
    return _SENTENCES.get(source, _unknown)(facts)


def _quoted(title: str | None) -> str | None:
    words = " ".join((title or "").split())
    if len(words) > LONGEST_TITLE:
        words = words[: LONGEST_TITLE - 1].rstrip() + "…"
    return f'"{words}"' if words else None


def because(source: str, kind: str, title: str) -> str:
    """The sentence of :func:`reason` for an item that one item of the history speaks for (``COLLABORATIVE`` or
    ``CONTENT``), in less time: ``title`` is a short line already.
    """
    did = DID.get(kind, "liked")
    return (
        f'because you {did} "{title}"' if source == COLLABORATIVE else f'similar to "{title}", which you {did}'
    )


def alike(source: str, title: str | None) -> str:
    """The sentence for an item that is similar to one with this title; no user stands behind it."""
    words = _quoted(title)
    if source == COLLABORATIVE:
        return f"liked by the same people as {words}" if words else "liked by the same people"
    return f"similar to {words}" if words else "about the same"


def _collaborative(facts: _Facts) -> str:
    return (
        f"because you {facts.did} {facts.title}" if facts.title else "liked by people with a taste like yours"
    )


def _content(facts: _Facts) -> str:
    return f"similar to {facts.title}, which you {facts.did}" if facts.title else "close to what you like"


def _trending(facts: _Facts) -> str:
    return f"trending in {facts.place}" if facts.place else "trending now"


def _followed(facts: _Facts) -> str:
    return f"new from {facts.author}, whom you follow" if facts.author else "new from an author you follow"


def _exploration(facts: _Facts) -> str:
    return f"new in {facts.place}, and few have seen it yet" if facts.place else "new, and few have seen it yet"


def _popular(facts: _Facts) -> str:
    return f"popular in {facts.place}" if facts.place else "popular now"


def _unknown(_: _Facts) -> str:
    return "nothing is known of it"


_SENTENCES: dict[str, Callable[[_Facts], str]] = {
    COLLABORATIVE: _collaborative,
    CONTENT: _content,
    TRENDING: _trending,
    FOLLOWED: _followed,
    EXPLORATION: _exploration,
    POPULAR: _popular,
    UNKNOWN: _unknown,
}
