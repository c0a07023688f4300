"""Texts as they are meant: read through disguises, a whole batch at once, with the way back to the characters.

What is read through: case, accents, widths, look-alike letters and invisible characters
(``models/text/codepoints.py``), letters set apart (``f u c k``, ``f.u.c.k``), digits and signs in place of
letters (``sh1t``, ``a$$``), and letters written many times over (``fuuuck``). A name behind an ``@`` is left
out: who is spoken to says nothing about what is said. Normalising what is normal changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.text.codepoints import DIGIT, LETTER, SPACE, SYMBOL, code_points

#: What is put between two texts of a batch; it never occurs in one.
BREAK = 0x0A
_AT, _DOLLAR, _UNDERSCORE = ord("@"), ord("$"), ord("_")
_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i"}
_MEANT = np.arange(128, dtype=np.int32)
for _sign, _letter in _LEET.items():
    _MEANT[ord(_sign)] = ord(_letter)
_DISGUISE = np.arange(128) != _MEANT
#: Letters that are often written twice: of three or more, two stay.
_DOUBLED = np.zeros(128, bool)
_DOUBLED[[ord(letter) for letter in "lsg"]] = True
#: Letters (with their digits) set apart are joined from this many on.
_SET_APART = 3
_LONGEST_SYMBOLS = 3


@dataclass(frozen=True)
class Folded:
    """Normalised texts of a batch, one after another.

    Attributes:
        codes: (m,) int32 code points; a ``BREAK`` before the first text and after each.
        kinds: (m,) uint8 kinds of ``models/text/codepoints.py``; a break is a space.
        places: (m,) int64 which character each came from, of all texts joined with a character between.
        starts: (n + 1,) where in ``codes`` each text begins, and where the last one ended.
        offsets: (n,) where in the joined characters each text begins.
    """

    codes: np.ndarray
    kinds: np.ndarray
    places: np.ndarray
    starts: np.ndarray
    offsets: np.ndarray

    def text(self, row: int) -> str:
        """The normalised text of one row."""
        return "".join(map(chr, self.codes[self.starts[row] : self.starts[row + 1] - 1].tolist()))


def normalise(text: str) -> str:
    """One text, normalised."""
    return fold([text]).text(0)


def fold(texts: Sequence[str]) -> Folded:
    """All texts, normalised. Time is linear in their characters."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    joined = ("\n" + "\n".join(texts) + "\n").encode("utf-32-le", "surrogatepass")
    raw = np.frombuffer(joined, "<u4")
    breaks = np.concatenate([[0], 1 + np.cumsum(lengths + 1) - 1])
    known = code_points()
    codes, places = known.fold(raw)
    # where the breaks came to stand: they were folded as spaces, and are marked again
    at = np.searchsorted(places, breaks)
    codes[at] = BREAK
    kinds = known.kinds(codes)
    kinds[at] = SPACE
    now = _State(codes, kinds, places)
    now = _without_names(now)
    now = _joined(now)
    now = _unmasked(now)
    now = _shortened(now)
    ends = np.flatnonzero(now.codes == BREAK)
    return Folded(now.codes, now.kinds, now.places, ends + 1, breaks[:-1] + 1)


@dataclass(frozen=True)
class _State:
    codes: np.ndarray
    kinds: np.ndarray
    places: np.ndarray

    def keep(self, kept: np.ndarray) -> _State:
        return self if kept.all() else _State(self.codes[kept], self.kinds[kept], self.places[kept])


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k,) starts and (k,) ends of the runs of True."""
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    if mask[0]:
        edges = np.concatenate([[0], edges])
    if len(edges) % 2:
        edges = np.concatenate([edges, [len(mask)]])
    return edges[::2], edges[1::2]


def _without_names(now: _State) -> _State:
    """``@name`` becomes ``@``. One that begins as a disguised ``ass`` is none."""
    codes = now.codes
    ats = np.flatnonzero(codes == _AT)
    if not len(ats):
        return now
    name = (now.kinds == LETTER) | (now.kinds == DIGIT) | (codes == _UNDERSCORE)
    first, second = codes[ats + 1], codes[np.minimum(ats + 2, len(codes) - 1)]
    s = ord("s")
    ats = ats[~name[ats - 1] & name[ats + 1] & ~((first == s) & (second == s))]
    starts, ends = _runs(name)
    where = np.searchsorted(starts, ats + 1)
    return now.keep(~_covered(len(codes), starts[where], ends[where]))


def _covered(size: int, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(size,) whether each place lies in one of the spans, which do not overlap."""
    steps = np.zeros(size + 1, np.int8)
    steps[starts] += 1
    steps[ends] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)


