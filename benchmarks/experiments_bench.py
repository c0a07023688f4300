"""Experiments: how fast a choice is, off-policy estimates on real logs, and past headline tests run again.

The truth of the replay is noisy: the greatest of several observed rates is in part luck, so variants seem
further apart than they are, which flatters every policy that adapts. Rates that are shrunk to their test's
mean, as far as their differences are noise, stand beside it.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.experiments.bandit import Bandit, LearnRow
from models.experiments.definition import ContextField, Definition, VariantCounts, parse_definition
from models.experiments.off_policy import Estimate, estimate
from models.experiments.policy import probabilities
from models.experiments.posterior import posteriors
from models.experiments.replay import (
    Chooser,
    Replayed,
    epsilon_greedy,
    replay,
    shrunk_rates,
    thompson,
    uniform,
)
from models.experiments.reward_model import cross_fitted

SEED = 7
#: Upworthy tests that are run again, and impressions between two refreshes of the posterior.
TESTS, EVERY, SELDOM = 1000, 100, 1000
RESAMPLES = 2000
OBD_FIELDS = ("position", "user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    folder = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data"))
    rows = _speed()
    for part, path in ((_off_policy, "experiments/open_bandit_men"), (_replay, "ctr/upworthy.parquet")):
        if (folder / path).exists():
            rows += part(folder / path)
        else:
            rows.append(_row(path, None, None, "", "the data are not on this machine (ASSAY_DATA)"))
    if importlib.util.find_spec("benchmarks.experiments_statistics"):
        rows += importlib.import_module("benchmarks.experiments_statistics").rows()
    return rows


# -- speed ---------------------------------------------------------------------------------------------------


def _experiment(arms: int, **changes: Any) -> Definition:
    variants = [{"name": f"v{place}", "attributes": {"tone": f"t{place % 3}"}} for place in range(arms)]
    return parse_definition({"id": "bench", "title": "bench", "variants": variants, **changes})


def _speed() -> list[dict[str, Any]]:
    rng = np.random.default_rng(SEED)
    rows = []
    for arms in (3, 20):
        definition = _experiment(arms, policy={"kind": "thompson"})
        won = rng.binomial(20_000, 0.016, arms)
        counts = [VariantCounts(f"v{place}", 20_000, int(n), int(n)) for place, n in enumerate(won)]
        params = posteriors(definition, counts).params
        off, took = _monte_carlo(params, probabilities(definition, counts))
        rows.append(
            _row(
                f"probabilities of Thompson sampling, {arms} variants of 20,000 trials",
                _seconds(probabilities, definition, counts) * 1e3,
                took * 1e3,
                "ms",
                f"other: 100,000 draws from the posteriors, which are off by up to {off:.4f}",
            )
        )
    fields = [{"name": f"f{place}"} for place in range(5)]
    for arms in (3, 20):
        with Bandit(_experiment(arms, policy={"kind": "contextual"}, context=fields)) as bandit:
            context = {f"f{place}": f"value {place}" for place in range(5)}
            learned = [LearnRow(context, f"v{i % arms}", 1 / arms, float(i % 7 == 0)) for i in range(500)]
            began = time.perf_counter()
            bandit.learn(learned)
            learning = (time.perf_counter() - began) / len(learned)
            note = f"learning from one: {learning * 1e3:.3f} ms; state {len(bandit.state()):,} bytes"
            took = _seconds(bandit.probabilities, context)
            rows.append(
                _row(
                    f"answer of the contextual bandit, {arms} variants, 5 fields", took * 1e3, None, "ms", note
                )
            )
    return rows


def _monte_carlo(params: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """How far simulated probabilities (with the same floor) are off, and the seconds that they take."""
    rng = np.random.default_rng(SEED)
    began = time.perf_counter()
    draws = rng.beta(params[:, 0], params[:, 1], size=(100_000, len(params)))
    chances = np.bincount(draws.argmax(axis=1), minlength=len(params)) / len(draws)
    took = time.perf_counter() - began
    chances = (1 - 0.01 * len(params)) * chances + 0.01
    return float(np.abs(chances - exact).max()), took


# -- off-policy estimates ------------------------------------------------------------------------------------


def _off_policy(folder: Path) -> list[dict[str, Any]]:
    """The uniform policy's click rate from the log of the other policy (Saito et al. 2021)."""
    import pandas as pd

    rows = []
    truth = 0.0
    for policy in ("random", "bts"):
        with gzip.open(folder / policy / "men.csv.gz") as stream:
            log = pd.read_csv(stream, index_col=0)
        clicks, items = log["click"].to_numpy(float), log["item_id"].to_numpy()
        arms = int(items.max()) + 1
        contexts = log[list(OBD_FIELDS)].astype(str).to_dict("records")
        fields = [ContextField(name=name) for name in OBD_FIELDS]
        expected = cross_fitted(contexts, items, clicks, fields=fields, arms=arms, seed=SEED)
        predicted = (expected[np.arange(len(items)), items], expected.mean(axis=1))
        target = np.full(len(items), 1 / arms)
        found = estimate(clicks, log["propensity_score"].to_numpy(), target, predicted)
        if policy == "random":
            truth = float(clicks.mean())
            continue
        assert found["doubly_robust"] is not None
        title = "open bandit, men: uniform policy from the bts log,"
        for name, one, published in (
            ("IPS", found["ips"], 0.0030),
            ("SNIPS", found["snips"], 0.0032),
            ("doubly robust", found["doubly_robust"], None),
        ):
            rows.append(_row(f"{title} {name}", one["value"], published, "", _interval_note(one, truth)))
        size = found["effective_sample_size"]
        rows.append(
            _row(f"{title} effective sample size", size, 656, "", f"of {len(items):,}; other: data/README")
        )
        warning = f"warning: {found['warning']}" if found["warning"] else "no warning"
        rows.append(_row(f"{title} rewards that it rests on", found["effective_rewards"], None, "", warning))
        logged = float(clicks.mean())
        rows.append(
            _row("open bandit, men: the bts policy's own click rate", logged, 0.0069, "", "other: data/README")
        )
    return rows


