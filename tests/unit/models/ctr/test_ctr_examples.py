from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import InputError, ModelInvalid
from models.ctr import FAMILY
from models.ctr.acceptance import check, probe
from models.ctr.examples import examples_from_rows
from models.ctr.heuristic import HeuristicPredictor
from models.ctr.labels import correct, shrunk_rate
from models.ctr.options import BANDS, CtrOptions
from models.ctr.schema import EXAMPLE_SCHEMA, HISTORY_FIELDS, INPUT_SCHEMA, OUTCOME_SCHEMA
from models.ctr.split import cut_rows, training_rows
from models.ctr.validate import flags
from tests.ctr_world import DAY, START, outcome_rows, outcomes

OPTIONS = CtrOptions()
HISTORY = [field.name for field in HISTORY_FIELDS]


def table(rows):
    return pa.Table.from_pylist(rows, schema=OUTCOME_SCHEMA)


def row(key, clip="a", day=0, shown=100, clicked=5, **fields):
    began = START + day * DAY
    return {
        "key": key, "clip_id": clip, "started_at": began, "ended_at": began + DAY, "impressions": shown,
        "clicks": clicked, **fields,
    }  # fmt: skip


def built(train, test, **more):
    roles = examples_from_rows({"train": table(train), "test": table(test), **more}, OPTIONS)
    return {role: {each["outcome"]: each for each in found.to_pylist()} for role, found in roles.items()}


def slow_history(asked, observed, column):
    """What had been counted of the row's own name a maturity before it began; None: nothing."""
    mine = [
        each for each in observed
        if asked.get(column) is not None
        and each.get(column) == asked[column]
        and each["ended_at"] + OPTIONS.maturity <= asked["started_at"]
    ]  # fmt: skip
    if not mine:
        return None, None
    return sum(each["impressions"] for each in mine), sum(each["clicks"] for each in mine)