def _joined(now: _State) -> _State:
    """Three or more single letters with one character between each are one word."""
    ascii_codes = np.minimum(now.codes, 127)
    letter = now.kinds == LETTER
    digit = now.kinds == DIGIT
    wordish = letter | digit | (now.codes == _DOLLAR)
    alone = wordish.copy()
    alone[1:] &= ~wordish[:-1]
    alone[:-1] &= ~wordish[1:]
    alone &= letter | _DISGUISE[ascii_codes]
    spots = np.flatnonzero(alone)
    if len(spots) < _SET_APART:
        return now
    gap = np.diff(spots)
    near = (gap == 2) & (now.codes[spots[:-1] + 1] != BREAK)
    starts, ends = _runs(np.concatenate([near, [False]]))  # spots starts..ends are one chain
    if not len(starts):
        return now
    letters = np.concatenate([[0], np.cumsum(letter[spots])])
    fits = (ends - starts + 1 >= _SET_APART) & (letters[ends + 1] - letters[starts] >= _SET_APART - 1)
    inside = _covered(len(now.codes), spots[starts[fits]], spots[ends[fits]] + 1)
    return now.keep(~inside | alone)


def _unmasked(now: _State) -> _State:
    """Digits and signs for letters: up to three with letters around them, or one at a word's edge."""
    ascii_codes = np.minimum(now.codes, 127)
    mask = (now.kinds == DIGIT) | (_DISGUISE[ascii_codes] & (now.kinds == SYMBOL))
    starts, ends = _runs(mask)
    letter = now.kinds == LETTER
    before, after = letter[starts - 1], letter[ends]
    length = ends - starts
    first, last = now.codes[starts], now.codes[ends - 1]
    s = ord("s")
    following = now.codes[np.minimum(ends + 1, len(now.codes) - 1)]
    buttocks = after & ~before & (first == _AT) & (length == 1) & (now.codes[ends] == s) & (following == s)
    edge = (length == 1) & (before ^ after) & ((now.kinds[starts] == DIGIT) | (first == _DOLLAR)) | buttocks
    doubled = (length == 2) & before & ~after & (first == _DOLLAR) & (last == _DOLLAR)
    hidden = np.concatenate([[0], np.cumsum(_DISGUISE[ascii_codes])])
    whole = hidden[ends] - hidden[starts] == length
    meant = (before & after & ((length <= 2) | ((length == 3) & whole))) | edge | doubled
    if not meant.any():
        return now
    change = _covered(len(now.codes), starts[meant], ends[meant]) & _DISGUISE[ascii_codes]
    codes = np.where(change, _MEANT[ascii_codes], now.codes)
    return _State(codes, np.where(change, LETTER, now.kinds).astype(np.uint8), now.places)


def _shortened(now: _State) -> _State:
    """Three or more of one letter are one (two of those that are often doubled, and of a word of one letter);
    of other signs three stay, and of spaces two.
    """
    same = np.concatenate([[False], now.codes[1:] == now.codes[:-1]])
    same &= (now.kinds != DIGIT) & (now.codes != BREAK)
    same[1:] &= now.kinds[1:] == now.kinds[:-1]
    starts, ends = _runs(same)
    starts = starts - 1
    long = ends - starts > 2
    if not long.any():
        return now
    starts, ends = starts[long], ends[long]
    kind = now.kinds[starts]
    word = (now.kinds == LETTER) | (now.kinds == DIGIT)
    whole = ~word[starts - 1] & ~word[ends]
    often = _DOUBLED[np.minimum(now.codes[starts], 127)] | whole
    kept = np.select([kind == LETTER, kind == SPACE], [np.where(often, 2, 1), 2], _LONGEST_SYMBOLS)
    return now.keep(~_covered(len(now.codes), np.minimum(starts + kept, ends), ends))
