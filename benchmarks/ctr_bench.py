"""The CTR family: how good its rates are on real tests and logs, and how fast it fits and answers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import ctr_rivals as rivals
from benchmarks.ctr_data import LOGS, UPWORTHY, as_outcomes, click_log, folds, upworthy
from models.comparison import compare_losses
from models.ctr import FAMILY, interval
from models.ctr.evaluation import Measured, Outcomes, measure_rates, outcomes
from models.ctr.features import FEATURES, feature_matrix, feature_row
from models.ctr.options import CtrOptions
from models.ctr.predictor import CtrPredictor
from models.ctr.training import fit

FOLDS = 5
SEED = 7
OPTIONS = CtrOptions()


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    if not UPWORTHY.is_file():
        return [_row("CTR on real data", None, None, "", "the data are not on this machine (ASSAY_DATA)")]
    return [*_upworthy(), *_ahead(), *_logs("avazu"), *_logs("criteo")]


def _upworthy() -> list[dict[str, Any]]:
    """Five folds of whole tests; the forecasts for all of them are measured together."""
    frame = upworthy()
    fold = folds(frame["clickability_test_id"], FOLDS, SEED)
    mean = {name: np.zeros(len(frame)) for name in ("ours", *rivals.ON_TESTS)}
    phi, base = np.zeros(len(frame)), np.zeros(len(frame))
    seconds = []
    for number in range(FOLDS):
        held = fold == number
        parts = {"train": _clean(frame[~held]), "test": _clean(frame[held])}
        examples = FAMILY.examples_from_rows(parts, OPTIONS)
        began = time.process_time()
        predictor = fit(examples["train"], examples["valid"], OPTIONS, {}, SEED)
        seconds.append(time.process_time() - began)
        mean["ours"][held], phi[held] = predictor.rates(examples["test"])
        base[held] = predictor.info["base_rate"]
        for name, rival in rivals.ON_TESTS.items():
            mean[name][held] = rival(frame[~held], frame[held])
    shown, clicks = (frame[name].to_numpy(dtype=np.float64) for name in ("impressions", "clicks"))
    tests, arms = (frame[name].to_numpy(dtype=object) for name in ("clickability_test_id", "arm"))
    rows = Outcomes(shown, clicks, tests, arms)
    places = interval.ranks(clicks, shown, mean["ours"], phi, SEED)
    measured = {name: measure_rates(rows, mean[name], base, OPTIONS, seed=SEED,
                                    ranks=places if name == "ours" else None) for name in mean}  # fmt: skip
    blocks = len(seconds)
    return [
        *_compared(measured, rows),
        *_calibrated(rows, mean["ours"], measured["ours"], frame),
        _row(
            "fit, Upworthy (12,780 rows)",
            statistics.median(seconds),
            15,
            "s",
            f"CPU time, median of {blocks}; other: the target",
        ),
        *_speed(predictor, examples["test"]),
    ]


def _ahead() -> list[dict[str, Any]]:
    """As a service has it: fit on the tests of the weeks before a cut, forecast the next four weeks, five times
    over. The rates of all tests drift here, up to threefold within months.
    """
    frame = upworthy()
    weeks = np.sort(frame["test_week"].unique())
    parts = []
    for cut in np.linspace(len(weeks) * 0.4, len(weeks) - 4, 5).astype(int):
        earlier, later = frame["test_week"] < weeks[cut], frame["test_week"].isin(weeks[cut : cut + 4])
        later &= ~frame["clickability_test_id"].isin(frame["clickability_test_id"][earlier])
        examples = FAMILY.examples_from_rows(
            {"train": _clean(frame[earlier]), "test": _clean(frame[later])}, OPTIONS
        )
        predictor = fit(examples["train"], examples["valid"], OPTIONS, {}, SEED)
        mean, phi = predictor.rates(examples["test"])
        parts.append((outcomes(examples["test"]), mean, phi, np.full(len(mean), predictor.info["base_rate"])))
    rows = Outcomes(*(np.concatenate(column) for column in zip(*(
        (one.shown, one.clicks, one.entities, one.clips) for one, *_ in parts), strict=True)))  # fmt: skip
    mean, phi, base = (np.concatenate([part[place] for part in parts]) for place in (1, 2, 3))
    ranks = interval.ranks(rows.clicks, rows.shown, mean, phi, SEED)
    figures = measure_rates(rows, mean, base, OPTIONS, seed=SEED, ranks=ranks)
    plain = measure_rates(rows, base, base, OPTIONS, seed=SEED)
    title = f"Upworthy, the next four weeks ({len(mean):,} arms)"
    found = []
    for name, other in (("log_loss", None), ("calibration", None), ("coverage_90", 0.9), ("best_arm", None)):
        against = plain.metrics["best_arm_chance"] if name == "best_arm" else plain.metrics.get(name, other)
        note = f"95 % over tests {_ends(figures, name)}"
        if name == "log_loss":
            note += f"; skill {figures.metrics['skill']:.4f} {_ends(figures, 'skill')}"
        found.append(_row(f"{name.replace('_', ' ')}: {title}", figures.metrics[name], against, "", note))
    return found


def _clean(frame: Any) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    good, rejected = FAMILY.clean(table, {"hook_text": "hook", "clip_id": "arm"}, None)
    if rejected:
        raise AssertionError(f"{len(rejected)} rows of Upworthy were refused: {rejected[0].reason}")
    return good


def _compared(measured: dict[str, Measured], rows: Outcomes) -> list[dict[str, Any]]:
    ours = measured["ours"]
    skill, best = ours.metrics["skill"], ours.metrics["best_arm"]
    base, chance = ours.metrics["base_log_loss"], ours.metrics["best_arm_chance"]
    count = f"{len(rows.shown):,} arms, {len(np.unique(rows.entities)):,} tests"
    found = [
        _row(f"log loss per impression: Upworthy against the base rate ({count})", ours.metrics["log_loss"],
        base, "",
             f"skill {skill:.4f}, 95 % over tests {_ends(ours, 'skill')}"),
        _row("the arm predicted best is best: Upworthy against chance", best, chance, "",
             f"95 % over tests {_ends(ours, 'best_arm')}, chance {_ends(ours, 'best_arm_chance')}"),
    ]  # fmt: skip
    for name in rivals.ON_TESTS:
        other = measured[name]
        gain = compare_losses(other.losses, ours.losses, rows.entities, seed=SEED)
        lower = f"log loss lower by {gain.difference:.5f} [{gain.low:.5f}, {gain.high:.5f}]"
        found += [
            _row(f"skill: Upworthy, {name}", skill, other.metrics["skill"], "",
                 f"other {_ends(other, 'skill')}; {lower}"),
            _row(f"best arm: Upworthy, {name}", best, other.metrics["best_arm"], "",
                 f"other {_ends(other, 'best_arm')}"),
        ]  # fmt: skip
    return found


def _calibrated(rows: Outcomes, mean: np.ndarray, ours: Measured, frame: Any) -> list[dict[str, Any]]:
    """Sums over segments: fifths by the predicted rate, years, and lengths of the headline."""
    found = [
        _row("predicted clicks / clicks: Upworthy", ours.metrics["calibration"], 1, "",
             f"95 % over tests {_ends(ours, 'calibration')}"),
        _row("90 % forecasts that hold the clicks: Upworthy", ours.metrics["coverage_90"], 0.9, "",
             f"95 % over tests {_ends(ours, 'coverage_90')}"),
    ]  # fmt: skip
    lengths = frame["headline"].str.len().to_numpy()
    segments = {
        "predicted rate": np.searchsorted(np.quantile(mean, [0.2, 0.4, 0.6, 0.8]), mean),
        "year": frame["test_week"].to_numpy() // 100,
        "headline length": np.searchsorted(np.quantile(lengths, [0.25, 0.5, 0.75]), lengths),
    }
    for name, codes in segments.items():
        values, held = [], 0
        for code in np.unique(codes):
            inside = codes == code
            part = Outcomes(
                *(column[inside] for column in (rows.shown, rows.clicks, rows.entities, rows.clips))
            )
            figures = measure_rates(part, mean[inside], 0.015, OPTIONS, seed=SEED)
            low, high = figures.intervals["calibration"]
            held += low <= 1.0 <= high
            values.append(f"{figures.metrics['calibration']:.3f} [{low:.3f}, {high:.3f}]")
        found.append(_row(f"segments whose sums hold, by {name}", held, len(values), "", "; ".join(values)))
    return found


def _speed(predictor: CtrPredictor, test: pa.Table) -> list[dict[str, Any]]:
    """A model of the usual size (100 trees beside the rest): what it says does not matter here."""
    import lightgbm
    import pandas as pd

    matrix = feature_matrix(test, predictor.fitted)
    data = lightgbm.Dataset(
        matrix, np.random.default_rng(SEED).random(len(matrix)), feature_name=list(FEATURES)
    )
    booster = lightgbm.train({"num_leaves": 12, "verbosity": -1, "num_threads": 1}, data, num_boost_round=100)
    model = CtrPredictor(
        booster.model_to_string(),
        predictor.weights,
        predictor.fitted,
        predictor.calibration,
        OPTIONS,
        {"base_rate": 0.02},
    )
    rows = test.slice(0, 100).to_pylist()
    turn = [0]

    def next_row() -> dict[str, Any]:
        turn[0] += 1
        return dict(rows[turn[0] % len(rows)])

    def frame(explain: bool) -> Any:
        values = pd.DataFrame([feature_row(next_row(), model.fitted)], columns=list(FEATURES))
        return booster.predict(values, pred_contrib=explain, num_threads=1)

    note = "other: the same features in a one-row DataFrame, booster.predict"
    single = _seconds(lambda: model.predict_one(next_row()))
    explained = _seconds(lambda: model.predict_one(next_row(), explain=5))
    plain, contributed = _seconds(lambda: frame(False)), _seconds(lambda: frame(True))
    many = _seconds(lambda: model.predict_many(rows))
    return [
        _row("one row, features, rate and interval", single * 1e3, plain * 1e3, "ms", note),
        _row(
            "the same with what moved it",
            explained * 1e3,
            contributed * 1e3,
            "ms",
            note + " (pred_contrib=True)",
        ),
        _row("100 rows at once", many * 1e3, single * 1e5, "ms", "other: one by one"),
    ]


def _logs(name: str) -> list[dict[str, Any]]:
    """Train on one file, test on the other two together; unseen ids abound."""
    if not LOGS.is_dir():
        return [_row(f"CTR on {name}", None, None, "", "the data are not on this machine (ASSAY_DATA)")]
    import pandas as pd

    train = click_log(name, "train")
    test = pd.concat([click_log(name, "dev"), click_log(name, "test")], ignore_index=True)
    cleaned = {role: FAMILY.clean(as_outcomes(f"{name}", part), None, None)[0] for role, part in
               (("train", train), ("test", test.assign()))}  # fmt: skip
    cleaned["test"] = _renamed(cleaned["test"])
    examples = FAMILY.examples_from_rows(cleaned, OPTIONS)
    predictor = fit(examples["train"], examples["valid"], OPTIONS, {}, SEED)
    rows = outcomes(examples["test"])
    base = predictor.info["base_rate"]
    forecasts = {"ours": predictor.rates(examples["test"])[0]}
    for rival, learn in rivals.ON_LOGS.items():
        forecasts[rival] = learn(train, test)
    measured = {who: measure_rates(rows, mean, base, OPTIONS, seed=SEED) for who, mean in forecasts.items()}
    areas = {who: rivals.area(rows.clicks, mean) for who, mean in forecasts.items()}
    unseen = _unseen(name, train, test)
    ours = measured["ours"].metrics
    note = f"skill {ours['skill']:.4f}, 95 % {_ends(measured['ours'], 'skill')}; {unseen}"
    title = f"log loss: {name} against the base rate ({len(train):,} + {len(test):,} rows)"
    found = [_row(title, ours["log_loss"], ours["base_log_loss"], "", note)]
    for rival in rivals.ON_LOGS:
        other = measured[rival].metrics
        found += [
            _row(f"log loss: {name}, {rival}", ours["log_loss"], other["log_loss"], "", ""),
            _row(f"AUC: {name}, {rival}", areas["ours"], areas[rival], "", ""),
        ]
    return found


def _renamed(test: pa.Table) -> pa.Table:
    """Test rows as clips of their own: a log names no clip."""
    names = pa.array([f"test-{number}" for number in range(test.num_rows)])
    return test.set_column(test.schema.get_field_index("clip_id"), "clip_id", names).cast(test.schema)


def _unseen(name: str, train: Any, test: Any) -> str:
    from benchmarks.ctr_data import PLACES

    column = PLACES[name]["audience"]
    known = test[column].isin(train[column].unique())
    return f"{1 - known.mean():.0%} of the test rows have a value of {column} that training never saw"


def _ends(measured: Measured, name: str) -> str:
    return "[{:.4f}, {:.4f}]".format(*measured.intervals[name])


def _seconds(call: Callable[[], Any]) -> float:
    """The lower quartile of the times of a call, after a few to warm up: the machine has other work too."""
    times = []
    for _ in range(300):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.quantiles(times[20:])[0]


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = other / ours if ours and other and unit else None
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}
