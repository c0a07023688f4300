"""Facts about a text, for a whole batch at once: what case, signs, disguises and known words give away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.text.codepoints import DIGIT, LETTER
from models.text.normalise import Folded
from models.text.valence import feelings

FACTS = (
    "length", "words", "capitals", "digits", "exclamations", "questions", "names", "hashtags", "money", "links",
    "beyond_latin", "left_out", "long_number", "harsh", "kind", "feeling",
)  # fmt: skip
_LATIN = 0x250


def fact_matrix(texts: Sequence[str], folded: Folded) -> np.ndarray:
    """(n, FACTS) float64: counts as log(1 + count), shares as they are."""
    raw = np.frombuffer(("\n" + "\n".join(texts) + "\n").encode("utf-32-le", "surrogatepass"), "<u4")
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    bounds = np.concatenate([[0], np.cumsum(lengths + 1)]) + 1
    upper = (raw >= ord("A")) & (raw <= ord("Z"))

    def of_raw(mask: np.ndarray) -> np.ndarray:
        return _counted(mask, bounds)

    def of_folded(mask: np.ndarray) -> np.ndarray:
        return _counted(mask, folded.starts)

    codes, kinds = folded.codes, folded.kinds
    letter, digit = kinds == LETTER, kinds == DIGIT
    word = letter | digit
    begins = np.concatenate([[False], word[1:] & ~word[:-1]])
    run = digit.copy()
    run[3:] &= digit[2:-1] & digit[1:-2] & digit[:-3]
    run[:3] = False
    letters = of_folded(letter)
    kept = np.diff(folded.starts) - 1
    return np.stack(
        [
            np.log1p(lengths),
            np.log1p(of_folded(begins)),
            of_raw(upper) / np.maximum(letters, 1),
            np.log1p(of_folded(digit)),
            np.log1p(of_raw(raw == ord("!"))),
            np.log1p(of_raw(raw == ord("?"))),
            np.log1p(of_raw(raw == ord("@"))),
            np.log1p(of_raw(raw == ord("#"))),
            np.log1p(of_raw((raw == ord("$")) | (raw == 0xA3) | (raw == 0x20AC))),
            np.log1p(of_folded(_links(codes))),
            of_folded(letter & (codes >= _LATIN)) / np.maximum(letters, 1),
            np.log1p(np.maximum(lengths - kept, 0)) / np.log1p(np.maximum(lengths, 1)),
            np.log1p(of_folded(run)),
            *feelings(folded).T,
        ],
        axis=1,
    )


def _links(codes: np.ndarray) -> np.ndarray:
    """Where ``://`` begins, or ``www.``."""
    found = np.zeros(len(codes), bool)
    for sign in ("://", "ww."):
        hit = np.ones(max(len(codes) - len(sign) + 1, 0), bool)
        for step, each in enumerate(sign):
            hit &= codes[step : step + len(hit)] == ord(each)
        found[: len(hit)] |= hit
    return found


def _counted(mask: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """(n,) how many of the places between a text's bounds are marked."""
    return np.diff(np.searchsorted(np.flatnonzero(mask), bounds)).astype(np.float64)
