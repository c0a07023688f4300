"""Counts over titles, for a hundred thousand of them at once and for one: the same counts, by one table.

Every code point has one class (a letter of ``CLASSES``). A batch is one joined array of code points looked
up in that table; a single title is translated by the same table with ``str.translate``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

#: upper, other letter, digit, other alphanumeric, underscore, space, and the signs; "." is all else.
CLASSES = "Uldn_ #@?!e."
KINDS = {letter: index for index, letter in enumerate(CLASSES)}
TABLE_SIZE = 0x20000
_EMOJI = (
    (0x1F300, 0x1FAFF),
    (0x1F1E6, 0x1F1FF),
    (0x2600, 0x27BF),
    (0x2B50, 0x2B55),
    (0x231A, 0x231B),
    (0x23E9, 0x23FA),
)

# fmt: off
HOOK_WORDS = frozenset(
    {
        "amazing", "best", "challenge", "crazy", "easy", "epic", "exposed", "fail", "finally", "first", "free",
        "funniest", "hack", "hacks", "how", "insane", "learn", "life", "never", "new", "official", "omg", "pov",
        "prank", "reaction", "revealed", "satisfying", "secret", "secrets", "shocking", "story", "tips", "top",
        "trend", "trick", "truth", "try", "ultimate", "unbelievable", "vs", "viral", "wait", "watch", "why",
        "won't", "worst", "wow", "wtf", "you", "your",
    }
)
# fmt: on
# fmt: off
CTA_WORDS = frozenset(
    {
        "buy", "challenge", "click", "comment", "duet", "download", "follow", "join", "like", "link", "order",
        "share", "shop", "stitch", "subscribe", "swipe", "tag", "vote", "watch", "win",
    }
)
# fmt: on
TITLE_COUNTS = (
    "hashtag_count",
    "title_length",
    "word_count",
    "has_emoji",
    "has_question",
    "has_number",
    "has_exclamation",
    "hook_word_count",
    "has_cta",
    "uppercase_ratio",
    "mentions_count",
)
_TOKEN = re.compile(r"[A-Za-z0-9']+")
_HASHTAG = re.compile(r"#[Uldn_]")
_MENTION = re.compile(r"(?<![Uldn_])@[Uldn_]")
_PRIME = 0x100000001B3  # FNV's, an odd number with its bits well spread
_TOKEN_MAX = max(map(len, HOOK_WORDS | CTA_WORDS))


@lru_cache(maxsize=1)
def class_codes() -> np.ndarray:
    """(TABLE_SIZE + 1,) uint8: position in ``CLASSES`` of each code point; the last entry is all beyond."""
    points = np.arange(TABLE_SIZE, dtype="<u4")
    points[0xD800:0xE000] = 0xFFFD  # surrogates are no characters
    points[0] = 0xFFFD  # NumPy strings end at a zero
    signs = points.view("<U1")
    table = np.full(TABLE_SIZE + 1, KINDS["."], dtype=np.uint8)
    known = table[:-1]
    known[np.strings.isalnum(signs)] = KINDS["n"]
    known[np.strings.isdecimal(signs)] = KINDS["d"]
    known[np.strings.isalpha(signs)] = KINDS["l"]
    known[np.strings.isupper(signs)] = KINDS["U"]
    known[np.strings.isspace(signs)] = KINDS[" "]
    for first, last in _EMOJI:
        known[first : last + 1] = KINDS["e"]
    for sign in "_#@?!":
        known[ord(sign)] = KINDS[sign]
    return table


@lru_cache(maxsize=1)
def _translation() -> str:
    """The class table as a string, for ``str.translate``: a code point beyond it stays as it is."""
    letters = np.frombuffer(CLASSES.encode(), dtype=np.uint8)
    return letters[class_codes()[:-1]].tobytes().decode()


def category_code(category: str | None) -> float:
    """A category as a number that stays the same for ever: its own where it is one (YouTube's ids), else a hash
    of its name, past all such ids. NaN where there is none.
    """
    if category is None:
        return float("nan")
    if category.isascii() and category.isdigit() and len(category) <= 4:
        return float(category)
    return float(10_000 + zlib.crc32(category.strip().lower().encode("utf-8", "surrogatepass")) % 10_000)


def title_counts(title: str | None) -> tuple[float, ...]:
    """The counts of one title, in the order of ``TITLE_COUNTS``; all NaN where there is none."""
    if title is None:
        return (float("nan"),) * len(TITLE_COUNTS)
    kinds = title.translate(_translation())
    tokens = [token.lower() for token in _TOKEN.findall(title)]
    upper = kinds.count("U")
    letters = upper + kinds.count("l")
    return (
        float(len(_HASHTAG.findall(kinds))) if "#" in kinds else 0.0,
        float(len(title)),
        float(len(kinds.split())),
        float("e" in kinds),
        float("?" in kinds),
        float("d" in kinds),
        float("!" in kinds),
        float(sum(map(HOOK_WORDS.__contains__, tokens))),
        float(not CTA_WORDS.isdisjoint(tokens)),
        upper / letters if letters else float("nan"),
        float(len(_MENTION.findall(kinds))) if "@" in kinds else 0.0,
    )


def title_columns(titles: Sequence[str | None]) -> dict[str, np.ndarray]:
    """The counts of many titles: for each of ``TITLE_COUNTS`` an array (n,), NaN where there is no title."""
    count = len(titles)
    present = np.fromiter((title is not None for title in titles), dtype=bool, count=count)
    if not present.any():
        return {name: np.full(count, np.nan) for name in TITLE_COUNTS}
    texts = [title or "" for title in titles]
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=count)
    codes = np.frombuffer(("\n".join(texts) + "\n").encode("utf-32-le", "surrogatepass"), dtype="<u4")
    kinds = class_codes()[np.minimum(codes, TABLE_SIZE)]
    bounds = np.concatenate([[0], np.cumsum(lengths + 1)])

    def per_title(positions: np.ndarray) -> np.ndarray:
        # positions rise, so that counting them between a title's bounds is one search
        return np.diff(np.searchsorted(positions, bounds)).astype(np.float64)

    def of(kind: str) -> np.ndarray:
        return per_title(np.flatnonzero(kinds == KINDS[kind]))

    space = kinds == KINDS[" "]
    word_start = ~space
    word_start[1:] &= space[:-1]
    in_name = kinds <= KINDS["_"]
    hashtag = np.flatnonzero(kinds == KINDS["#"])
    mention = np.flatnonzero(kinds == KINDS["@"])
    # the code point before the very first one is the newline that ends the joined text
    mention = mention[~in_name[mention - 1] & in_name[mention + 1]]
    upper = of("U")
    letters = upper + of("l")
    hooks, calls = _token_hits(codes)
    columns = {
        "hashtag_count": per_title(hashtag[in_name[hashtag + 1]]),
        "title_length": lengths.astype(np.float64),
        "word_count": per_title(np.flatnonzero(word_start)),
        "has_emoji": (of("e") > 0).astype(np.float64),
        "has_question": (of("?") > 0).astype(np.float64),
        "has_number": (of("d") > 0).astype(np.float64),
        "has_exclamation": (of("!") > 0).astype(np.float64),
        "hook_word_count": per_title(hooks),
        "has_cta": (per_title(calls) > 0).astype(np.float64),
        "uppercase_ratio": np.divide(upper, letters, out=np.full(count, np.nan), where=letters > 0),
        "mentions_count": per_title(mention),
    }
    for column in columns.values():
        column[~present] = np.nan
    return columns


@lru_cache(maxsize=1)
def _token_letters() -> np.ndarray:
    """(129,) uint8: the lower-case code of what a token is made of, else 0; the last entry is all beyond."""
    table = np.zeros(129, dtype=np.uint8)
    for sign in "abcdefghijklmnopqrstuvwxyz0123456789'":
        table[ord(sign)] = table[ord(sign.upper())] = ord(sign)
    return table


def _token_hits(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where tokens start that are hook words, and where those that call to act.

    A token's hash is the polynomial of its lower-case letters modulo 2^64, summed letter by letter over all
    tokens at once. Two short words that collide are not among the words that are looked for.
    """
    letters = _token_letters()[np.minimum(codes, 128)]
    edges = np.flatnonzero(np.diff(letters > 0, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    starts, lengths = starts[lengths <= _TOKEN_MAX], lengths[lengths <= _TOKEN_MAX]
    hashes = np.zeros(len(starts), dtype=np.uint64)
    live = np.arange(len(starts))
    for step in range(_TOKEN_MAX):
        live = live[lengths[live] > step]
        if not len(live):
            break
        hashes[live] += letters[starts[live] + step].astype(np.uint64) * _power(step)
    return starts[_among(hashes, HOOK_WORDS)], starts[_among(hashes, CTA_WORDS)]


def _among(hashes: np.ndarray, words: frozenset[str]) -> np.ndarray:
    """(n,) whether each hash is that of one of ``words``. For a hundred titles ``np.isin`` costs five times as
    much.
    """
    table = _hashes(words)
    return table[np.searchsorted(table, hashes) % len(table)] == hashes


@lru_cache(maxsize=32)
def _power(step: int) -> np.uint64:
    return np.uint64(pow(_PRIME, step, 1 << 64))


@lru_cache(maxsize=4)
def _hashes(words: frozenset[str]) -> np.ndarray:
    """(words,) uint64, rising: the same polynomial for the words that are looked for."""
    sums = [
        sum(byte * pow(_PRIME, at, 1 << 64) for at, byte in enumerate(word.encode())) for word in sorted(words)
    ]
    return np.array(sorted(value % (1 << 64) for value in sums), dtype=np.uint64)
