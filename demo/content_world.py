"""The sample world's texts with their labels, made from a seed: what moderation and analysis learn from.

Some unwanted texts are disguised, as they are in life: l33t, spaces, repeated letters, zero-width characters,
letters of another script. A few labels are wrong, as people's are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from demo import content_words as words

CLEAN = "clean"
#: What the families call the types of names.
ENTITY = {"PERSON": "person", "PLACE": "location", "COMPANY": "organization"}
_LEET = str.maketrans("aeiost", "431057")
_ALIKE = str.maketrans("aeopcx", "аеорсх")  # the same letters to the eye, Cyrillic ones
_WRONG = 0.02


@dataclass(frozen=True)
class ContentSize:
    """How many labelled texts and pictures the sample world has."""

    texts: int = 2400
    sentiments: int = 1500
    topics: int = 1500
    names: int = 600
    pictures_a_class: int = 110


@dataclass(frozen=True)
class Labelled:
    """A text, its label, and what belongs together with it."""

    text: str
    label: str
    group: str


def moderated(rng: np.random.Generator, count: int) -> list[Labelled]:
    """Texts with the labels of moderation, joined by ``+``; six of ten are clean."""
    kinds = rng.choice(5, size=count, p=(0.42, 0.18, 0.2, 0.12, 0.08))
    makers: Sequence[Callable[[np.random.Generator], tuple[str, str]]] = (
        _plain, _neutral, _spam, _toxic, _hate,
    )  # fmt: skip
    found = []
    for number, kind in enumerate(kinds.tolist()):
        text, label = makers[kind](rng)
        if label != CLEAN and rng.random() < 0.3:
            text = disguise(text, rng)
        if rng.random() < _WRONG:
            label = CLEAN if label != CLEAN else "toxicity"
        found.append(Labelled(text, label, f"thread-{number // 4}"))
    return found


def sentiments(rng: np.random.Generator, count: int) -> list[Labelled]:
    """Texts that are negative, neutral or positive."""
    names = list(words.SENTIMENTS)
    picked = rng.integers(len(names), size=count).tolist()
    return [Labelled(_said(rng, names[one])[0], names[one], f"said-{n // 3}") for n, one in enumerate(picked)]


def topics(rng: np.random.Generator, count: int) -> list[Labelled]:
    """Texts with the category that they are about."""
    told = [_said(rng) for _ in range(count)]
    return [Labelled(text, category, f"about-{n // 3}") for n, (text, category) in enumerate(told)]


def names(rng: np.random.Generator, count: int) -> list[Labelled]:
    """Texts with a BIO tag for each of their words, joined by spaces."""
    found = []
    for number in range(count):
        spoken: list[str] = []
        tags: list[str] = []
        for word in _of(rng, words.NAMED).split():
            name = _name(rng, word)
            spoken += name
            kind = ENTITY.get(word)
            tags += [f"{'I' if place else 'B'}-{kind}" if kind else "O" for place in range(len(name))]
        found.append(Labelled(" ".join(spoken), " ".join(tags), f"names-{number // 3}"))
    return found


def last_month(as_of: date) -> tuple[date, int]:
    """The first day of the month that was over last, and how many days it had."""
    end = as_of.replace(day=1)
    first = (end - timedelta(days=1)).replace(day=1)
    return first, (end - first).days


def table(texts: Sequence[Labelled], start: date, days: int, what: str, rng: np.random.Generator) -> pa.Table:
    """The texts as a file of labels: written and labelled within the ``days`` days from ``start`` on.

    Ids carry the day, so that the worlds of two months do not run into one another.
    """
    first = datetime.combine(start, time(), UTC)
    seconds = np.sort(rng.integers((days - 2) * 86_400, size=len(texts))).tolist()
    at = [first + timedelta(seconds=one) for one in seconds]
    return pa.table(
        {
            "text_id": [f"{what}-{first:%y%m%d}-{number:05d}" for number in range(len(texts))],
            "text": [one.text for one in texts],
            "label": [one.label for one in texts],
            "language": ["en"] * len(texts),
            "group_id": [f"{one.group}-{first:%y%m%d}" for one in texts],
            "user_id": [f"w{first:%y%m%d}-{one:03d}" for one in rng.integers(300, size=len(texts)).tolist()],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "labelled_at": pa.array([one + timedelta(hours=20) for one in at], pa.timestamp("us", "UTC")),
            "labelled_by": ["sample-admin"] * len(texts),
        }
    )


def disguise(text: str, rng: np.random.Generator) -> str:
    """``text`` as somebody writes it who does not want it to be found."""
    return _DISGUISES[int(rng.integers(len(_DISGUISES)))](text, rng)


def _spaced(text: str, rng: np.random.Generator) -> str:
    parts = text.split(" ")
    place = int(rng.integers(len(parts)))
    return " ".join([*parts[:place], " ".join(parts[place]), *parts[place + 1 :]])


def _stretched(text: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(1, len(text)))
    return text[:place] + text[place - 1] * int(rng.integers(2, 6)) + text[place:]


_DISGUISES: Sequence[Callable[[str, np.random.Generator], str]] = (
    lambda text, _: text.translate(_LEET),
    lambda text, _: text.translate(_ALIKE),
    lambda text, _: "\u200b".join(text),
    _spaced,
    _stretched,
)


def _of(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _said(rng: np.random.Generator, sentiment: str | None = None) -> tuple[str, str]:
    """A sentence about something, and the category of that."""
    category = _of(rng, list(words.THINGS))
    pattern = _of(rng, words.SENTIMENTS[sentiment or _of(rng, list(words.SENTIMENTS))])
    text = pattern.format(
        thing=_of(rng, words.THINGS[category]),
        setting=_of(rng, words.SETTINGS[category]),
        n=int(rng.integers(2, 12)),
    )
    return text, category


def _plain(rng: np.random.Generator) -> tuple[str, str]:
    return _said(rng)[0], CLEAN


def _neutral(rng: np.random.Generator) -> tuple[str, str]:
    thing = _of(rng, words.THINGS[_of(rng, list(words.THINGS))])
    return _of(rng, words.NEUTRAL).format(people=_of(rng, words.PEOPLE), thing=thing), CLEAN


def _spam(rng: np.random.Generator) -> tuple[str, str]:
    number = int(rng.integers(2, 90))
    link = _of(rng, words.LINKS).format(n=number)
    return _with(_of(rng, words.SPAM).format(prize=_of(rng, words.PRIZES), link=link, n=number), rng), "spam"


def _toxic(rng: np.random.Generator) -> tuple[str, str]:
    return _with(_of(rng, words.TOXIC).format(insult=_of(rng, words.INSULTS)), rng), "toxicity"


def _hate(rng: np.random.Generator) -> tuple[str, str]:
    return _with(_of(rng, words.HATE).format(outcasts=_of(rng, words.OUTCASTS)), rng), "hate+toxicity"


def _with(text: str, rng: np.random.Generator) -> str:
    """``text`` among other words, as most unwanted sentences stand in a longer one."""
    other = _said(rng)[0]
    return (text, f"{text}. {other}", f"{other}. {text}")[int(rng.integers(3))]


def _name(rng: np.random.Generator, word: str) -> list[str]:
    parts = {"PERSON": words.FIRST, "PLACE": words.PLACES, "COMPANY": words.COMPANIES}.get(word)
    if parts is None:
        return [word]
    made = [_made_up(parts, rng)]
    if word == "PERSON" and rng.random() < 0.6:
        made.append(_made_up(words.LAST, rng))
    return made


def _made_up(parts: tuple[Sequence[str], Sequence[str]], rng: np.random.Generator) -> str:
    return _of(rng, parts[0]) + _of(rng, words.MIDDLE) + _of(rng, parts[1])
