"""Text moderation: how good it is on real data, disguised or not, beside a plain model; and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.analysis_data import FOLDER, lines
from benchmarks.disguises import disguised
from cli.file_evaluation import read_rows
from models.columns import take_rows
from models.family import get_family
from models.metrics import measure
from models.moderation.evaluation import identity
from models.moderation.labels import CLASSES, class_chances
from models.moderation.options import ModerationOptions
from models.moderation.predictor import ModerationPredictor
from models.text.named import with_label_names

SEED = 7
FOLDS = 5
FAMILY = get_family("moderation")
OPTIONS = ModerationOptions()
#: So many texts are scored for the speed.
ASKED = 20_000


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    if not FOLDER.is_dir():
        return [_row("real texts", None, None, "", "skipped: set ASSAY_DATA to the folder of the data sets")]
    davidson = read_rows(FAMILY, FOLDER / "davidson.csv.gz", {}).table
    sms = read_rows(FAMILY, FOLDER / "sms_spam.csv.gz", {}, ["label", "text"]).table
    rows = [
        *_quality("Davidson, 5 folds", _folds(davidson)),
        *_quality("TweetEval offensive, val", [_tweets("offensive", "toxicity")]),
        *_quality("TweetEval hate, val", [_tweets("hate", "hate")]),
        *_quality("SMS spam, 5 folds", _folds(sms)),
        *_quality("YouTube spam, one video out", _videos()),
    ]
    model = _fitted(davidson)
    return [*rows, *_neutral(model, davidson), *_speed(model, davidson)]


def _quality(name: str, parts: Sequence[tuple[pa.Table, pa.Table]]) -> list[dict[str, Any]]:
    """Macro-F1 over all test rows of the parts, as they are and disguised, ours and the plain model's."""
    truth, hidden = [], []
    ours: dict[bool, list[np.ndarray]] = {False: [], True: []}
    other: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for train, test in parts:
        model, plain = _fitted(train), _plain(train)
        said = test["text"].to_pylist()
        truth.append(_numbers(test))
        for changed, texts in ((False, said), (True, [disguised(one, at) for at, one in enumerate(said)])):
            ours[changed].append(_answered(model, texts))
            other[changed].append(plain(texts))
        hidden.append(len(said))
    facts = np.concatenate(truth)
    rows = []
    for changed, what in ((False, ""), (True, ", disguised")):
        mine, theirs = (_macro(facts, np.concatenate(found[changed])) for found in (ours, other))
        ends = f"95 %: [{mine[1]:.3f}, {mine[2]:.3f}], other [{theirs[1]:.3f}, {theirs[2]:.3f}]"
        note = f"{ends}; other: TF-IDF words and pairs"
        rows.append(_row(f"macro f1: {name}{what} ({sum(hidden):,} rows)", mine[0], theirs[0], "", note))
    return rows


def _macro(truth: np.ndarray, answers: np.ndarray) -> tuple[float, float, float]:
    """Macro-F1 and its 95 % interval over texts."""
    chances = np.eye(len(CLASSES))[answers]
    found = measure(truth, chances, answers, np.arange(len(truth)), seed=SEED)
    return found.metrics["macro_f1"], *found.intervals["macro_f1"]


def _numbers(rows: pa.Table) -> np.ndarray:
    return np.array([CLASSES.index(label) for label in rows["label"].to_pylist()])


def _answered(model: ModerationPredictor, texts: Sequence[str]) -> np.ndarray:
    return np.array([CLASSES.index(label) for label in model.answers(model.score(texts))])


def _fitted(train: pa.Table) -> ModerationPredictor:
    """The family as it is: a part of the training rows calibrates, and no test row is seen."""
    roles = FAMILY.examples_from_rows({"train": train}, OPTIONS)
    model = FAMILY.fit(roles["train"], roles["valid"], OPTIONS, {}, SEED)
    assert isinstance(model, ModerationPredictor)
    return model


def _plain(train: pa.Table) -> Callable[[Sequence[str]], np.ndarray]:
    """TF-IDF of words and pairs, and a logistic regression whose classes weigh the same; on all rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(class_weight="balanced", max_iter=1000, random_state=SEED),
    )
    model.fit(train["text"].to_pylist(), _numbers(train))
    return lambda texts: np.asarray(model.predict(list(texts)))


def _folds(table: pa.Table) -> list[tuple[pa.Table, pa.Table]]:
    from sklearn.model_selection import StratifiedKFold

    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    labels = table["label"].to_pylist()
    return [(take_rows(table, train), take_rows(table, test)) for train, test in cut.split(labels, labels)]


def _tweets(task: str, label: str) -> tuple[pa.Table, pa.Table]:
    family = with_label_names(FAMILY, ["0=clean", f"1={label}"])
    found = []
    for part, packed in (("train", ".gz"), ("val", ".gz")):
        texts = list(lines(f"tweeteval/{task}/{part}_text.txt{packed}"))
        labels = list(lines(f"tweeteval/{task}/{part}_labels.txt"))
        found.append(family.clean(pa.table({"text": texts, "label": labels}), None, None)[0])
    return found[0], found[1]


def _videos() -> list[tuple[pa.Table, pa.Table]]:
    """Each video's comments, and those of the other videos to learn from."""
    family = with_label_names(FAMILY, ["0=clean", "1=spam"])
    paths: list[Path] = sorted((FOLDER / "youtube_spam").glob("*.csv"))
    tables = [read_rows(family, path, {}).table for path in paths]
    return [
        (pa.concat_tables([other for place, other in enumerate(tables) if place != at]), table)
        for at, table in enumerate(tables)
    ]


def _neutral(model: ModerationPredictor, train: pa.Table) -> list[dict[str, Any]]:
    """Neutral sentences with identity terms that are flagged, with and without others in training."""
    roles = FAMILY.examples_from_rows({"train": train}, OPTIONS)
    bare = FAMILY.fit(roles["train"], roles["valid"], OPTIONS, {"neutral_share": 0.0}, SEED)
    assert isinstance(bare, ModerationPredictor)
    ours, other = identity(model), identity(bare)
    note = "trained on Davidson; other: without neutral sentences in training (of other templates)"
    return [
        _row(f"neutral sentences with identity terms, flagged as {name}", ours[f"identity_fpr_{name}"],
             other[f"identity_fpr_{name}"], "", note)
        for name in ("hate", "toxicity")
    ]  # fmt: skip


def _speed(model: ModerationPredictor, train: pa.Table) -> list[dict[str, Any]]:
    """Texts per second, features, model and calibration included, beside scikit-learn's character n-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    texts = train["text"].to_pylist()
    rival = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2),
        OneVsRestClassifier(LogisticRegression(solver="liblinear", tol=0.1)),
    )
    rival.fit(texts[:3000], _numbers(train)[:3000])
    asked = texts[:ASKED]
    class_chances(model.score(asked[:100]))
    ours = _rate(model.score, asked)
    other = _rate(rival.predict_proba, asked[:3000])
    one = _rate(lambda few: [model.score([text]) for text in few], asked[:500])
    note = "one process; other: TfidfVectorizer(char_wb, 2-5) and a logistic regression for each class"
    return [
        {**_row("texts scored in a batch", ours, other, "texts/s", note), "ratio": ours / other},
        {**_row("texts scored one by one", one, None, "texts/s", "score of one text"), "ratio": None},
    ]


def _rate(work: Callable[[list[str]], Any], texts: list[str]) -> float:
    """Texts per second, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        work(texts)
        best = min(best, time.perf_counter() - began)
    return len(texts) / best


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    return {"figure": figure, "ours": ours, "other": other, "ratio": None, "unit": unit, "note": note}
