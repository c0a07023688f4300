"""The labels of moderation, how a text's labels are written, and what other data sets call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: In the order in which a label column names them.
LABELS = ("spam", "hate", "toxicity")
CLEAN = "clean"
#: What may hold together: hate is toxic too.
CLASSES = (CLEAN, "spam", "toxicity", "hate+toxicity", "spam+toxicity", "spam+hate+toxicity")

# fmt: off
_WORDS: Mapping[str, str] = {
    "clean": "clean", "ham": "clean", "none": "clean", "neither": "clean", "normal": "clean",
    "neutral": "clean", "ok": "clean", "safe": "clean", "not": "clean", "non_spam": "clean",
    "not_spam": "clean", "nonspam": "clean", "legit": "clean", "not_hate": "clean", "non_hate": "clean",
    "nothate": "clean", "no_hate": "clean",
    "not_offensive": "clean", "non_offensive": "clean", "not_toxic": "clean", "non_toxic": "clean",
    "acceptable": "clean", "benign": "clean", "non_hateful": "clean", "not_hateful": "clean",
    "spam": "spam", "is_spam": "spam", "scam": "spam", "phishing": "spam",
    "hate": "hate+toxicity", "hate_speech": "hate+toxicity", "hateful": "hate+toxicity",
    "hatespeech": "hate+toxicity", "identity_hate": "hate+toxicity", "racism": "hate+toxicity",
    "sexism": "hate+toxicity", "hof_hate": "hate+toxicity",
    "toxicity": "toxicity", "toxic": "toxicity", "offensive": "toxicity", "offensive_language": "toxicity",
    "off": "toxicity", "abusive": "toxicity", "abuse": "toxicity", "insult": "toxicity", "obscene": "toxicity",
    "threat": "toxicity", "profanity": "toxicity", "severe_toxic": "toxicity", "harassment": "toxicity",
    "cyberbullying": "toxicity", "bullying": "toxicity", "aggressive": "toxicity", "hof": "toxicity",
}
_TRUE = frozenset({"1", "1.0", "true", "yes", "t", "y"})
_FALSE = frozenset({"0", "0.0", "false", "no", "f", "n"})
# fmt: on
#: Columns of 0 and 1 that count for a label, but only as votes where others say what was decided.
_DAVIDSON = ("hate_speech", "offensive_language", "neither")
_DAVIDSON_CLASSES = {"0": "hate+toxicity", "1": "toxicity", "2": CLEAN}


def joined(labels: Sequence[str] | set[str]) -> str:
    """Labels as a label column has them, in their order; ``clean`` where there are none."""
    held = set(labels) | ({"toxicity"} if "hate" in labels else set())
    return "+".join(name for name in LABELS if name in held) or CLEAN


def folded(word: str) -> str:
    """How a label is looked up: small letters, underscores between words."""
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def read_label(raw: str, column: str) -> str | None:
    """Our label for ``raw``, a word or words joined by ``+``; None where it is none. In a column that is named
    by a label, 1 is the label and 0 is clean.
    """
    named = _WORDS.get(folded(column), _WORDS.get(folded(column).removeprefix("is_")))
    if named is not None and named != CLEAN:
        if raw.strip().lower() in _TRUE:
            return named
        if raw.strip().lower() in _FALSE:
            return CLEAN
    held: set[str] = set()
    for part in raw.replace(",", "+").replace("|", "+").split("+"):
        found = _WORDS.get(folded(part))
        if found is None:
            return None
        held |= set(found.split("+")) - {CLEAN}
    return joined(held)


def labels_of_columns(table: Any, chosen: Mapping[str, str]) -> list[str | None] | None:
    """The labels of a file that tells them in several columns; None where one column tells them.

    Davidson et al. 2017 count votes in ``hate_speech``, ``offensive_language`` and ``neither``, and decide in
    ``class``; other files have a column of 0 and 1 for each label, such as ``toxic`` and ``identity_hate``.
    """
    names = {folded(name): name for name in table.column_names}
    if "label" in chosen and all(name in names for name in _DAVIDSON):
        raw = [_plain(value) for value in table[chosen["label"]].to_pylist()]
        return [
            _DAVIDSON_CLASSES.get(value or "") or (read_label(value, "") if value else None) for value in raw
        ]
    flags = {name: column for name, column in names.items() if _WORDS.get(name, CLEAN) != CLEAN}
    if len(flags) < 2 and ("label" in chosen or not flags):
        return None
    columns = {name: [_plain(value) for value in table[column].to_pylist()] for name, column in flags.items()}
    if any(value is not None and not _zero_one(value) for values in columns.values() for value in values):
        return None
    found: list[str | None] = []
    for row in range(table.num_rows):
        values = {name: column[row] for name, column in columns.items()}
        if all(value is None for value in values.values()):
            found.append(None)
            continue
        held = [
            _WORDS[name].split("+") for name, value in values.items() if value is not None and value in _TRUE
        ]
        found.append(joined({label for one in held for label in one}))
    return found


def targets(labels: Sequence[str]) -> np.ndarray:
    """(n, LABELS) 1 or 0 of labels as a label column has them."""
    held = [set(label.split("+")) for label in labels]
    return np.array([[float(name in one) for name in LABELS] for one in held]).reshape(-1, len(LABELS))


def head_targets(truth: np.ndarray) -> np.ndarray:
    """(n, LABELS) what the heads learn, of :func:`targets`: of hate only what toxic texts tell; NaN else.

    Where every toxic text is hate there is nothing that these would tell: the head then learns from all.
    """
    found = truth.copy()
    hate, toxic = LABELS.index("hate"), LABELS.index("toxicity")
    plain = truth[:, toxic] < 1.0
    if not (truth[~plain, hate] == 1.0).all():
        found[plain, hate] = np.nan
    return found


def class_chances(scores: np.ndarray) -> np.ndarray:
    """(n, CLASSES) chances out of (n, LABELS) probabilities of which hate is at most toxicity: spam does not
    depend on the rest.
    """
    spam, hate, toxic = scores.T
    plain = 1.0 - spam
    return np.stack(
        [
            plain * (1.0 - toxic), spam * (1.0 - toxic), plain * (toxic - hate), plain * hate,
            spam * (toxic - hate), spam * hate,
        ],
        axis=1,
    )  # fmt: skip


def _plain(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def _zero_one(value: str) -> bool:
    return value.lower() in _TRUE | _FALSE
