"""Words of a text as numbered buckets (the hashing trick).

Weinberger et al. 2009, "Feature hashing for large scale multitask learning": a word or a pair of neighbouring
words is the bucket that its CRC-32 names, so that no vocabulary is kept and a word never seen before has a
place too.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise

BUCKETS = 1 << 16
#: Words past this many are not looked at.
MOST_WORDS = 80
#: A run of letters and digits; a sign of a script without spaces stands alone, and so does punctuation.
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]"
)
_ALONE = b"\x00"


def buckets(text: str | None) -> list[int]:
    """The buckets of a text's words and pairs of words, each once, rising; empty where there is no text."""
    if not text:
        return []
    words = [word.encode("utf-8", "surrogatepass") for word in _TOKEN.findall(text.lower())[:MOST_WORDS]]
    crc = zlib.crc32
    found = {crc(word) & (BUCKETS - 1) for word in words}
    found.update(crc(second, crc(_ALONE, crc(first))) & (BUCKETS - 1) for first, second in pairwise(words))
    return sorted(found)