def _interval_note(one: Estimate, truth: float) -> str:
    holds = "holds" if one["low"] <= truth <= one["high"] else "misses"
    interval = f"95 % [{one['low']:.4f}, {one['high']:.4f}]"
    return f"{interval} {holds} the {truth:.4f} of the random log; other: data/README"


# -- replay --------------------------------------------------------------------------------------------------


def _replay(path: Path) -> list[dict[str, Any]]:
    import pandas as pd

    table = pd.read_parquet(path, columns=["clickability_test_id", "impressions", "clicks"])
    groups = [part for _, part in table.groupby("clickability_test_id", sort=True)]
    shown = [part["impressions"].to_numpy() for part in groups]
    won = [part["clicks"].to_numpy() for part in groups]
    chosen = np.sort(np.random.default_rng(SEED).choice(len(groups), min(TESTS, len(groups)), replace=False))
    observed = [clicks / impressions for clicks, impressions in zip(won, shown, strict=True)]
    rows = []
    for name, rates, seldom in (("observed", observed, True), ("shrunk", shrunk_rates(won, shown), False)):
        tests = [(rates[place], int(shown[place].sum())) for place in chosen]
        rows += _replay_rows(name, tests, seldom)
        apart = [each.max() / each.mean() - 1 for each, _ in tests if each.max() > 0]
        title = f"Upworthy replay, {name} rates: the best above its test's mean"
        rows.append(
            _row(title, 100 * float(np.mean(apart)), None, "%", "observed rates are apart by luck, too")
        )
    return rows


def _replay_rows(truth: str, tests: Sequence[tuple[np.ndarray, int]], seldom: bool) -> list[dict[str, Any]]:
    even = _replayed(tests, lambda _: uniform, EVERY)
    runs = {
        "Thompson sampling": _replayed(tests, thompson, EVERY),
        "epsilon-greedy 0.2 (the seed's share)": _replayed(tests, lambda _: epsilon_greedy(0.2), EVERY),
    }
    if seldom:
        runs[f"Thompson sampling, a refresh in {SELDOM:,} impressions"] = _replayed(tests, thompson, SELDOM)
    title = f"Upworthy replay, {truth} rates:"
    base = np.array([each.regret for each in even])
    rows = []
    for name, found in runs.items():
        regrets = np.array([each.regret for each in found])
        low, high = _resampled(regrets, base)
        note = (
            f"95 % [{low:.3f}, {high:.3f}] over {len(tests):,} tests; other: the target; clicks lost a test: "
            f"{regrets.mean():.1f} against {base.mean():.1f}; {np.mean([n for _, n in tests]):,.0f} impressions"
        )
        rows.append(
            _row(f"{title} regret of {name} / the even split's", regrets.sum() / base.sum(), 0.6, "", note)
        )
    picked = np.array([each.best for each in even], float)
    for name, found in runs.items():
        best = np.array([each.best for each in found], float)
        own, other = (_resampled(each, np.ones(len(each))) for each in (best, picked))
        note = "95 % [{:.3f}, {:.3f}], other (the even split's pick) [{:.3f}, {:.3f}]".format(*own, *other)
        rows.append(_row(f"{title} final pick of {name} is the best", best.mean(), picked.mean(), "", note))
    rows.append(_lost(title, tests, runs["Thompson sampling"], even))
    return rows


def _replayed(
    tests: Sequence[tuple[np.ndarray, int]], chooser: Callable[[int], Chooser], every: int
) -> list[Replayed]:
    """Each test once. The draws of a test are its own, whatever ran before it."""
    return [
        replay(rates, impressions, chooser(len(rates)), every=every, rng=np.random.default_rng([SEED, place]))
        for place, (rates, impressions) in enumerate(tests)
    ]


def _lost(
    title: str, tests: Sequence[tuple[np.ndarray, int]], ours: Sequence[Replayed], even: Sequence[Replayed]
) -> dict[str, Any]:
    """What a wrong pick costs: the best rate less that of the pick, relative to the best."""

    def mean(found: Sequence[Replayed]) -> float:
        pairs = [(rates[each.pick], rates.max()) for (rates, _), each in zip(tests, found, strict=True)]
        return 100 * float(np.mean([1 - own / best for own, best in pairs if best > 0]))

    return _row(
        f"{title} click rate lost by a wrong pick", mean(ours), mean(even), "%", "other: the even split's"
    )


def _resampled(over: np.ndarray, under: np.ndarray) -> tuple[float, float]:
    """95 % interval of sum(over) / sum(under) by resampling the tests."""
    rng = np.random.default_rng(SEED)
    weights = rng.multinomial(len(over), np.full(len(over), 1 / len(over)), size=RESAMPLES)
    low, high = np.quantile((weights @ over) / (weights @ under), [0.025, 0.975])
    return float(low), float(high)


def _seconds(call: Callable[..., Any], *args: Any) -> float:
    """The median time of a call, after a few to warm up."""
    times = []
    for _ in range(300):
        began = time.perf_counter()
        call(*args)
        times.append(time.perf_counter() - began)
    return statistics.median(times[20:])


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = other / ours if ours and other and unit else None
    first, second = (None if value is None else float(value) for value in (ours, other))
    return {"figure": figure, "ours": first, "other": second, "ratio": ratio, "unit": unit, "note": note}
