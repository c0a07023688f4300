"""How files write a sentiment: by name, or by numbers that mean what the other numbers of the file allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.sentiment.lexicon import CLASSES, NEGATIVE, NEUTRAL, POSITIVE
from models.text.clean import TextCleaner

_NAMES = {
    NEGATIVE: ("negative", "neg", "-", "bad", "very negative"),
    NEUTRAL: ("neutral", "neu", "none", "neither"),
    POSITIVE: ("positive", "pos", "+", "good", "very positive"),
}
_CLASS_OF = {name: label for label, names in _NAMES.items() for name in names}
_N, _O, _P = CLASSES
#: The numbers of a file -> what each means, the first that has all of them: two classes; TweetEval's three;
#: signs; Sentiment140's; stars.
_SCALES: tuple[dict[int, str], ...] = (
    {0: _N, 1: _P},
    {-1: _N, 1: _P},
    {0: _N, 1: _O, 2: _P},
    {-1: _N, 0: _O, 1: _P},
    {0: _N, 2: _O, 4: _P},
    {1: _N, 2: _N, 3: _O, 4: _P, 5: _P},
    {0: _N, 1: _N, 2: _O, 3: _P, 4: _P},
)


def read_label(raw: str, _column: str) -> str | None:
    """The class that a name stands for, or None."""
    return _CLASS_OF.get(raw.strip().casefold())


def numbered(table: Any, chosen: Mapping[str, str]) -> list[str | None] | None:
    """The class of each row of a file whose labels are numbers; None where they are not."""
    if "label" not in chosen:
        return None
    values = [_whole(value) for value in table[chosen["label"]].to_pylist()]
    seen = {value for value in values if isinstance(value, int)}
    scale = _scale_of(seen)
    if scale is None or any(value is False for value in values):
        return None
    return [scale.get(value) if value is not None else None for value in values]


def _scale_of(seen: set[int]) -> dict[int, str] | None:
    if not seen:
        return None
    return next((scale for scale in _SCALES if seen <= set(scale)), None)


def _whole(value: Any) -> int | bool | None:
    """A whole number, None for nothing, False for what is no number."""
    if value is None or not str(value).strip():
        return None
    try:
        number = float(str(value))
    except ValueError:
        return False
    return int(number) if number == int(number) else False


def class_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes that occur, in their order."""
    return tuple(name for name in CLASSES if name in set(labels))


CLEANER = TextCleaner(read=read_label, known=CLASSES, columns=numbered, more={"label": ("sentiment_label",)})
