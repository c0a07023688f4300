"""Tags of a text: its hashtags first, then the phrases that say most, then what was seen in its pictures.

Phrases are runs of words between common words and signs (RAKE: Rose et al. 2010). yake, whose lists of common
words this reads, takes several times as long. A phrase counts more the more of its words recur, the earlier it
stands, and where it is written as a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from models.common_words import common_words

MOST_TAGS = 10
_LONGEST_TAG = 40
_LONGEST_PHRASE = 3
_MOST_PHRASES = 600
#: Characters that are looked at for phrases.
_ENOUGH = 5000
_PIECE = re.compile(
    r"(?P<left>(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}|[@#]\w+|<[^<>]{1,200}>)|(?P<word>[^\W_]+(?:['’\-][^\W_]+)*)|(?P<stop>[^\w\s])"
)
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w*[^\W\d_]\w*)")
_URL = re.compile(r"(?:https?://|www\.)\S+")


def tags_of(
    text: str,
    *,
    given: Sequence[str] = (),
    visual: Sequence[str] = (),
    language: str | None = None,
    limit: int = MOST_TAGS,
) -> list[str]:
    """At most ``limit`` tags in small letters, none twice: given ones, hashtags, keywords, visual ones.

    Args:
        text: title and text.
        given: tags that the author gave.
        visual: what was seen in pictures; a quarter of the places is kept for them.
        language: ISO 639-1 of the text; the common words of other languages may then be keywords.
        limit: of the tags.
    """
    written = [*given, *_HASHTAG.findall(_URL.sub(" ", text))]
    seen = _unlike([tag for tag in map(_folded, visual) if tag], limit)
    places = limit - min(len(seen), limit // 4)
    first = _unlike([tag for tag in map(_folded, written) if tag], places)
    words = _unlike([*first, *keywords(text, language)], places)
    return _unlike([*words, *seen], limit)


def keywords(text: str, language: str | None = None) -> list[str]:
    """The phrases of ``text`` that say most, best first, in small letters."""
    phrases = _phrases(text[:_ENOUGH], language)
    counts: dict[str, int] = {}
    for phrase in phrases:
        for word in phrase:
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    scores: dict[str, float] = {}
    for place, phrase in enumerate(phrases):
        words = [word.lower() for word in phrase]
        weight = sum(counts[word] for word in words) / len(words) * (1.0 + 0.5 * (len(words) > 1))
        name = 1.5 if all(word[0].isupper() for word in phrase) else 1.0
        tag = " ".join(words)
        scores[tag] = scores.get(tag, 0.0) + weight * name / (1.0 + 0.05 * place)
    # the order of first sight where scores are equal
    return sorted(scores, key=lambda tag: -scores[tag])


def _phrases(text: str, language: str | None) -> list[list[str]]:
    common = common_words()
    found: list[list[str]] = []
    run: list[str] = []
    for piece in _PIECE.finditer(text):
        word = piece["word"]
        if word is None or _is_common(word.lower(), common, language) or len(run) == _LONGEST_PHRASE:
            if run:
                found.append(run)
            run = []
        if word is not None and not _is_common(word.lower(), common, language):
            run.append(word)
        if len(found) >= _MOST_PHRASES:
            break
    if run:
        found.append(run)
    return [phrase for phrase in found if len(" ".join(phrase)) <= _LONGEST_TAG]


def _is_common(word: str, common: dict[str, frozenset[str]], language: str | None) -> bool:
    """Whether a word is no keyword: common in the language or in English, short, or a number."""
    if (len(word) < 3 and word.isascii()) or word.isdigit():
        return True
    codes = common.get(word) or common.get(word.replace("’", "'"))
    if codes is None:
        return len(word) > _LONGEST_TAG
    return language is None or language in codes or "en" in codes


def _folded(tag: str) -> str:
    """A tag as it is compared and shown: small letters, no #, single spaces, no address."""
    plain = " ".join(tag.lstrip("#").lower().split())
    return "" if _URL.search(plain) else plain[:_LONGEST_TAG].strip()


def _unlike(tags: Iterable[str], limit: int) -> list[str]:
    """The first ``limit`` tags that are not another one, or part of the words of a better one."""
    kept: dict[str, str] = {}
    covered: set[str] = set()
    for tag in tags:
        key = tag.replace(" ", "").replace("-", "").replace("_", "")
        if key in kept or tag in covered or not key:
            continue
        kept[key] = tag
        if " " in tag:
            covered.update(tag.split())
        if len(kept) == limit:
            break
    return list(kept.values())
