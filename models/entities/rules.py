"""Names without a trained model: accounts, hashtags and addresses, and runs of words written as names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.entities.tags import Span
from models.entities.tokens import HASHTAG, MENTION, URL, WORD, Token, tokenize

#: A run of capitals at the start of a sentence is a name only from this many words on.
_FEWEST_AT_START = 2
_MOST_WORDS = 5
_SENTENCE_ENDS = (".", "!", "?", "…", ":", "-", '"', "“")
_KINDS = {MENTION: "account", HASHTAG: "hashtag", URL: "url"}
# fmt: off
_NO_NAMES = frozenset({
    "i", "i'm", "i'll", "i've", "i'd", "a", "an", "the", "this", "that", "these", "those", "he", "she", "it",
    "we", "you", "they", "my", "your", "his", "her", "its", "our", "their", "and", "or", "but", "if", "so",
    "when", "what", "who", "why", "how", "where", "is", "are", "was", "were", "do", "does", "did", "not",
    "no", "yes", "ok", "lol", "omg", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    "sunday", "rt", "via",
})
# fmt: on


class RuleEntities:
    """Answers as a trained entities model does."""

    @property
    def name(self) -> str:
        """What answers, for ``parts``."""
        return "rules"

    def entities(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        """``text``, ``type`` (account, hashtag, url, name), ``start`` and ``end`` of each name."""
        from models.entities.predictor import described

        return [described(text, spans(text)) for text in texts]


def plain_spans(tokens: Sequence[Token]) -> list[Span]:
    """Accounts, hashtags and addresses among ``tokens``."""
    return [Span(token.start, token.end, _KINDS[token.kind]) for token in tokens if token.kind in _KINDS]


def spans(text: str) -> list[Span]:
    """What the rules find in ``text``, in order."""
    tokens = tokenize(text)
    return sorted([*plain_spans(tokens), *name_spans(tokens)])


def name_spans(tokens: Sequence[Token]) -> list[Span]:
    """Runs of words written as names; none in a text whose words nearly all are."""
    words = [token for token in tokens if token.kind == WORD and token.text[0].isalpha()]
    if not words or sum(token.text[0].isupper() for token in words) > max(3, 0.6 * len(words)):
        return []
    found: list[Span] = []
    run: list[Token] = []
    starts = run_starts = True
    for token in tokens:
        if token.kind == WORD and token.text[0].isupper() and _could_be(token, bool(run)):
            run_starts = run_starts if run else starts
            run.append(token)
        else:
            found += _named(run, run_starts)
            run = []
        starts = token.text[:1] in _SENTENCE_ENDS
    return found + _named(run, run_starts)


def _could_be(token: Token, inside: bool) -> bool:
    return token.text.lower() not in _NO_NAMES and (inside or len(token.text) > 1)


def _named(run: Sequence[Token], at_start: bool) -> list[Span]:
    if not run or len(run) > _MOST_WORDS or (at_start and len(run) < _FEWEST_AT_START):
        return []
    return [Span(run[0].start, run[-1].end, "name")]
