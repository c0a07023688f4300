"""The most common words of some thirty languages: what is no keyword, and a hint at the language of few words.

The lists are those that yake brings (Campos et al. 2020); they are read once a process.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_FILE = re.compile(r"stopwords_(\w\w)\.txt")
#: yake's name of a list -> ISO 639-1, where it is another; Norwegian has two written languages.
_CODES = {"cz": ("cs",), "no": ("nb", "nn"), "br": ("pt",)}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
#: Words of a text past this many are not looked at.
_MOST_WORDS = 60


@lru_cache(maxsize=1)
def common_words() -> dict[str, frozenset[str]]:
    """Word -> the languages (ISO 639-1) in which it is common."""
    found: dict[str, set[str]] = {}
    # found without importing yake, which would import networkx and more
    spec = find_spec("yake")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted((Path(place) / "core" / "StopwordsList").glob("stopwords_*.txt")):
            named = _FILE.fullmatch(file.name)
            if named is None:
                continue
            codes = _CODES.get(named[1], (named[1],))
            for word in _text(file.read_bytes()).lower().split("\n"):
                if word.strip():
                    found.setdefault(word.strip(), set()).update(codes)
    return {word: frozenset(codes) for word, codes in found.items()}


def hits(text: str) -> dict[str, int]:
    """Language -> how many different words of ``text`` are common in it."""
    known = common_words()
    counts: dict[str, int] = {}
    for word in dict.fromkeys(_WORD.findall(text.lower())[:_MOST_WORDS]):
        for code in known.get(word, ()):
            counts[code] = counts.get(code, 0) + 1
    return counts


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
