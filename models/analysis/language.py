"""The language of a text, by lingua: one, and of a mixed text several with their shares.

With all its 75 languages lingua's large models take 1.3 GB and 5 s to load. So they are loaded only for a few
named languages; otherwise its trigram models answer, in 70 MB and under a second. Those take "best video ever"
for Tagalog. Common words mend that: each one in a text is evidence for the languages that have it, which lifts
tweets in English from 0.97 to 0.998 (the large models: 0.993) and harms no other language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from config.errors import SettingsError
from models.common_words import common_words, hits
from models.prose import letters, prose

#: Up to so many languages the large models are used (some 30 MB each).
FEW_LANGUAGES = 6
#: Characters of a text that are looked at: more say nothing new.
_ENOUGH = 300
#: Fewer letters of an alphabet are no evidence; a single sign of Chinese is.
_FEWEST_LETTERS = 3
#: What a common word adds to the log of lingua's confidence, up to so many words; and the least confidence.
_WORD_EVIDENCE, _MOST_HITS, _FLOOR = 2.0, 8, 1e-3
#: A part of a text with so many letters can show a language of its own; one in another script sooner.
_PART_LETTERS, _STRANGE_LETTERS = 14, 6
_MOST_PARTS = 12
#: A further language needs this share of the text.
_LEAST_SHARE = 0.15
_ENDS = re.compile(r"(?<=[.!?…;:])\s+|[\n\r|/]+|(?<=[。！？])|\s[-–—]\s")
_ALPHABET = re.compile(r"[\u0041-\u024f\u0370-\u06ff\u1e00-\u1fff]")
_LATIN = re.compile(r"[\u0041-\u024f\u1e00-\u1eff]")
#: From so many texts on, lingua works on them in all its threads.
_MANY = 8


class LanguageFinder:
    """Tells the languages of texts; made once, safe in many threads.

    Args:
        languages: ISO 639-1 codes to tell apart; none: all that lingua knows.

    Raises:
        SettingsError: a code that lingua does not know, or one language alone.
    """

    def __init__(self, languages: Sequence[str] = ()) -> None:
        from lingua import IsoCode639_1, LanguageDetectorBuilder

        wanted = list(dict.fromkeys(code.strip().lower() for code in languages))
        unknown = [code for code in wanted if not hasattr(IsoCode639_1, code.upper())]
        if unknown or len(wanted) == 1:
            raise SettingsError(
                f"ANALYSIS_LANGUAGES must name two languages or more that lingua knows: {', '.join(wanted)}.",
                hint=f"Not known: {', '.join(unknown) or 'none'}. Codes are ISO 639-1, such as en,es.",
            )
        if wanted:
            builder = LanguageDetectorBuilder.from_iso_codes_639_1(
                *(getattr(IsoCode639_1, code.upper()) for code in wanted)
            )
        else:
            builder = LanguageDetectorBuilder.from_all_languages()
        self.large = 0 < len(wanted) <= FEW_LANGUAGES
        if not self.large:
            builder = builder.with_low_accuracy_mode()
        self._detector = builder.with_preloaded_language_models().build()
        common_words()

    @property
    def name(self) -> str:
        """What answers, for ``parts``."""
        from importlib.metadata import version

        size = "large models" if self.large else "trigrams and common words"
        return f"lingua {version('lingua-language-detector')} ({size})"

    def find(self, texts: Sequence[str]) -> list[tuple[str | None, list[dict[str, Any]]]]:
        """(code, languages) of each text.

        ``code`` is ISO 639-1, or None where there is too little to tell. ``languages`` are {language, share},
        the largest share first; of a text in one language it is that one.
        """
        plain = [prose(text) for text in texts]
        heads = [text[:_ENOUGH] for text in plain]
        whole = self._detect(heads)
        # a part is asked about only where it looks like another language than the whole
        parts = [_parts(text) for text in plain]
        odd = [
            part
            for head, row in zip(heads, parts, strict=True)
            for part in row
            if (code := whole[head]) is not None and _looks_other(part, code)
        ]
        found = self._detect(odd)
        return [
            _shares(whole[head], {part: found.get(part, whole[head]) for part in row})
            for head, row in zip(heads, parts, strict=True)
        ]

    def _detect(self, texts: Sequence[str]) -> dict[str, str | None]:
        """The code of each different text."""
        asked = list(dict.fromkeys(texts))
        worth = [text for text in asked if _tellable(text)]
        if len(worth) < _MANY:
            values = [self._detector.compute_language_confidence_values(text) for text in worth]
        else:
            values = self._detector.compute_language_confidence_values_in_parallel(worth)
        codes = {text: _best(text, row) for text, row in zip(worth, values, strict=True)}
        return {text: codes.get(text) for text in asked}


def _best(text: str, confidences: Sequence[Any]) -> str | None:
    """The language with the most evidence: lingua's confidence and the common words."""
    seen = hits(text)
    best, most = None, -math.inf
    for each in confidences:
        code = str(each.language.iso_code_639_1.name).lower()
        if each.value <= 0.0 and code not in seen:
            continue
        evidence = math.log(each.value + _FLOOR) + _WORD_EVIDENCE * min(seen.get(code, 0), _MOST_HITS)
        if evidence > most:
            best, most = code, evidence
    # without any confidence lingua rules all out: signs that are of no language
    return best if confidences and confidences[0].value > 0.0 else None


def _tellable(text: str) -> bool:
    count = letters(text)
    return count >= _FEWEST_LETTERS or (count > 0 and not _ALPHABET.search(text))


def _parts(text: str) -> list[str]:
    """The sentences of a text that are long enough to show a language, from all over it; none for one alone."""
    found: list[str] = []
    carried = ""
    for piece in _ENDS.split(text):
        carried = f"{carried} {piece}".strip() if carried else piece.strip()
        if letters(carried) >= (_PART_LETTERS if _LATIN.search(carried) else _STRANGE_LETTERS):
            found.append(carried[:_ENOUGH])
            carried = ""
    if len(found) > _MOST_PARTS:
        step = len(found) / _MOST_PARTS
        found = [found[int(number * step)] for number in range(_MOST_PARTS)]
    return found if len(found) > 1 else []


def _looks_other(part: str, code: str) -> bool:
    """Whether a part has more common words of another language, or none of a language that has a list, or
    is in another script.
    """
    seen = hits(part)
    if not seen:
        return _LATIN.search(part) is None or code not in _listed()
    return max(seen.values()) > seen.get(code, 0)


@lru_cache(maxsize=1)
def _listed() -> frozenset[str]:
    return frozenset(code for codes in common_words().values() for code in codes)


def _shares(whole: str | None, found: dict[str, str | None]) -> tuple[str | None, list[dict[str, Any]]]:
    """The language of most of the text, and the shares of those that its parts are in."""
    if whole is None:
        return None, []
    sizes: dict[str, int] = {}
    for part, code in found.items():
        sizes[code or whole] = sizes.get(code or whole, 0) + letters(part)
    total = sum(sizes.values())
    kept = {code: size for code, size in sizes.items() if size >= _LEAST_SHARE * total}
    if len(kept) < 2:
        return whole, [{"language": whole, "share": 1.0}]
    total = sum(kept.values())
    ordered = sorted(kept.items(), key=lambda pair: (-pair[1], pair[0]))
    return ordered[0][0], [{"language": code, "share": round(size / total, 3)} for code, size in ordered]
