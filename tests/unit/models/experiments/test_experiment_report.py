"""The report says what the sums show, and never more."""

import csv
import gzip
import itertools
import json
import os
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.experiments_simulation import World, simulate
from config.errors import InputError
from models.experiments.advice import days_in_words
from models.experiments.definition import Definition, VariantTally, parse_definition
from models.experiments.guard import Breach
from models.experiments.report import breaches, report
from models.experiments.sample_ratio import sample_ratio

NOW = datetime(2026, 1, 15, tzinfo=UTC)
WEEK = NOW - timedelta(days=7)
CATS = Path(
    os.environ.get("ASSAY_DATA", Path(__file__).parents[5] / "shared" / "data"),
    "experiments/cookie_cats.csv.gz",
)


def experiment(arms: str = "ab", **changes) -> Definition:
    return parse_definition({"id": "x", "title": "x", "variants": [{"name": name} for name in arms], **changes})


def tally(
    name: str, n: int, total: float, squares: float | None = None, p: float = 0.5, **rest
) -> VariantTally:
    squares = total if squares is None else squares
    sums = (total, squares, n / p, n / p**2, total / p, squares / p**2, total / p**2)
    return VariantTally(name, n, n, n, rest.pop("pending", 0), *sums, **rest)


def told(definition: Definition, *tallies: VariantTally, started_at: datetime | None = WEEK):
    found = report(definition, tallies, started_at=started_at, now=NOW)
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize("kind", ["binary", "number"])
@pytest.mark.parametrize("policy", ["fixed", "thompson", "contextual"])
def test_extreme_sums_give_numbers(policy, kind):
    reward = {"kind": kind} if kind == "binary" else {"kind": kind, "low": -2, "high": 5}
    posterior = "beta" if kind == "binary" else "normal"
    definition = experiment(
        "abc",
        reward=reward,
        policy={"kind": policy, "posterior": posterior},
        context=[{"name": "who"}] if policy == "contextual" else [],
        minimum_effect=0.01,
        guardrails=[{"metric": "skips", "limit": 0.1}],
    )
    sums = [(0, 0), (1, 0), (1, 1), (500, 0), (500, 500), (10**6, 5)]
    for chosen in itertools.product(sums, repeat=3):
        tallies = [
            tally(name, n, s, p=1 / 3, metrics={"skips": (n, s, s)})
            for name, (n, s) in zip("abc", chosen, strict=True)
        ]
        found = told(definition, *tallies)
        assert sum(row["probability_best"] for row in found["variants"]) == pytest.approx(1)
        for row in found["effects"]:
            assert row["low"] <= (row["difference"] or 0) <= row["high"]
            assert 0 <= row["p_value"] <= 1
            assert 0 <= row["fixed_p_value"] <= 1


def test_nothing_is_said_of_nothing():
    found = told(experiment(minimum_effect=0.01), started_at=None)
    assert found["recommendation"].startswith("There is nothing to say yet")
    assert found["variants"][0]["mean"] is None
    assert found["effects"][0] | {"variant": "b"} == {
        "variant": "b", "difference": None, "low": -1.0, "high": 1.0, "relative": None, "p_value": 1.0,
        "fixed_p_value": 1.0, "fixed_low": -1.0, "fixed_high": 1.0, "significant": False,
    }  # fmt: skip
    assert found["days_needed"] is None
    assert not found["sample_ratio"]["checked"]


def test_a_tally_of_a_stranger_is_refused():
    with pytest.raises(InputError, match="no variant z"):
        told(experiment(), tally("z", 1, 1))


def test_figures_are_on_the_rewards_own_scale():
    definition = experiment(reward={"kind": "number", "low": -10, "high": 30}, minimum_effect=2.0)
    found = told(definition, tally("a", 1000, 300, 100), tally("b", 1000, 400, 170))
    row = found["effects"][0]
    assert [each["mean"] for each in found["variants"]] == pytest.approx([2, 6])
    assert row["difference"] == pytest.approx(4)
    assert row["relative"] == pytest.approx(2)
    assert 0 < row["low"] < row["fixed_low"] < 4 < row["fixed_high"] < row["high"] < 40
    assert found["variants"][0]["expected_loss"] == pytest.approx(4, abs=0.1)


