"""What each code point is read as: case, accents, widths and look-alikes folded, the invisible left out.

Unicode Standard Annex 15 (NFKC) and a table of letters that look like Latin ones (after UTS 39, confusables).
A code point is worked out when it is first met, so that nothing large is computed at the start.
"""

from __future__ import annotations

import threading
import unicodedata

import numpy as np

from config.once import once

SYMBOL, LETTER, DIGIT, SPACE = 0, 1, 2, 3
SIZE = 0x110000
_UNKNOWN, _DROPPED = -2, -1
#: Folded values from here on are numbers of expansions: one character that is read as several.
_SEVERAL = SIZE

# fmt: off
#: Letters of other scripts that look like a Latin one. Folded everywhere: a word of another script stays as
#: distinct as it was, and a Latin word with strangers in it becomes itself.
LOOK_ALIKES = {
    "а": "a", "в": "b", "с": "c", "е": "e", "н": "h", "і": "i", "ј": "j", "к": "k", "м": "m", "о": "o",
    "р": "p", "ѕ": "s", "т": "t", "у": "y", "х": "x", "ԁ": "d", "ԛ": "q", "ԝ": "w", "һ": "h", "ӏ": "l",
    "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v", "ο": "o", "ρ": "p",
    "τ": "t", "υ": "u", "χ": "x", "γ": "y", "ω": "w", "ϲ": "c", "ϳ": "j", "ɑ": "a", "ɡ": "g", "ı": "i",
    "ɩ": "i", "ʟ": "l", "ɴ": "n", "ʀ": "r", "ɢ": "g", "ʜ": "h", "ɪ": "i", "ʏ": "y", "ʙ": "b", "ᴀ": "a",
    "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ᴊ": "j", "ᴋ": "k", "ᴍ": "m", "ᴏ": "o", "ᴘ": "p", "ᴛ": "t", "ᴜ": "u",
    "ᴠ": "v", "ᴡ": "w", "ᴢ": "z", "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ց": "g", "ʋ": "v", "ø": "o",
    "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ß": "ss", "æ": "ae", "œ": "oe", "’": "'", "‘": "'", "“": '"',
    "”": '"', "–": "-", "—": "-", "…": "...",
}
# fmt: on
_BOXED = ((0x1F130, 26), (0x1F150, 26), (0x1F170, 26))
_ACCENTS = range(0x300, 0x370)
_LEFT_OUT = frozenset(
    {0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)


class CodePoints:
    """The tables, filled as code points are met. Safe in many threads: what is filled is always the same."""

    def __init__(self) -> None:
        self._folded = np.full(SIZE, _UNKNOWN, np.int32)
        self._kinds = np.zeros(SIZE, np.uint8)
        self._several: list[tuple[int, ...]] = []
        self._lock = threading.Lock()

    def fold(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is read: (m,) int32 code points, and (m,) the place in ``codes`` (n,) that each came from."""
        found = self._folded[codes]
        if (found == _UNKNOWN).any():
            self._learn(np.unique(codes[found == _UNKNOWN]))
            found = self._folded[codes]
        places = np.flatnonzero(found != _DROPPED)
        found = found[places]
        if len(found) and int(found.max()) >= _SEVERAL:
            return self._expanded(found, places)
        return found, places

    def kinds(self, folded: np.ndarray) -> np.ndarray:
        """(n,) uint8 ``LETTER``, ``DIGIT``, ``SPACE`` or ``SYMBOL`` of folded code points."""
        return self._kinds[folded]

    def _expanded(self, found: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        many = np.flatnonzero(found >= _SEVERAL)
        counts = np.ones(len(found), np.int64)
        parts = [self._several[number - _SEVERAL] for number in found[many].tolist()]
        counts[many] = [len(part) for part in parts]
        whole, origin = np.repeat(found, counts), np.repeat(places, counts)
        starts = (np.cumsum(counts) - counts)[many]
        for start, part in zip(starts.tolist(), parts, strict=True):
            whole[start : start + len(part)] = part
        return whole, origin

    def _learn(self, codes: np.ndarray) -> None:
        with self._lock:
            for code in codes.tolist():
                if self._folded[code] != _UNKNOWN:
                    continue
                read = tuple(map(ord, _read_as(code)))
                for each in read:
                    self._kinds[each] = _kind(each)
                if len(read) > 1:
                    self._several.append(read)
                    self._folded[code] = _SEVERAL + len(self._several) - 1
                else:
                    self._folded[code] = read[0] if read else _DROPPED


@once
def code_points() -> CodePoints:
    """The process's tables."""
    return CodePoints()


def _read_as(code: int) -> str:
    """What one code point is read as; reading the result again changes nothing."""
    sign, before = chr(code), ""
    while sign != before:
        before, sign = sign, "".join(_once(each) for each in sign)
    return sign


def _once(sign: str) -> str:
    code = ord(sign)
    if code in _LEFT_OUT or code in _ACCENTS:
        return ""
    for first, count in _BOXED:
        if first <= code < first + count:
            return chr(ord("a") + code - first)
    category = unicodedata.category(sign)
    if category in ("Zs", "Zl", "Zp") or sign in "\t\n\r\x0b\x0c\x85":
        return " "
    if category in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return ""
    if sign in LOOK_ALIKES:
        return LOOK_ALIKES[sign]
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", sign).casefold())
    kept = "".join(each for each in plain if ord(each) not in _ACCENTS)
    return unicodedata.normalize("NFC", kept)


def _kind(code: int) -> int:
    sign = chr(code)
    if sign == " ":
        return SPACE
    if sign.isalpha() or unicodedata.category(sign) in ("Mn", "Mc"):
        return LETTER
    return DIGIT if sign.isdigit() else SYMBOL
