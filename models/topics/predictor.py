"""The fitted topics model: a classifier of categories, and finer topics named by their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from config.errors import ModelInvalid
from models.text.baseline import PlainModel
from models.text.classifier import TextClassifier, load_classifier
from models.text.evaluation import texts_of
from models.topics.themes import Themes, restore_themes

#: A text is of its best category, and of others with at least this chance.
FURTHER = 0.25


class TopicPredictor:
    """Answers what a text is about.

    Args:
        classifier: of the categories.
        themes: the finer topics.
        plain: the model that it is measured against.
        facts: JSON-ready facts of the fit.
    """

    def __init__(
        self, classifier: TextClassifier, themes: Themes, plain: PlainModel, facts: Mapping[str, Any]
    ) -> None:
        self.classifier, self.themes, self.plain = classifier, themes, plain
        self._facts = dict(facts)

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts: family, classes, topics, rows, parameters, library versions."""
        return {
            **self._facts,
            **self.classifier.facts,
            "family": "topics",
            "classes": list(self.classifier.classes),
            "topics": list(self.themes.names),
        }

    def topics(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Of each text ``label``, its best category; ``categories`` and ``topics``, each [{name, score}] with
        the best first; ``probabilities`` of all categories, and ``confidence``.
        """
        if not texts:
            return []
        chances = self.classifier.probabilities(texts)
        numbers = self.classifier.answers(chances).tolist()
        names = self.classifier.classes
        found = []
        for text, row, number in zip(texts, chances.tolist(), numbers, strict=True):
            others = [at for at, chance in enumerate(row) if chance >= FURTHER and at != number]
            others.sort(key=lambda at: -row[at])
            found.append(
                {
                    "label": names[number],
                    "categories": [_named(names[at], row[at]) for at in (number, *others)],
                    "topics": self.themes.of(text),
                    "probabilities": dict(zip(names, row, strict=True)),
                    "confidence": row[number],
                }
            )
        return found

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row's ``text``; ``explain`` adds ``spans`` of that many words that spoke for it."""
        texts = texts_of(examples)
        answers = self.topics(texts)
        if explain > 0:
            for text, answer in zip(texts, answers, strict=True):
                number = self.classifier.classes.index(answer["label"])
                answer["spans"] = self.classifier.spans(text, number, explain)
        return answers

    def to_files(self) -> dict[str, bytes]:
        """The model as plain files."""
        more = {"plain": dict(self.plain.state), "themes": self.themes.state(), "facts": self._facts}
        return self.classifier.to_files("topics", more)


def _named(name: str, chance: float) -> dict[str, Any]:
    return {"name": name, "score": round(chance, 4)}


def load(files: Mapping[str, bytes]) -> TopicPredictor:
    """The predictor out of the files of :meth:`TopicPredictor.to_files`. Raises ModelInvalid."""
    classifier, more = load_classifier(files, "topics")
    try:
        themes, plain = restore_themes(more["themes"]), PlainModel(dict(more["plain"]))
        return TopicPredictor(classifier, themes, plain, dict(more["facts"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(
            f"The topics model is not usable: {error}.", hint="Retrain the family with this version."
        ) from None
