"""Texts as somebody writes them who does not want to be read by a machine."""

from __future__ import annotations

import random
from collections.abc import Callable

#: So many of a text's longer words are disguised.
SHARE = 0.6
LEAST_LETTERS = 3
_SIGNS = {"a": "@", "e": "3", "i": "1", "o": "0", "s": "$", "t": "7", "b": "8"}
_ALIKE = {"a": "а", "c": "с", "e": "е", "o": "о", "p": "р", "x": "х", "y": "у", "i": "і"}


def disguised(text: str, seed: int) -> str:
    """``text`` with most of its longer words disguised, each in one of the ways below."""
    rng = random.Random(seed)
    return " ".join(
        rng.choice(WAYS)(word, rng) if len(word) >= LEAST_LETTERS and word.isalpha() and rng.random() < SHARE
        else word
        for word in text.split()
    )  # fmt: skip


def _signs(word: str, _rng: random.Random) -> str:
    """Digits and signs in place of letters, but for the first and the last."""
    return word[0] + "".join(_SIGNS.get(letter.lower(), letter) for letter in word[1:-1]) + word[-1]


def _invisible(word: str, _rng: random.Random) -> str:
    return "\u200b".join(word)


def _alike(word: str, _rng: random.Random) -> str:
    return "".join(_ALIKE.get(letter, letter) for letter in word)


def _repeated(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + word[at] * 4 + word[at + 1 :]


def _spaced(word: str, rng: random.Random) -> str:
    return rng.choice(" .-*").join(word)


WAYS: tuple[Callable[[str, random.Random], str], ...] = (_signs, _invisible, _alike, _repeated, _spaced)
