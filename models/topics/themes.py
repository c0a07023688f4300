"""Finer topics, found without labels: words that occur together, named by the three that say most.

Non-negative factors of the texts' TF-IDF (Lee and Seung 1999). The start is computed and not drawn, so that the
same texts give the same topics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.common_words import common_words
from models.prose import prose

MOST_THEMES = 40
#: A topic for so many texts, and no topics for fewer than twice that.
_TEXTS_A_THEME = 50
_WORDS, _NAMED_BY = 3000, 3
#: A word counts if so many texts have it, and not more than this share.
_FEWEST_TEXTS, _MOST_SHARE = 3, 0.3
#: A text is of a topic from this likeness on, and of three at most.
_LIKENESS, _MOST_OF_TEXT = 0.25, 3
_WORD = re.compile(r"[^\W\d_]{3,30}")
_MOST_WORDS = 2000


@dataclass(frozen=True)
class Themes:
    """Topics of one corpus.

    Attributes:
        names: of the topics, by their top words.
        words: those that count.
        weights: (words, topics) not negative, each topic of length one, times the rarity of the word.
        rarity: (words,).
    """

    names: tuple[str, ...]
    words: tuple[str, ...]
    weights: np.ndarray
    rarity: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", {word: row for row, word in enumerate(self.words)})

    def of(self, text: str) -> list[dict[str, Any]]:
        """{name, score} of the topics of ``text``, best first; ``score`` in (0, 1] is the cosine."""
        rows: dict[str, int] = getattr(self, "_rows")  # noqa: B009 - made in __post_init__ of a frozen class
        counts: dict[int, int] = {}
        for word in words_of(text):
            if word in rows:
                counts[rows[word]] = counts.get(rows[word], 0) + 1
        if not counts or not self.names:
            return []
        places = np.fromiter(counts, np.int64, len(counts))
        said = (1.0 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))) * self.rarity[places]
        # added one after another, so that a text's score is the same in any company
        likeness = (self.weights[places] * (said / np.sqrt(np.sum(said**2)))[:, None]).sum(axis=0)
        best = np.argsort(-likeness, kind="stable")[:_MOST_OF_TEXT].tolist()
        return [
            {"name": self.names[at], "score": round(min(float(likeness[at]), 1.0), 4)}
            for at in best
            if likeness[at] >= _LIKENESS
        ]

    def state(self) -> dict[str, Any]:
        """JSON-ready form; :func:`restore_themes` reads it."""
        return {
            "names": list(self.names),
            "words": list(self.words),
            "weights": np.round(self.weights, 5).tolist(),
            "rarity": np.round(self.rarity, 5).tolist(),
        }


def words_of(text: str) -> list[str]:
    """The words of ``text`` that can say what it is about, in small letters."""
    known = common_words()
    found = _WORD.findall(prose(text).lower())[:_MOST_WORDS]
    return [word for word in found if word not in known]


def restore_themes(state: Mapping[str, Any]) -> Themes:
    """Topics out of :meth:`Themes.state`. Raises KeyError, TypeError or ValueError."""
    names, words = tuple(map(str, state["names"])), tuple(map(str, state["words"]))
    weights = np.asarray(state["weights"], np.float64).reshape(len(words), len(names))
    rarity = np.asarray(state["rarity"], np.float64)
    if rarity.shape != (len(words),) or not (np.isfinite(weights).all() and np.isfinite(rarity).all()):
        raise ValueError("its topics do not fit together")
    return Themes(names, words, weights, rarity)


def fit_themes(texts: Sequence[str], seed: int) -> Themes:
    """The topics of ``texts``; none of a corpus too small to have any."""
    themes = min(MOST_THEMES, len(texts) // _TEXTS_A_THEME)
    counted, words, rarity = _counted(texts)
    if themes < 2 or len(words) < 2 * themes:
        return Themes((), (), np.zeros((0, 0)), np.zeros(0))
    import warnings

    from sklearn.decomposition import NMF

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # near enough after so many rounds
        model = NMF(themes, init="nndsvd", random_state=seed, max_iter=120, tol=1e-3)
        model.fit(counted)
    parts = np.asarray(model.components_, np.float64)
    parts = parts[parts.sum(axis=1) > 0.0]
    parts /= np.sqrt((parts**2).sum(axis=1, keepdims=True))
    named: dict[str, np.ndarray] = {}
    for part in parts:
        top = [words[at] for at in np.argsort(-part, kind="stable")[:_NAMED_BY] if part[at] > 0.05]
        named.setdefault(", ".join(top), part)
    named.pop("", None)
    weights = np.round(np.stack(list(named.values()), axis=1), 5)
    return Themes(tuple(named), tuple(words), weights, np.round(rarity, 5))


def _counted(texts: Sequence[str]) -> tuple[Any, list[str], np.ndarray]:
    """Sparse (texts, words) of length one a text, the words, and their rarity."""
    import scipy.sparse

    rows = [words_of(text) for text in texts]
    seen: dict[str, int] = {}
    for row in rows:
        for word in dict.fromkeys(row):
            seen[word] = seen.get(word, 0) + 1
    usable = [word for word, count in seen.items() if _FEWEST_TEXTS <= count <= _MOST_SHARE * len(texts)]
    words = sorted(sorted(usable, key=lambda word: (-seen[word], word))[:_WORDS])
    place = {word: at for at, word in enumerate(words)}
    rarity = np.array([np.log((1.0 + len(texts)) / (1.0 + seen[word])) + 1.0 for word in words])
    at_row: list[int] = []
    at_word: list[int] = []
    values: list[float] = []
    for number, row in enumerate(rows):
        counts: dict[int, int] = {}
        for word in row:
            if word in place:
                counts[place[word]] = counts.get(place[word], 0) + 1
        said = np.array([(1.0 + np.log(count)) * rarity[at] for at, count in counts.items()])
        at_row += [number] * len(counts)
        at_word += list(counts)
        values += (said / np.sqrt((said**2).sum())).tolist() if len(said) else []
    shape = (len(texts), len(words))
    return scipy.sparse.csr_array((values, (at_row, at_word)), shape=shape), words, rarity