def test_weights_undo_an_uneven_choice():
    definition = experiment(policy={"kind": "thompson"})
    # 1,000 decisions at p = .9/.1 while rates are .1, then 1,000 at p = .1/.9 while both rates are .5
    early, late = ((900, 90, 0.9), (100, 10, 0.1)), ((100, 50, 0.1), (900, 450, 0.9))
    found = told(definition, *(joined("ab"[i], early[i], late[i]) for i in range(2)))
    assert [row["mean"] for row in found["variants"]] == pytest.approx([0.3, 0.3])
    assert found["effects"][0]["difference"] == pytest.approx(0)
    plain = told(experiment(), *(joined("ab"[i], early[i], late[i]) for i in range(2)))
    assert plain["effects"][0]["difference"] == pytest.approx(0.32)


def joined(name: str, *parts: tuple[int, int, float]) -> VariantTally:
    each = [tally(name, n, s, p=p) for n, s, p in parts]
    fields = [f for f in asdict(each[0]) if f not in ("variant", "metrics")]
    return VariantTally(name, **{f: sum(getattr(one, f) for one in each) for f in fields})


@pytest.mark.parametrize(("counts", "alarm"), [((51_000, 49_000), True), ((50_000, 50_000), False)])
def test_a_sample_ratio_mismatch_raises_the_alarm(counts, alarm):
    found = told(experiment(), *(tally(name, n, n // 10) for name, n in zip("ab", counts, strict=True)))
    assert found["sample_ratio"]["alarm"] is alarm
    assert (found["sample_ratio"]["sequential_p_value"] < 0.001) is alarm
    assert found["recommendation"].startswith("Do not decide") is alarm
    assert any("no effect here can be trusted" in line for line in found["warnings"]) is alarm


@pytest.mark.parametrize(("broken", "least", "most"), [(0.0, 0.0, 0.02), (0.1, 0.95, 1.0)])
def test_propensities_that_were_not_drawn_with_raise_the_alarm_under_an_adaptive_policy(broken, least, most):
    definition = experiment(policy={"kind": "thompson"}, planned_decisions=5000)
    world, alarmed = World((0.1, 0.12), broken=broken), set()
    for _, repeats in simulate(definition, world, repeats=100, decisions=5000, look=500, seed=2):
        alarmed |= {number for number, each in enumerate(repeats) if sample_ratio(definition, each).alarm}
    assert least <= len(alarmed) / 100 <= most


def test_an_arm_that_is_never_chosen_raises_the_alarm():
    definition = experiment(policy={"kind": "thompson", "exploration": 0.01})
    assert sample_ratio(definition, [tally("a", 5000, 500, p=0.99), tally("b", 0, 0)]).alarm
    assert not sample_ratio(definition, [tally("a", 4950, 500, p=0.99), tally("b", 50, 5, p=0.01)]).alarm


def test_days_follow_from_the_traffic_and_the_smallest_effect_that_matters():
    few = told(experiment(minimum_effect=0.01), tally("a", 3500, 350), tally("b", 3500, 350))
    assert few["decisions_per_day"] == pytest.approx(1000)
    assert few["days_needed"] == pytest.approx((few["decisions_needed"] - 7000) / 1000)
    # the textbook's sample: 2 (z_.975 + z_.8)^2 * 2 * .1 * .9 / .01^2
    assert few["fixed_decisions_needed"] == pytest.approx(2 * 7.849 * 2 * 0.09 / 0.0001, rel=0.01)
    assert 1.2 < few["decisions_needed"] / few["fixed_decisions_needed"] < 2.5
    assert "more decisions are needed" in few["recommendation"]
    enough = told(experiment(minimum_effect=0.05), tally("a", 35_000, 3500), tally("b", 35_000, 3500))
    assert enough["days_needed"] == 0


@pytest.mark.parametrize(
    ("days", "words"),
    [(0.0, "nothing"), (0.0878, "less than a day"), (1.0, "about 1 day"), (1.2, "about 2 days"),
     (2.001, "about 2 days"), (1234.5, "about 1,235 days")],
)  # fmt: skip
def test_time_to_come_is_told_in_whole_days(days, words):
    assert days_in_words(days) == words


def test_the_sentence_tells_the_time_in_the_same_words():
    few = told(experiment(minimum_effect=0.01), tally("a", 3500, 350), tally("b", 3500, 350))
    assert f"in {days_in_words(few['days_needed'])} at the traffic so far" in few["recommendation"]


def thompson(loser: int, **changes) -> dict:
    """Two arms, of which one earned 300 of 2,000 and the other ``loser`` of 200."""
    definition = experiment(policy={"kind": "thompson"}, **changes)
    return told(definition, joined("a", (200, loser, 1 / 11)), joined("b", (2000, 300, 10 / 11)))


def test_who_uses_thompson_sampling_to_earn_is_told_when_to_stop():
    small = thompson(14, minimum_effect=0.03)
    losses = {row["variant"]: row["expected_loss"] for row in small["variants"]}
    assert losses["b"] < 0.003
    assert not small["effects"][0]["significant"]
    assert small["recommendation"].startswith("The expected loss of choosing b is ")
    assert (
        "at most 0.3 pp, a tenth of the minimum effect: conclude with it if the aim" in small["recommendation"]
    )
    assert f"about {small['decisions_needed'] - 2200:,} more decisions" in small["recommendation"]
    close = thompson(28, minimum_effect=0.03)
    assert close["recommendation"].startswith("Go on: no difference is certain yet; about ")
    assert "to earn, stop once it is at most 0.3 pp" in close["recommendation"]


def test_a_small_loss_is_no_reason_to_stop_for_who_measures_nor_before_there_are_enough():
    plain = told(experiment(minimum_effect=0.03), tally("a", 200, 21), tally("b", 200, 30))
    assert "expected loss" not in plain["recommendation"]
    definition = experiment(policy={"kind": "thompson"}, minimum_effect=1.0)
    early = told(definition, tally("a", 20, 2), tally("b", 20, 4))
    assert early["variants"][1]["expected_loss"] < 0.1
    assert "conclude with it" not in early["recommendation"]


def test_a_variant_that_breaks_a_guard_rail_is_not_what_one_stops_with():
    definition = experiment(
        policy={"kind": "thompson"}, minimum_effect=0.03, guardrails=[{"metric": "skips", "limit": 0.02}]
    )
    slow = {"skips": (2000, 1000.0, 1000.0)}
    arms = [joined("a", (2000, 200, 0.5)), joined("b", (2000, 220, 0.5))]
    arms = [replace(arms[0], metrics={"skips": (2000, 200.0, 200.0)}), replace(arms[1], metrics=slow)]
    found = told(definition, *arms)
    assert found["guardrails"][0]["breached"]
    assert "choosing b" not in found["recommendation"]


def test_thompson_sampling_with_a_small_floor_comes_to_an_end():
    definition = experiment(policy={"kind": "thompson", "exploration": 0.01}, minimum_effect=0.03)
    ended: dict[int, str] = {}
    for _, repeats in simulate(definition, World((0.1, 0.16)), repeats=40, decisions=5000, look=500, seed=3):
        for number, each in enumerate(repeats):
            if "conclude with it" in (said := told(definition, *each)["recommendation"]):
                ended.setdefault(number, said)
    assert len(ended) == 40
    assert sum("choosing b" in said for said in ended.values()) >= 38


def test_the_alarm_of_a_sample_ratio_goes_by_the_test_that_holds_at_every_look():
    def found(one: int, other: int):
        return sample_ratio(experiment(), [tally("a", one, 0), tally("b", other, 0)])

    # 3.4 standard errors: one sound experiment in fifty is as far off at some look
    assert found(5170, 4830).p_value < 0.001
    assert not found(5170, 4830).alarm
    assert found(5220, 4780).alarm


def test_recommendations():
    better = told(experiment(), tally("a", 20_000, 2000), tally("b", 20_000, 2600))
    assert better["recommendation"].startswith("Choose b: it is better than a")
    worse = told(experiment(), tally("a", 20_000, 2600), tally("b", 20_000, 2000))
    assert worse["recommendation"] == "Keep a: b is worse."
    alike = told(experiment(minimum_effect=0.05), tally("a", 20_000, 2000), tally("b", 20_000, 2000))
    assert "no variant is better by 0.05" in alike["recommendation"]
    harmful = told(
        experiment(guardrails=[{"metric": "skips", "limit": 0.02}]),
        tally("a", 20_000, 2000, metrics={"skips": (20_000, 2000.0, 2000.0)}),
        tally("b", 20_000, 2600, metrics={"skips": (20_000, 4000.0, 4000.0)}),
    )
    assert harmful["recommendation"].startswith("Keep a: b earn")
    assert harmful["guardrails"][0]["breached"]


def test_warnings_name_what_makes_the_figures_weak():
    found = told(experiment(), tally("a", 50, 5), tally("b", 60, 5, pending=40))
    assert any("Fewer than 100" in line for line in found["warnings"])
    assert any("36% of the decisions may still get a reward" in line for line in found["warnings"])
    definition = experiment(reward={"missing": "ignore"})
    tallies = [
        VariantTally("a", 5000, 4000, 4000, 0, 400, 400),
        VariantTally("b", 5000, 3000, 3000, 0, 300, 300),
    ]
    assert any("missing more often" in line for line in told(definition, *tallies)["warnings"])
    adaptive = told(
        experiment(policy={"kind": "thompson"}),
        joined("a", (5000, 500, 0.99)),
        joined("b", (150, 15, 0.9), (3, 1, 0.01)),
    )
    assert any("weigh like" in line for line in adaptive["warnings"])


def test_a_variant_that_was_given_up_is_said_to_stay_uncertain():
    definition = experiment(policy={"kind": "thompson"})
    arms = [joined("a", (1782, 180, 0.99)), joined("b", (18, 2, 0.01))]
    found = told(definition, *arms)["warnings"]
    assert found == [
        "b was chosen 18 times: its interval stays wide until more decisions go to it; "
        "a higher exploration or a fixed split measures faster."
    ]
    even = told(definition, joined("a", (2500, 250, 0.5)), joined("b", (2500, 250, 0.5)))
    assert even["warnings"] == []


def test_what_is_concluded_is_not_advised_like_what_runs():
    tallies = [tally("a", 50, 5), tally("b", 60, 5, pending=40)]
    found = report(experiment(), tallies, started_at=WEEK, now=NOW, ended=True)["warnings"]
    assert found == [
        "Rewards of 40 decisions from before its end count until their window of 24 hours closes, "
        "so that these figures still change."
    ]
    settled = [tally("a", 50, 5), tally("b", 60, 5)]
    assert report(experiment(), settled, started_at=WEEK, now=NOW, ended=True)["warnings"] == []


def test_a_bandit_that_has_seen_no_window_close_is_said_to_know_nothing():
    def said(**fields) -> bool:
        definition = experiment(**{"policy": {"kind": "contextual"}, "context": [{"name": "who"}], **fields})
        waits = replace(tally("a", 500, 50), rewarded=50, pending=450)
        found = told(definition, waits, replace(tally("b", 500, 60), rewarded=60, pending=pending))
        return any("has learned nothing yet" in line for line in found["warnings"])

    pending = 440
    assert said()
    assert not said(reward={"missing": "ignore"})
    assert not said(policy={"kind": "thompson"})
    pending = 439
    assert not said()


def test_a_title_is_seen():
    with pytest.raises(InputError, match="title: the title is blank"):
        experiment(title="  ")


def test_a_guard_rail_breaks_when_harm_beyond_the_limit_is_certain():
    rail = {"metric": "seconds", "worse": "lower", "limit": 3, "low": 0, "high": 60, "action": "alarm"}
    definition = experiment(guardrails=[rail])

    def seen(mean: float, n: int = 5000) -> list[Breach]:
        sums = [(n, n * each, n * (each**2 + 100)) for each in (30.0, mean)]
        return breaches(
            definition,
            [VariantTally(name, metrics={"seconds": each}) for name, each in zip("ab", sums, strict=True)],
        )

    assert seen(26.5) == []  # 3.5 worse, but not certainly more than 3
    assert seen(35.0) == []  # better
    assert seen(20.0, n=5) == []
    (found,) = seen(24.0)
    assert (found.variant, found.metric, found.action, found.limit) == ("b", "seconds", "alarm", 3)
    assert found.difference == pytest.approx(6)
    assert 3 < found.low < 6
    assert breaches(definition, []) == []


@pytest.mark.skipif(not CATS.is_file(), reason="the data are not on this machine (ASSAY_DATA)")
@pytest.mark.parametrize(
    ("column", "fixed_p", "significant"), [("retention_7", 0.00155, True), ("retention_1", 0.0744, False)]
)
def test_cookie_cats(column, fixed_p, significant):
    with gzip.open(CATS, "rt") as file:
        rows = [(row["version"], row[column] == "TRUE") for row in csv.DictReader(file)]
    definition = parse_definition(
        {
            "id": "cats",
            "title": "x",
            "variants": [{"name": "gate_30"}, {"name": "gate_40"}],
            "planned_decisions": 90_000,
        }
    )
    kept = {name: [kept for version, kept in rows if version == name] for name in definition.names}
    row = told(definition, *(tally(name, len(each), sum(each)) for name, each in kept.items()))["effects"][0]
    assert row["fixed_p_value"] == pytest.approx(fixed_p, rel=0.01)
    assert row["significant"] is significant
    assert (row["high"] < 0) is significant
