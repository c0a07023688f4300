"""Who teaches, who measures, and what is known at the moment of a question."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.errors import InputError
from models.columns import TIME, epoch_us
from models.family import Window
from models.recommendation import FAMILY
from models.recommendation.examples import INHUMAN, collect, examples_from_rows
from models.recommendation.options import RecommendationOptions
from models.recommendation.questions import interactions_of, items_of
from models.recommendation.schema import EXAMPLE_SCHEMA, QUESTION_SCHEMA
from tests.recommendation_taste_world import BEGAN, DAYS, OPTIONS, examples, interactions, moment, sources

WINDOW = Window(BEGAN, moment(DAYS))


def test_collected_examples_are_interactions_and_items_in_the_order_of_their_keys() -> None:
    found = examples()
    assert found.schema == EXAMPLE_SCHEMA
    assert found["event_id"].to_pylist() == sorted(found["event_id"].to_pylist())
    assert interactions_of(found).num_rows == 5_000
    assert items_of(found).num_rows == 120
    assert set(pc.unique(interactions_of(found)["label"]).to_pylist()) == {"view", "like", "share", "skip"}


def test_a_description_belongs_to_its_author_so_that_it_is_forgotten_with_them() -> None:
    items = items_of(examples())
    assert items["user_id"].to_pylist() == items["author_id"].to_pylist()
    nobody = sources()["items"].drop_columns(["author_id"])
    found = items_of(
        collect({"interactions": sources()["interactions"].slice(0, 1), "items": nobody}, WINDOW, OPTIONS)
    )
    assert found["user_id"].to_pylist() == found["item_id"].to_pylist()


def test_a_user_with_more_interactions_than_a_person_makes_is_flagged() -> None:
    rows = [(f"x{at}", moment(1), "machine", "v1", "view", None) for at in range(INHUMAN + 1)]
    rows.append(("y", moment(1), "person", "v1", "view", None))
    found = collect(
        {"interactions": interactions(rows), "items": sources()["items"].slice(0, 0)}, WINDOW, OPTIONS
    )
    flags = dict(zip(found["user_id"].to_pylist(), found["flag"].to_pylist(), strict=True))
    assert "more than 3,000 interactions" in flags["machine"]
    assert flags["person"] is None


def test_what_teaches_was_known_before_what_validates_and_that_before_what_measures() -> None:
    train, valid, test = FAMILY.training_rows(examples(), OPTIONS)
    assert test.schema == QUESTION_SCHEMA
    last, first = (epoch_us(interactions_of(table)["at"]).to_numpy() for table in (train, valid))
    cut = epoch_us(test["at"]).to_numpy().min()
    assert last.max() < first.min()
    assert first.max() < cut
    for history in test["history_at"].to_pylist():
        assert all(at < cut for at in history)
        assert history == sorted(history, reverse=True)


def test_an_interaction_that_was_learned_of_late_does_not_teach() -> None:
    cut = epoch_us(FAMILY.training_rows(examples(), OPTIONS)[2]["at"]).to_numpy().min()
    moved = pa.array([cut + 1] * examples().num_rows, pa.int64()).cast(TIME)
    table = examples().set_column(
        examples().schema.get_field_index("known_at"), EXAMPLE_SCHEMA.field("known_at"), moved
    )
    train, valid, _ = FAMILY.training_rows(table, OPTIONS)
    assert not interactions_of(train).num_rows
    assert not interactions_of(valid).num_rows


def test_what_is_to_be_found_is_new_to_the_user_and_known_to_the_world() -> None:
    train, valid, test = FAMILY.training_rows(examples(), OPTIONS)
    known = set(pa.concat_tables([train, valid])["item_id"].to_pylist())
    for row in test.to_pylist():
        assert row["truth"]
        assert set(row["truth"]) <= known
        assert not set(row["truth"]) & set(row["history_items"])


def test_skips_and_views_that_were_broken_off_are_no_finds() -> None:
    rows = [(f"e{at}", moment(at / 10), "u1", f"v{at % 3}", "view", 1.0) for at in range(100)]
    rows += [("s", moment(10.5), "u2", "v0", "skip", None), ("b", moment(10.5), "u3", "v0", "view", 0.1)]
    rows += [("g", moment(10.5), "u4", "v0", "view", 0.9)]
    found = collect(
        {"interactions": interactions(rows), "items": sources()["items"].slice(0, 0)}, WINDOW, OPTIONS
    )
    test = FAMILY.training_rows(found, OPTIONS)[2]
    assert test["user_id"].to_pylist() == ["u4"]


def test_what_was_seen_long_ago_may_be_found_again() -> None:
    rows = [(f"e{at}", moment(20 + at / 10), "u1", "v1", "view", 1.0) for at in range(100)]
    rows += [("old", moment(0), "u2", "v1", "like", None), ("new", moment(30.5), "u2", "v1", "like", None)]
    found = collect(
        {"interactions": interactions(rows), "items": sources()["items"].slice(0, 0)}, WINDOW, OPTIONS
    )
    short = RecommendationOptions(seen=timedelta(days=7))
    assert FAMILY.training_rows(found, short)[2]["user_id"].to_pylist() == ["u2"]
    assert FAMILY.training_rows(found, RecommendationOptions(seen=timedelta(days=60)))[2].num_rows == 0


def file_rows(pairs: list[tuple[str, str]], **more: object) -> pa.Table:
    users, items = zip(*pairs, strict=True)
    count = len(pairs)
    return pa.table(
        {"user_id": users, "item_id": items, "item_kind": ["video"] * count, "kind": ["view"] * count, **more}
    )


def test_files_without_times_are_measured_with_the_other_files_as_history() -> None:
    train = file_rows([(f"u{at % 9}", f"v{at % 7}") for at in range(40)])
    valid = file_rows([("u1", "v8")])
    test = file_rows([("u1", "v9"), ("u2", "v8"), ("u1", "v1"), ("stranger", "v3")])
    found = examples_from_rows({"train": train, "valid": valid, "test": test}, OPTIONS)
    rows = {row["user_id"]: row for row in found["test"].to_pylist()}
    # v9 occurs nowhere else, and u1 knows v1
    assert set(rows) == {"u2", "stranger"}
    assert rows["u2"]["truth"] == ["v8"]
    assert rows["stranger"]["history_items"] == []


def test_without_a_file_for_it_the_latest_tenth_of_each_user_validates() -> None:
    at = pa.array([moment(day) for day in range(20)], TIME)
    rows = file_rows([("u1", f"v{day}") for day in range(20)], at=at)
    found = examples_from_rows({"train": rows, "test": rows.slice(0, 1)}, OPTIONS)
    assert sorted(found["valid"]["item_id"].to_pylist()) == ["v18", "v19"]
    assert found["train"].num_rows == 18


def test_a_table_is_cut_by_time_for_each_user_and_not_by_users() -> None:
    at = pa.array([moment(day) for day in range(10)] * 2, TIME)
    rows = file_rows([(user, f"v{day}") for user in ("u1", "u2") for day in range(10)], at=at)
    cut = FAMILY.cut_rows(rows, "time")  # type: ignore[misc]
    assert sorted(cut["test"]["item_id"].to_pylist()) == ["v8", "v8", "v9", "v9"]
    with pytest.raises(InputError, match="what users do next"):
        FAMILY.cut_rows(rows, "group")  # type: ignore[misc]
    with pytest.raises(InputError, match="no time"):
        FAMILY.cut_rows(rows.drop_columns(["at"]), "time")  # type: ignore[misc]


def test_nothing_collected_gives_nothing_to_learn_from() -> None:
    train, valid, test = FAMILY.training_rows(EXAMPLE_SCHEMA.empty_table(), OPTIONS)
    assert not train.num_rows
    assert not valid.num_rows
    assert not test.num_rows


def test_of_very_many_users_some_are_asked_about_and_always_the_same() -> None:
    from models.recommendation.questions import questions

    train, valid, _ = FAMILY.training_rows(examples(), OPTIONS)
    before, after = interactions_of(train), interactions_of(valid)
    few = questions(before, after, train, OPTIONS, at_us=None, split="test", most=10)
    again = questions(before, after, train, OPTIONS, at_us=None, split="test", most=10)
    assert 0 < len(np.unique(few["user_id"].to_pylist())) <= 10
    assert few.equals(again)
