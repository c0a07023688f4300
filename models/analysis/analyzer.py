"""All parts of the analysis of texts, each by a trained version where one is given, else by a simple way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from models.analysis.keywords import tags_of
from models.analysis.language import LanguageFinder
from models.entities.rules import RuleEntities
from models.prose import bounded, letters
from models.sentiment.lexicon import LexiconSentiment, answer, score

NO_MODEL = "no model"
#: Families that answer for a part of it.
FAMILIES = ("sentiment", "topics", "entities")
#: Names of one text that are listed.
_MOST_ENTITIES = 50


class SentimentPart(Protocol):
    """A sentiment predictor, as far as the analysis needs it."""

    def sentiments(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """``label`` and ``score`` of each text."""
        ...


class TopicsPart(Protocol):
    """A topics predictor, as far as the analysis needs it."""

    def topics(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """``categories`` and ``topics`` of each text, {name, score} each."""
        ...


class EntitiesPart(Protocol):
    """An entities predictor, as far as the analysis needs it."""

    def entities(self, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
        """{text, type, start, end} of each name in each text."""
        ...


class Analyzer:
    """Tags, categories, sentiment, language, topics and names of texts. Made once, safe in many threads.

    Args:
        sentiment: a sentiment predictor; None: a lexicon answers.
        topics: a topics predictor; None: there are no categories and no topics.
        entities: an entities predictor; None: rules answer.
        languages: codes to tell apart (``ANALYSIS_LANGUAGES``); none: all that lingua knows.
        versions: the version of each predictor by part, for ``parts``.
        finder: a language finder to share, so that a change of models need not load it again.
    """

    def __init__(
        self,
        sentiment: SentimentPart | None = None,
        topics: TopicsPart | None = None,
        entities: EntitiesPart | None = None,
        languages: Sequence[str] = (),
        *,
        versions: dict[str, str] | None = None,
        finder: LanguageFinder | None = None,
    ) -> None:
        self.finder = finder or LanguageFinder(languages)
        self._sentiment: SentimentPart = sentiment or LexiconSentiment()
        self._topics = topics
        self._entities: EntitiesPart = entities or RuleEntities()
        named = versions or {}
        self.parts = {
            "language": self.finder.name,
            "tags": "rules",
            "sentiment": "lexicon" if sentiment is None else named.get("sentiment", "model"),
            "categories": NO_MODEL if topics is None else named.get("topics", "model"),
            "topics": NO_MODEL if topics is None else named.get("topics", "model"),
            "entities": "rules" if entities is None else named.get("entities", "model"),
        }

    def analyze(
        self,
        texts: Sequence[str],
        *,
        titles: Sequence[str | None] | None = None,
        tags: Sequence[Sequence[str] | None] | None = None,
        visual: Sequence[Sequence[str] | None] | None = None,
    ) -> list[dict[str, Any]]:
        """The analysis of each text, the same one by one as together.

        A text of any length costs a bounded time: what is past its first 20,000 characters counts for nothing.
        ``start`` and ``end`` of names are characters of the title, a line break and the text.

        Args:
            texts: bodies.
            titles: of the texts, where there are any; they count as the beginning of the text.
            tags: that the authors gave.
            visual: tags of what was seen in pictures.

        Returns:
            for each text ``tags``, ``categories`` [name], ``sentiment``, ``sentiment_score`` in [-1, 1],
            ``language`` (ISO 639-1 or None), ``languages`` [{language, share}], ``topics`` [name],
            ``entities`` [{text, type, start, end}], ``category_scores`` and ``topic_scores`` {name: score},
            and ``parts``: what answered each part.
        """
        if not len(texts):
            return []
        whole = [bounded(text, titles[row] if titles is not None else None) for row, text in enumerate(texts)]
        languages = self.finder.find(whole)
        by_family = zip(*(self._said(family, whole) for family in FAMILIES), strict=True)
        answers = []
        for row, (text, said) in enumerate(zip(whole, by_family, strict=True)):
            language, shares = languages[row]
            given = (tags[row] if tags is not None else None) or ()
            seen = (visual[row] if visual is not None else None) or ()
            answers.append(
                {
                    "tags": tags_of(text, given=given, visual=seen, language=language),
                    "language": language,
                    "languages": shares,
                    **{name: value for part in said for name, value in part.items()},
                    "parts": self.parts,
                }
            )
        return answers

    def part(
        self, family: str, texts: Sequence[str], titles: Sequence[str | None] | None = None
    ) -> list[dict[str, Any]]:
        """Of the analysis of each text what one family (of ``FAMILIES``) answers, the same as in the whole."""
        whole = [bounded(text, titles[row] if titles is not None else None) for row, text in enumerate(texts)]
        return self._said(family, whole)

    def _said(self, family: str, texts: Sequence[str]) -> list[dict[str, Any]]:
        if family == "sentiment":
            feelings = self._feelings(texts)
            return [{"sentiment": one["label"], "sentiment_score": one["score"]} for one in feelings]
        if family == "topics":
            return [
                {
                    "categories": [each["name"] for each in one["categories"]],
                    "topics": [each["name"] for each in one["topics"]],
                    "category_scores": _scores(one["categories"]),
                    "topic_scores": _scores(one["topics"]),
                }
                for one in self._about(texts)
            ]
        return [{"entities": names[:_MOST_ENTITIES]} for names in self._entities.entities(texts)]

    def _feelings(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Label and score of each text; of texts without a word emojis alone tell."""
        worded = [text for text in texts if letters(text)]
        answers = iter(self._sentiment.sentiments(worded) if worded else ())
        return [next(answers) if letters(text) else answer(score(text)) for text in texts]

    def _about(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Categories and topics of each text; none of a text without a word."""
        nothing: dict[str, Any] = {"categories": [], "topics": []}
        worded = [text for text in texts if letters(text)] if self._topics is not None else []
        if self._topics is None or not worded:
            return [nothing] * len(texts)
        answers = iter(self._topics.topics(worded))
        return [next(answers) if letters(text) else nothing for text in texts]


def _scores(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {each["name"]: each["score"] for each in rows}
