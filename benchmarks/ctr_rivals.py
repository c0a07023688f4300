"""What a user would pick instead, for the CTR benchmark: each learns from the same rows and forecasts the
same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.titles import title_columns

SEED = 7


def raw_ratios(train: Any, test: Any) -> np.ndarray:
    """Squared error on raw ratios, every row the same weight: as the service before did it with XGBoost, on
    counts over the headline, since its six scores are not in these data.
    """
    import lightgbm

    def features(frame: Any) -> np.ndarray:
        return np.stack(list(title_columns(frame["headline"].tolist()).values()), axis=1)

    settings = {"objective": "regression", "max_depth": 4, "learning_rate": 0.1, "verbosity": -1, "seed": SEED}
    data = lightgbm.Dataset(features(train), (train["clicks"] / train["impressions"]).to_numpy())
    found = lightgbm.train(settings, data, num_boost_round=100).predict(features(test))
    return np.asarray(np.clip(np.asarray(found), 1e-4, 1.0))


def weighted_logistic(train: Any, test: Any) -> np.ndarray:
    """TF-IDF of all words and pairs beside the month, and logistic regression weighted by clicks and
    non-clicks; its penalty is the best of four on a fifth of the training tests.
    """
    from scipy.sparse import hstack, vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    def texts(frame: Any) -> list[str]:
        return list(frame["headline"] + " " + frame["hook"])

    def month(frame: Any) -> Any:
        return (frame["test_week"] // 4).to_numpy()[:, None]

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True).fit(texts(train))
    months = OneHotEncoder(handle_unknown="ignore").fit(month(train))

    def design(frame: Any) -> Any:
        return hstack([words.transform(texts(frame)), months.transform(month(frame))], format="csr")

    whole = design(train)
    clicks, shown = train["clicks"].to_numpy(), train["impressions"].to_numpy()

    def learn(rows: np.ndarray, penalty: float) -> Any:
        both = vstack([whole[rows], whole[rows]], format="csr")
        label = np.repeat([1, 0], len(rows))
        weight = np.concatenate([clicks[rows], (shown - clicks)[rows]])
        return LogisticRegression(C=penalty, max_iter=200).fit(both, label, sample_weight=weight)

    names, codes = np.unique(train["clickability_test_id"].to_numpy(dtype=object), return_inverse=True)
    inner = np.random.default_rng(SEED).permutation(len(names))[codes] % 5 == 0
    kept, held = np.flatnonzero(~inner), np.flatnonzero(inner)

    def loss(penalty: float) -> float:
        mean = learn(kept, penalty).predict_proba(whole[held])[:, 1]
        return float(-(clicks[held] * np.log(mean) + (shown - clicks)[held] * np.log(1 - mean)).sum())

    best = min((1e-4, 1e-3, 1e-2, 1e-1), key=loss)
    return np.asarray(learn(np.arange(len(shown)), best).predict_proba(design(test))[:, 1])


def coded_trees(train: Any, test: Any) -> np.ndarray:
    """LightGBM on all columns of a log, categories as its own category codes, its defaults."""
    import lightgbm
    import pandas as pd

    names = [name for name in train.columns if name != "click"]
    texts = [name for name in names if not name.startswith("I")]

    def frame(part: Any) -> Any:
        found = part[names].copy()
        for name in texts:
            found[name] = pd.Categorical(part[name], categories=sorted(train[name].dropna().unique()))
        return found

    data = lightgbm.Dataset(frame(train), train["click"].to_numpy(), categorical_feature=texts)
    settings = {"objective": "binary", "verbosity": -1, "seed": SEED, "num_threads": 1}
    return np.asarray(lightgbm.train(settings, data, num_boost_round=100).predict(frame(test)))


def one_hot_logistic(train: Any, test: Any) -> np.ndarray:
    """Logistic regression on one-hot categories and log counts, scikit-learn's default penalty."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    names = [name for name in train.columns if name != "click"]
    counts = [name for name in names if name.startswith("I")]
    texts = [name for name in names if name not in counts]

    def frame(part: Any) -> Any:
        found = part[names].copy()
        for name in counts:
            found[name] = np.log1p(part[name].fillna(0).clip(lower=0))
        found[texts] = found[texts].astype(object).fillna("none")
        return found

    coded = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), remainder="passthrough")
    model = make_pipeline(coded, LogisticRegression(max_iter=1000))
    return np.asarray(model.fit(frame(train), train["click"]).predict_proba(frame(test))[:, 1])


def area(clicks: np.ndarray, forecast: np.ndarray) -> float:
    """The area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(clicks > 0, forecast))


ON_TESTS = {
    "squared error on raw ratios": raw_ratios,
    "TF-IDF and weighted logistic regression": weighted_logistic,
}
ON_LOGS = {"LightGBM with category codes": coded_trees, "one-hot logistic regression": one_hot_logistic}