ROWS = st.lists(
    st.builds(
        lambda n, clip, creator, day, shown: row(
            f"k{n}", clip, day, shown, shown // 9, creator_id=creator, advertiser_id=creator and creator[:1]
        ),
        st.integers(0, 10_000),
        st.sampled_from("abc"),
        st.sampled_from([None, "xa", "xb", "y"]),
        st.integers(0, 8),
        st.integers(1, 500),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda each: each["key"],
)


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(ROWS)
def test_counts_of_the_past_are_those_that_were_final_by_then(rows):
    found = built([row("first", "none")], rows)["test"]
    for each in rows:
        for who, column in (("clip", "clip_id"), ("creator", "creator_id"), ("advertiser", "advertiser_id")):
            counted = (found[each["key"]][f"{who}_impressions"], found[each["key"]][f"{who}_clicks"])
            assert counted == slow_history(each, [row("first", "none"), *rows], column)


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(ROWS, ROWS)
def test_no_feature_changes_when_later_data_comes(rows, later):
    cut = START + 4 * DAY
    before = [each for each in rows if each["started_at"] < cut]
    after = [each | {"key": f"later-{each['key']}"} for each in later if each["started_at"] >= cut]
    if not before:
        return
    known = built([row("first", "none")], before)["test"]
    with_more = built([row("first", "none")], [*before, *after])["test"]
    assert all(with_more[key] == found for key, found in known.items())


def test_training_rows_know_nothing_of_the_test_file():
    found = built([row("train", day=9)], [row("test", day=0), row("last", day=12)])
    assert [found["train"]["train"][name] for name in HISTORY] == [None] * len(HISTORY)
    assert found["test"]["last"]["clip_impressions"] == 200


def test_a_group_that_stands_in_two_files_belongs_to_the_later_role():
    train = [row(f"k{n}", f"c{n}", n % 2, group_id=f"g{n % 4}") for n in range(16)]
    found = built(train, [row("t", "other", 3, group_id="g1")])
    left = [*found["train"].values(), *found["valid"].values()]
    assert {each["group_id"] for each in left} == {"g0", "g2", "g3"}


def test_without_groups_only_the_same_rows_are_taken_out_of_training():
    train = [row(f"k{n}", "same", n) for n in range(6)]
    found = built(train, [row("k5", "same", 5), row("k6", "same", 6)])
    assert sorted([*found["train"], *found["valid"]]) == [f"k{n}" for n in range(5)]


def test_files_without_a_time_give_examples_that_know_no_past():
    rows = [
        row(None, f"c{n}", group_id=f"g{n % 9}") | {"started_at": None, "ended_at": None} for n in range(60)
    ]
    cut = cut_rows(table(rows), "group")
    roles = examples_from_rows(cut, OPTIONS)
    assert all(roles[role].num_rows for role in ("train", "valid", "test"))
    assert sum(each.num_rows for each in roles.values()) == 60
    for found in roles.values():
        assert found.schema.equals(EXAMPLE_SCHEMA)
        assert all(found[name].null_count == found.num_rows for name in HISTORY)
    with pytest.raises(InputError, match="no time"):
        cut_rows(table(rows), "time")


def test_a_table_is_cut_by_whole_groups_or_by_time():
    rows = outcomes(clips=80, days=8)
    by_group = cut_rows(rows, "group")
    clips = [set(by_group[role]["clip_id"].to_pylist()) for role in ("train", "test")]
    assert not clips[0] & clips[1]
    assert 0.1 < len(clips[1]) / 80 < 0.4
    by_time = cut_rows(rows, "time")
    starts = [by_time[role]["started_at"].to_pylist() for role in ("train", "test")]
    assert max(starts[0]) < min(starts[1])
    with pytest.raises(InputError, match="one time"):
        cut_rows(table([row("a"), row("b", "b")]), "time")
    with pytest.raises(InputError, match="too few groups"):
        cut_rows(table([row("a"), row("b")]), "group")


def test_no_entity_stands_on_two_sides_of_training():
    examples = examples_from_rows(
        {"train": outcomes(clips=60, days=40), "test": table([row("t", "t")])}, OPTIONS
    )
    whole = _resplit(pa.concat_tables([examples["train"], examples["valid"]]))
    train, valid, test = training_rows(whole, OPTIONS)
    sides = [set(part["entity"].to_pylist()) for part in (train, valid, test)]
    assert all(sides)
    assert len(set().union(*sides)) == sum(map(len, sides))
    first_test = min(test["at"].to_pylist())
    assert max(train["known_at"].to_pylist()) < first_test


def _resplit(examples):
    from models.splits import assign_split

    place = examples.schema.get_field_index("split")
    return examples.set_column(place, EXAMPLE_SCHEMA.field("split"), assign_split(examples["entity"], "ctr"))


@pytest.mark.parametrize("clips", [3, 12])
def test_few_rows_are_cut_all_the_same(clips):
    rows = [row(f"k{n}", f"c{n}") for n in range(clips)]
    whole = examples_from_rows({"train": table(rows), "test": table([row("t", "t")])}, OPTIONS)
    parts = training_rows(_resplit(pa.concat_tables([whole["train"], whole["valid"]])), OPTIONS)
    assert all(part.num_rows for part in parts)
    assert sum(part.num_rows for part in parts) == clips


# -- labels and flags ------------------------------------------------------------------------------------------


@settings(deadline=None)  # whose machine is busy says nothing about the code
@given(
    st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.sampled_from(BANDS)
)
def test_a_corrected_label_is_the_band_of_the_clicks_that_follow_it(counts, band):
    shown, clicked = counts
    batch = pa.record_batch({"label": ["low"], "clicks": [clicked], "impressions": [shown]})
    try:
        found = correct(batch, {0: band}, OPTIONS).to_pylist()[0]
    except InputError:
        rates = shrunk_rate(np.arange(shown + 1), np.full(shown + 1, shown))
        assert band not in {OPTIONS.band(float(rate)) for rate in rates}
        return
    assert found["label"] == band
    assert 0 <= found["clicks"] <= shown
    assert OPTIONS.band(float(shrunk_rate(np.array(found["clicks"]), np.array(shown)))) == band


def test_a_label_that_is_no_band_is_refused():
    batch = pa.record_batch({"label": ["low"], "clicks": [1], "impressions": [100]})
    with pytest.raises(InputError, match="no band"):
        correct(batch, {0: "ultra"}, OPTIONS)


def test_few_impressions_are_no_viral_clip():
    found = built([row("few", shown=3, clicked=1), row("many", "b", shown=3000, clicked=1000)], [row("t", "t")])
    labels = {key: each["label"] for part in found.values() for key, each in part.items()}
    assert (labels["few"], labels["many"]) == ("medium", "viral")


def test_odd_counts_are_for_an_admin():
    shown, clicked = np.array([100, 100, 30, 5, 0]), np.array([5, 60, 30, 5, 0])
    kinds = [flag and flag.split()[0] for flag in flags(shown, clicked).to_pylist()]
    assert kinds == [None, "More", "All", None, "The"]


# -- the family ------------------------------------------------------------------------------------------------


def test_the_family_is_the_contract():
    assert FAMILY.schema is EXAMPLE_SCHEMA
    assert set(FAMILY.key) | {FAMILY.entity, FAMILY.time, FAMILY.label, FAMILY.person} <= set(
        EXAMPLE_SCHEMA.names
    )


def test_the_heuristic_answers_the_rule_and_says_how_little_it_knows():
    predictor = HeuristicPredictor(OPTIONS)
    asked = {"composite_score": 0.8, "emotion_priority": 0.5}
    answer = predictor.predict_one(asked, explain=3)
    assert answer == {
        "predicted_ctr": pytest.approx(0.05), "predicted_band": OPTIONS.band(answer["predicted_ctr"]),
        "ctr_low": None, "ctr_high": None, "confidence": None,
    }  # fmt: skip
    bare = predictor.predict_one({})
    assert (bare["predicted_ctr"], bare["predicted_band"]) == (0.025, "low")
    batch = pa.Table.from_pylist([{"clip_id": "a", "at": START, **asked}], schema=INPUT_SCHEMA)
    assert predictor.predict(batch) == predictor.predict_many([asked]) == [answer]
    assert predictor.predict_one({"composite_score": 1e9})["predicted_ctr"] == 1.0


@pytest.fixture
def possible():
    return [
        {
            "predicted_ctr": 0.04,
            "predicted_band": "medium",
            "ctr_low": 0.01,
            "ctr_high": 0.09,
            "confidence": 0.5,
        }
        for _ in range(probe(OPTIONS).num_rows)
    ]


def test_possible_answers_are_let_pass(possible):
    assert probe(OPTIONS).schema.equals(INPUT_SCHEMA)
    check(possible, OPTIONS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"predicted_ctr": float("nan")}, "predicted_ctr is nan"),
        ({"predicted_ctr": 1.5}, "predicted_ctr is 1.5"),
        ({"ctr_low": 0.05}, "outside its interval"),
        ({"ctr_high": None}, "lacks or garbles"),
        ({"predicted_band": "viral"}, "not of band viral"),
        ({"confidence": -0.1}, "confidence is -0.1"),
    ],
)
def test_an_impossible_answer_is_refused(possible, change, reason):
    possible[1] |= change
    with pytest.raises(ModelInvalid, match=reason):
        check(possible, OPTIONS)
    with pytest.raises(ModelInvalid, match="answers to"):
        check(possible[:2], OPTIONS)


def test_collect_takes_what_became_final_in_the_window():
    from models.family import Window

    rows = outcome_rows(clips=4, days=3)
    source = table(rows).append_column(
        "known_at",
        pa.array([each["ended_at"] + timedelta(days=1) for each in rows], EXAMPLE_SCHEMA.field("at").type),
    )
    for name in HISTORY:
        source = source.append_column(name, pa.nulls(len(rows), pa.int64()))
    window = Window(START + 3 * DAY, START + 4 * DAY)
    found = FAMILY.collect({"outcomes": source}, window, OPTIONS)
    assert found.schema.equals(EXAMPLE_SCHEMA)
    assert set(found["at"].to_pylist()) == {START + DAY}
    assert found["outcome"].to_pylist() == sorted(
        each["key"] for each in rows if each["started_at"] == START + DAY
    )
