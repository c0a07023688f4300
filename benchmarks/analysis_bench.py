"""The analysis of texts: its trained parts and its languages on real data, and how fast it is together."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import analysis_data as data
from models.analysis import Analyzer
from models.analysis.language import LanguageFinder
from models.columns import take_rows
from models.family import Evaluation, Family, get_family
from models.sentiment.evaluation import recall_interval

SEED = 7
FOLDS = 5
#: Texts of each language set that are asked about.
ASKED = 15_000
_FINDER = """
import sys, time, psutil
from lingua import LanguageDetectorBuilder
before = psutil.Process().memory_info().rss
began = time.perf_counter()
if sys.argv[1] == "ours":
    from models.analysis.language import LanguageFinder
    finder = LanguageFinder()
    finder.find(["hello there"])
else:
    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()
    detector.detect_language_of("hello there")
print(time.perf_counter() - began, (psutil.Process().memory_info().rss - before) / 1e6)
"""


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    if not data.FOLDER.is_dir():
        return [
            _row("quality of the analysis", None, None, "", "the data are not on this machine (ASSAY_DATA)")
        ]
    predictors: dict[str, Any] = {}
    rows = [*_tweets(), *_sst2(predictors), *_trec(predictors), *_wnut(predictors)]
    return [*rows, *_languages(), *_memory(), *_speed(predictors)]


def _examples(family: Family, **parts: pa.Table) -> dict[str, pa.Table]:
    clean = {role: family.clean(table, None, None)[0] for role, table in parts.items()}
    return family.examples_from_rows(clean, None)


def _fitted(name: str, train: pa.Table, test: pa.Table) -> tuple[Any, Evaluation]:
    family = get_family(name)
    examples = _examples(family, train=train, test=test)
    predictor = family.fit(examples["train"], examples["valid"], None, {}, SEED)
    return predictor, family.evaluate(predictor, examples["test"], None, SEED)


def _tweets() -> list[dict[str, Any]]:
    """Five folds of the validation part, as there are no texts of the training part here."""
    table = data.tweets()
    folds = np.random.default_rng(SEED).permutation(table.num_rows) % FOLDS
    said: dict[str, list[np.ndarray]] = {"ours": [], "lexicon": [], "plain": []}
    truth = []
    for fold in range(FOLDS):
        family = get_family("sentiment")
        examples = _examples(
            family, train=take_rows(table, folds != fold), test=take_rows(table, folds == fold)
        )
        predictor: Any = family.fit(examples["train"], examples["valid"], None, {}, SEED)
        texts = examples["test"]["text"].to_pylist()
        said["ours"].append(predictor.answers(predictor.probabilities(texts)))
        said["plain"].append(predictor.plain.chances(texts).argmax(axis=1))
        said["lexicon"].append(np.array([_vader(text) for text in texts]))
        labels = examples["test"]["label"].to_pylist()
        truth.append(np.array([predictor.classes.index(label) for label in labels]))
    facts = np.concatenate(truth)
    rows = np.arange(len(facts))
    found = {name: recall_interval(facts, np.concatenate(parts), rows, 3, SEED) for name, parts in said.items()}
    note = "95 %: [{:.3f}, {:.3f}], other [{:.3f}, {:.3f}]; 5 folds of val, as train has labels only here;"
    note += " published on test: VADER 0.570, fastText 0.629"
    return [
        _row(
            f"sentiment of tweets (TweetEval val, 2,000): macro-recall, against {called}",
            found["ours"][0], found[name][0], "", note.format(*found["ours"][1], *found[name][1]),
        )
        for name, called in (("lexicon", "VADER"), ("plain", "TF-IDF of words and logistic regression"))
    ]  # fmt: skip


def _vader(text: str) -> int:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    if not hasattr(_vader, "analyzer"):
        _vader.analyzer = SentimentIntensityAnalyzer()  # type: ignore[attr-defined]
    compound = _vader.analyzer.polarity_scores(text)["compound"]  # type: ignore[attr-defined]
    return 2 if compound >= 0.05 else 0 if compound <= -0.05 else 1


def _sst2(predictors: dict[str, Any]) -> list[dict[str, Any]]:
    _, found = _fitted("sentiment", data.sst2("train"), data.sst2("dev"))
    # the one that speed is measured with has three classes, as the platform's own
    family = get_family("sentiment")
    examples = _examples(family, train=data.tweets())
    predictors["sentiment"] = family.fit(examples["train"], examples["valid"], None, {}, SEED)
    return [
        *_against(
            found, "accuracy", "sentiment of sentences (SST-2 dev)", "plain", "published, bag of words: 0.821"
        ),
        *_against(found, "accuracy", "sentiment of sentences (SST-2 dev)", "lexicon", "by the sign of VADER"),
    ]


def _trec(predictors: dict[str, Any]) -> list[dict[str, Any]]:
    predictors["topics"], found = _fitted("topics", data.trec("train"), data.trec("test"))
    note = "published, bag of words: 0.894"
    return _against(found, "accuracy", "categories of questions (TREC coarse)", "plain", note)


def _wnut(predictors: dict[str, Any]) -> list[dict[str, Any]]:
    predictors["entities"], found = _fitted("entities", data.wnut("train"), data.wnut("dev"))
    name = "names in posts (WNUT 2017 dev, other sources than train)"
    return [
        *_against(found, "f1", name, "majority", "other: each word's most frequent tag"),
        *_against(
            found, "f1", name, "rules", "other: runs of capitals, all called persons as half of them are"
        ),
    ]


def _against(found: Evaluation, metric: str, name: str, baseline: str, note: str) -> list[dict[str, Any]]:
    ends = (*found.intervals[metric], *found.baseline_intervals[baseline][metric])
    called = {"plain": "TF-IDF of words and logistic regression"}.get(baseline, baseline)
    interval = "95 %: [{:.3f}, {:.3f}], other [{:.3f}, {:.3f}]; ".format(*ends)
    ours, other = found.metrics[metric], found.baselines[baseline][metric]
    return [_row(f"{name}: {metric}, against {called}", ours, other, "", interval + note)]


def _languages() -> list[dict[str, Any]]:
    finder = LanguageFinder()
    words = data.languages("single-words")
    random.Random(SEED).shuffle(words)
    taught = words[: len(words) // 2]
    baseline = _characters(taught)
    rows = []
    for name, texts in (
        ("single words", words[len(words) // 2 :]),
        ("word pairs", data.languages("word-pairs")),
    ):
        asked = random.Random(SEED).sample(texts, min(ASKED, len(texts)))
        truth, said = [code for code, _ in asked], [text for _, text in asked]
        ours = np.mean([found[0] == code for found, code in zip(finder.find(said), truth, strict=True)])
        other = np.mean(baseline(said) == np.array(truth))
        note = "other: naive Bayes of 1 to 3 characters, taught on half of the words;"
        note += " published: lingua's large models 0.74, 0.89"
        rows.append(_row(f"language of {name} (75 languages): accuracy", float(ours), float(other), "", note))
    tweets = data.tweets()["text"].to_pylist()
    english = np.mean([code == "en" for code, _ in finder.find(tweets)])
    plain = finder._detector.detect_languages_in_parallel_of(tweets)
    alone = np.mean([each is not None and each.name == "ENGLISH" for each in plain])
    note = "2,000 of TweetEval, as good as all in English; other: lingua's trigram models alone"
    return [*rows, _row("language of tweets: share told to be English", float(english), float(alone), "", note)]


def _characters(taught: Sequence[tuple[str, str]]) -> Callable[[Sequence[str]], np.ndarray]:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        CountVectorizer(analyzer="char_wb", ngram_range=(1, 3), max_features=100_000), MultinomialNB(alpha=0.1)
    )
    model.fit([text for _, text in taught], [code for code, _ in taught])
    return lambda texts: np.asarray(model.predict(list(texts)))


def _memory() -> list[dict[str, Any]]:
    found = {}
    for who in ("ours", "large"):
        done = subprocess.run(
            [sys.executable, "-c", _FINDER, who], capture_output=True, text=True, check=True, timeout=120
        )
        found[who] = [float(value) for value in done.stdout.split()]
    note = "all 75 languages loaded, to the first answer; other: lingua's large models, preloaded"
    return [
        _row("language: start", found["ours"][0], found["large"][0], "s", note),
        _row("language: memory", found["ours"][1], found["large"][1], "MB", note),
    ]


def _speed(predictors: dict[str, Any]) -> list[dict[str, Any]]:
    texts = data.tweets()["text"].to_pylist()
    analyzer = Analyzer(**predictors)
    began = time.perf_counter()
    analyzer.analyze(texts[:1])
    first = time.perf_counter() - began
    ours = [_rate(analyzer.analyze, texts) for _ in range(3)]
    naive = _naive(texts, analyzer)
    other = [_rate(naive, texts[:400]) for _ in range(3)]
    singles = texts[:300]
    alone = _rate(lambda each: [analyzer.analyze([text]) for text in each], singles)
    note = (
        "all parts, three of them trained, 2,000 tweets on 2 cores, the best of 3; at least 500; other: lingua,"
    )
    note += " yake, VADER, two scikit-learn pipelines and the names, text by text"
    rows = [_row("analysis in batch", max(ours), max(other), "items/s", note, higher=True)]
    rows.append(
        _row(
            "analysis one by one", alone, max(other), "items/s", "the same, but ours text by text", higher=True
        )
    )
    rows.append(_row("analysis: languages loaded, then the first answer", first, 0.5, "s",
                     "other: the limit; for the loading see language: start"))  # fmt: skip
    return rows


def _naive(texts: Sequence[str], analyzer: Analyzer) -> Callable[[Sequence[str]], Any]:
    import yake
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    detector = analyzer.finder._detector
    extractor, vader = yake.KeywordExtractor(n=2, top=10), SentimentIntensityAnalyzer()
    models = []
    for table in (data.tweets(), data.trec("train")):
        pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=300))
        models.append(pipeline.fit(table["text"].to_pylist(), table["label"].to_pylist()))

    def each(texts: Sequence[str]) -> None:
        for text in texts:
            detector.detect_language_of(text)
            detector.detect_multiple_languages_of(text)
            extractor.extract_keywords(text)
            vader.polarity_scores(text)
            for model in models:
                model.predict_proba([text])
            analyzer._entities.entities([text])

    each(texts[:5])
    return each


def _rate(call: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    began = time.perf_counter()
    call(texts)
    return len(texts) / (time.perf_counter() - began)


def _row(
    figure: str, ours: float | None, other: float | None, unit: str, note: str, *, higher: bool = False
) -> dict[str, Any]:
    ratio = None
    if ours and other and unit:
        ratio = ours / other if higher else other / ours
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}
