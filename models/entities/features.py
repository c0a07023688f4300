"""What a token tells a sequence model: its word, shape and affixes, and those of its neighbours.

The usual features of a linear-chain CRF for names (Sutton and McCallum 2012, section 2.6), without lists of
names: such lists age, and are in one language.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.common_words import common_words
from models.entities.rules import name_spans
from models.entities.tokens import WORD, Token

#: A feature that every token has.
BIAS = "bias"
_LONGEST = 24
_SHAPES = str.maketrans("0123456789", "dddddddddd")


def shape(word: str) -> str:
    """``Xxxx``: capitals, small letters, digits and signs, runs of more than two shortened to two."""
    drawn: list[str] = []
    for sign in word[:_LONGEST].translate(_SHAPES):
        kind = "X" if sign.isupper() else sign if sign == "d" else "x" if sign.isalpha() else sign
        if drawn[-2:] != [kind, kind]:
            drawn.append(kind)
    return "".join(drawn)


def features(tokens: Sequence[Token]) -> list[list[str]]:
    """The features of each token, as strings."""
    words = [word_of(token) for token in tokens]
    shapes = [shape(token.text) if token.kind == WORD else token.kind for token in tokens]
    lettered = [token.text for token in tokens if token.kind == WORD]
    shouts = sum(word.isupper() for word in lettered) * 2 > len(lettered)
    titled = sum(word[:1].isupper() for word in lettered) * 10 > len(lettered) * 7
    style = f"{int(shouts)}{int(titled)}"
    common = common_words()
    known = ["c" if word in common else "-" for word in words]
    ruled = _ruled(tokens)
    padded = ["<", "<", *words, ">", ">"]
    drawn = ["<", "<", *shapes, ">", ">"]
    rows = []
    for at, token in enumerate(tokens):
        row = _of(token, padded[at : at + 5], drawn[at : at + 5], style, at == 0)
        own = shapes[at]
        before = known[at - 1] if at else "<"
        after = known[at + 1] if at + 1 < len(tokens) else ">"
        row += [
            f"c={known[at]}|{own}",
            f"c3={before}{known[at]}{after}|{own}",
            f"r={ruled[at]}",
            f"r={ruled[at]}|{style}|{known[at]}",
            f"r={ruled[at]}|{padded[at + 1]}",
        ]
        rows.append(row)
    return rows


def _ruled(tokens: Sequence[Token]) -> list[str]:
    """Where the simple rules see a name: B, I or O."""
    marks = ["O"] * len(tokens)
    spans = iter(name_spans(tokens))
    span = next(spans, None)
    for at, token in enumerate(tokens):
        while span is not None and token.start >= span.end:
            span = next(spans, None)
        if span is not None and token.start >= span.start:
            marks[at] = "B" if token.start == span.start else "I"
    return marks


def word_of(token: Token) -> str:
    """The word that counts: all numbers, URLs and mentions are alike."""
    if token.kind == WORD:
        return token.text.lower()[:_LONGEST]
    return token.text.lower()[:_LONGEST] if token.kind in ("sign", "hashtag") else f"<{token.kind}>"


def _of(token: Token, words: list[str], shapes: list[str], style: str, first: bool) -> list[str]:
    far_before, before, word, after, far_after = words
    _, shape_before, own, shape_after, _ = shapes
    found = [
        BIAS,
        "w=" + word,
        "s=" + own,
        "w-1=" + before,
        "w+1=" + after,
        "w-2=" + far_before,
        "w+2=" + far_after,
        f"s-1={shape_before}|{own}",
        f"s+1={own}|{shape_after}",
        f"s3={shape_before}|{own}|{shape_after}",
        f"w-1,w={before}|{word}",
        f"w,w+1={word}|{after}",
        f"w-1,s={before}|{own}",
        f"s,w+1={own}|{after}",
        f"style={style}|{own}",
    ]
    if first:
        found.append("first|" + own)
    if token.kind == WORD:
        found += [f"p{size}={word[:size]}" for size in (1, 2, 3, 4) if len(word) > size]
        found += [f"e{size}={word[-size:]}" for size in (1, 2, 3, 4) if len(word) > size]
    return found
