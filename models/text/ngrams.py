"""Words, pairs of words and character n-grams of a whole batch, as numbered buckets (the hashing trick).

Weinberger et al. 2009, "Feature hashing for large scale multitask learning". An n-gram's hash is a polynomial
of its code points modulo 2^64, made for all places of all texts at once: that of n letters is that of n - 1,
times the base, plus one letter. The same code serves training and answering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.text.codepoints import DIGIT, LETTER, SPACE, SYMBOL
from models.text.normalise import Folded, fold

#: 2^20 buckets: some hundred thousand different n-grams collide rarely.
BITS = 20
BUCKETS = 1 << BITS
#: Groups of features; each is scaled to length one by itself.
GROUPS = ("word", "char", "stream")
CHAR_SIZES = (2, 3, 4, 5)
STREAM_SIZES = (4, 5, 6)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_HALF, _SHIFT = np.uint64(32), np.uint64(64 - BITS)
_ZERO, _BLANK = ord("0"), ord(" ")
#: Signs that are features by themselves; of others only what lies beyond ASCII, such as emoji.
_TELLING = np.zeros(128, bool)
_TELLING[[ord(sign) for sign in "!?@#$%*&+"]] = True


@dataclass(frozen=True)
class Grams:
    """Features of one group: each one's bucket, and where in ``Folded.codes`` it begins and ends. (k,) each;
    features of one text stand together, in the order of the texts, ``bounds`` (n + 1,) apart.
    """

    buckets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray


def grams(texts: Sequence[str]) -> tuple[Folded, tuple[Grams, ...]]:
    """The normalised texts, and their features by group."""
    folded = fold(texts)
    return folded, (_words(folded), _characters(folded), _streams(folded))


def _bucket(hashes: np.ndarray, seed: int) -> np.ndarray:
    mixed = hashes ^ np.uint64(seed * 0x5851F42D4C957F2D % 2**64)
    mixed = (mixed ^ (mixed >> _HALF)) * _MIX
    mixed = (mixed ^ (mixed >> _HALF)) * _MIX
    return (mixed >> _SHIFT).astype(np.int64)


def _gathered(folded: Folded, parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Grams:
    """Parts of (buckets, starts, ends), each in the order of places, as one with texts together."""
    buckets, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(starts, kind="stable")
    buckets, starts, ends = buckets[order], starts[order], ends[order]
    return Grams(buckets, starts, ends, np.searchsorted(starts, folded.starts))


def _characters(folded: Folded) -> Grams:
    """n-grams of signs within a word, with the space before and after it."""
    codes = np.where(folded.kinds == DIGIT, _ZERO, folded.codes)
    space = folded.kinds == SPACE
    codes = np.where(space, _BLANK, codes).astype(np.uint64)
    inner = np.concatenate([[0], np.cumsum(space)])  # spaces before each place
    size = len(codes)
    hashes = codes.copy()
    parts = []
    for length in range(2, max(CHAR_SIZES) + 1):
        hashes = hashes[: size - length + 1] * _BASE + codes[length - 1 :]
        if length not in CHAR_SIZES:
            continue
        at = np.arange(size - length + 1)
        # no space but at an end; the space of a break is before the next text's first word as well
        whole = inner[at + length - 1] - inner[at + 1] == 0
        if length == 2:
            whole &= ~(space[:-1] & space[1:])
        spots = np.flatnonzero(whole)
        parts.append((_bucket(hashes[spots], length), spots, spots + length))
    return _within(folded, parts)


def _within(folded: Folded, parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Grams:
    """As ``_gathered``, where a feature may begin at the break before its text: it counts to that text."""
    found = _gathered(folded, parts)
    bounds = np.searchsorted(found.starts, folded.starts - 1)
    return Grams(found.buckets, found.starts, found.ends, bounds)


def _streams(folded: Folded) -> Grams:
    """n-grams of letters alone, one of each run, across words: what survives any spacing."""
    spots = np.flatnonzero(folded.kinds == LETTER)
    codes = folded.codes[spots]
    rows = np.searchsorted(folded.starts, spots, side="right")
    fresh = np.ones(len(spots), bool)
    fresh[1:] = (codes[1:] != codes[:-1]) | (rows[1:] != rows[:-1])
    spots, rows, codes = spots[fresh], rows[fresh], codes[fresh].astype(np.uint64)
    hashes, parts = codes.copy(), []
    for length in range(2, max(STREAM_SIZES) + 1):
        if len(codes) < length:
            break
        hashes = hashes[: len(codes) - length + 1] * _BASE + codes[length - 1 :]
        if length in STREAM_SIZES:
            whole = rows[: len(hashes)] == rows[length - 1 :]
            first = np.flatnonzero(whole)
            parts.append((_bucket(hashes[first], 32 + length), spots[first], spots[first + length - 1] + 1))
    return _gathered(folded, parts or [_nothing()])


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    none = np.zeros(0, np.int64)
    return none, none, none


def _words(folded: Folded) -> Grams:
    """Words and telling signs, pairs of neighbours, and words with each run of a letter as one."""
    starts, ends, hashes, bare = tokens(folded)
    if not len(starts):
        return _gathered(folded, [_nothing()])
    rows = np.searchsorted(folded.starts, starts, side="right")
    pair = rows[1:] == rows[:-1]
    pairs = (hashes[:-1] * _BASE + hashes[1:])[pair]
    return _gathered(
        folded,
        [
            (_bucket(hashes, 64), starts, ends),
            (_bucket(bare, 65), starts, ends),
            (_bucket(pairs, 66), starts[:-1][pair], ends[1:][pair]),
        ],
    )


def tokens(folded: Folded) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(k,) starts and ends, hashes, and hashes with each run of a letter as one, in the order of places."""
    word = (folded.kinds == LETTER) | (folded.kinds == DIGIT)
    sign = (folded.kinds == SYMBOL) & ((folded.codes >= 128) | _TELLING[np.minimum(folded.codes, 127)])
    first = np.concatenate([[False], word[1:] & ~word[:-1]]) | sign
    starts = np.flatnonzero(first)
    inside = word | sign
    places = np.flatnonzero(inside)
    token = np.cumsum(first)[places] - 1
    codes = np.where(folded.kinds == DIGIT, _ZERO, folded.codes)[places].astype(np.uint64)
    hashes = _polynomial(codes, token, len(starts))
    fresh = np.ones(len(places), bool)
    fresh[1:] = (codes[1:] != codes[:-1]) | (token[1:] != token[:-1])
    bare = _polynomial(codes[fresh], token[fresh], len(starts))
    ends = starts + np.bincount(token, minlength=len(starts))
    return starts, ends, hashes, bare


def _polynomial(codes: np.ndarray, token: np.ndarray, count: int) -> np.ndarray:
    """(count,) uint64: the sum of each token's code points times the powers of the base by their place."""
    if not len(codes):
        return np.zeros(count, np.uint64)
    begins = np.flatnonzero(np.concatenate([[True], token[1:] != token[:-1]]))
    place = np.arange(len(codes)) - np.repeat(begins, np.diff(np.append(begins, len(codes))))
    powers = _powers(int(place.max()) + 1)
    return np.add.reduceat(codes * powers[place], begins)


def _powers(count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.cumprod(np.concatenate([[np.uint64(1)], np.full(count - 1, _BASE)]), dtype=np.uint64)
