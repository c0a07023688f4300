"""Clips, their outcomes and predictions in the tables: what was known when."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from models.ctr.options import CtrOptions
from models.ctr.schema import CLIP_FIELDS, HISTORY_FIELDS
from models.family import Window, get_family
from storage.clip_bulk import load_outcomes
from storage.clip_outcomes import save_outcomes
from storage.clips import clip_inputs, history, known_since, save_clips
from storage.ctr_predictions import insert_ctr_predictions, join_outcomes
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.sources import after_collect, read_sources
from tests.ctr_world import DAY, START, outcomes

OPTIONS = CtrOptions()
MATURITY = OPTIONS.maturity
LATE = START + 60 * DAY


def day(number: float) -> datetime:
    return START + number * DAY


def outcome(key: str = "k", clip: str = "a", began: float = 1, **fields: Any) -> dict[str, Any]:
    return {
        "key": key, "clip_id": clip, "started_at": day(began), "ended_at": day(began + 1),
        "impressions": 100, "clicks": 5, **fields,
    }  # fmt: skip


def query(engine: Engine, statement: str) -> list[Any]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def collected(engine: Engine, start: datetime, end: datetime) -> list[dict[str, Any]]:
    sources = read_sources(engine, "ctr", start, end, options=OPTIONS)
    found = get_family("ctr").collect(sources, Window(start, end), OPTIONS)
    assert isinstance(found, pa.Table)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


# -- clips -----------------------------------------------------------------------------------------------------


def test_what_changes_of_a_clip_is_known_from_then_on_and_not_before(engine: Engine) -> None:
    assert save_clips(engine, [{"clip_id": "a", "title": "First", "duration": 12}], day(0)) == ["new"]
    assert save_clips(engine, [{"clip_id": "a", "title": "Second"}], day(2)) == ["changed"]
    assert save_clips(engine, [{"clip_id": "a", "title": "Second", "duration": 12.0}], day(3)) == ["unchanged"]
    known = [clip_inputs(engine, ["a"], day(at), MATURITY) for at in (-1, 0, 1.9, 2, 9)]
    assert known[0] == {}
    assert [found["a"]["title"] for found in known[1:]] == ["First", "First", "Second", "Second"]
    assert {found["a"]["duration"] for found in known[1:]} == {12.0}
    assert known_since(engine, ["a", "unknown"]) == {"a": day(0)}


def test_an_input_of_a_clip_has_all_fields_of_the_schema(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    names = {"clip_id", *(field.name for field in (*CLIP_FIELDS, *HISTORY_FIELDS))}
    found = clip_inputs(engine, ["a", "unknown"], day(1), MATURITY)
    assert set(found) == {"a"}
    assert set(found["a"]) == names
    assert [value for name, value in found["a"].items() if name != "clip_id"] == [None] * (len(names) - 1)


def test_writers_at_the_same_time_lose_none_of_each_others_fields(engine: Engine) -> None:
    fields = ["title", "hook_text", "category", "language", "group_id", "creator_id"]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: save_clips(engine, [{"clip_id": "a", name: name}], day(0)), fields))
    found = clip_inputs(engine, ["a"], day(1), MATURITY)["a"]
    assert [found[name] for name in fields] == fields


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"title": "x"}, "clip_id"),
        ({"clip_id": " "}, "clip_id"),
        ({"clip_id": "a", "tittle": "x"}, "tittle"),
        ({"clip_id": "a", "duration": -1}, "duration"),
        ({"clip_id": "a", "duration": float("nan")}, "duration"),
        ({"clip_id": "a", "has_face": 1}, "has_face"),
        ({"clip_id": "a", "published_at": datetime(2026, 1, 1)}, "published_at"),
        ({"clip_id": "a", "title": 5}, "title"),
    ],
)
def test_a_wrong_clip_is_refused_by_field_and_none_of_the_batch_is_kept(
    engine: Engine, row: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=f"Clip 1|clip 1.*{named}|{named}"):
        save_clips(engine, [{"clip_id": "good"}, row], day(0))
    assert query(engine, "select count(*) from clips") == [(0,)]


# -- outcomes --------------------------------------------------------------------------------------------------


def test_an_outcome_counts_once_however_often_it_is_sent(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: save_outcomes(engine, [outcome()] * 2, day(3)), range(4)))
    assert sorted(status for batch in statuses for status in batch) == ["new", *["repeated"] * 7]
    assert query(engine, "select count(*), sum(impressions) from clip_outcomes") == [(1, 100)]


def test_other_counts_under_a_key_conflict_unless_they_are_to_replace(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}, {"clip_id": "b"}], day(0))
    assert save_outcomes(engine, [outcome()], day(3)) == ["new"]
    assert save_outcomes(engine, [outcome(clicks=9)], day(3)) == ["conflict"]
    assert save_outcomes(engine, [outcome(clicks=9, replace=True)], day(4)) == ["revised"]
    assert save_outcomes(engine, [outcome(clicks=9, replace=True)], day(5)) == ["repeated"]
    assert save_outcomes(engine, [outcome(clip="b", replace=True)], day(5)) == ["taken"]
    assert save_outcomes(engine, [outcome(placement="feed", replace=True)], day(5)) == ["taken"]
    assert query(engine, "select revision, clicks from clip_outcomes order by 1") == [(1, 5), (2, 9)]


def test_outcomes_of_clips_that_nobody_described_are_not_kept(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    assert save_outcomes(engine, [outcome("1", "ghost"), outcome("2")], day(3)) == ["unknown clip", "new"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"key": ""}, "key"),
        ({"clip_id": None}, "clip_id"),
        ({"clicks": 101}, "clicks"),
        ({"clicks": -1}, "clicks"),
        ({"clicks": 1.5}, "clicks"),
        ({"impressions": True}, "impressions"),
        ({"started_at": datetime(2026, 3, 2)}, "started_at"),
        ({"ended_at": START}, "ended_at"),
        ({"ended_at": START + 9 * DAY}, "ended_at"),
    ],
)
def test_a_wrong_outcome_is_refused_by_field(engine: Engine, fields: dict[str, Any], named: str) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    with pytest.raises(InputError, match=f"The {named} of outcome 0"):
        save_outcomes(engine, [outcome() | fields], day(3))


def test_nothing_of_a_forgotten_creator_is_taken_in(engine: Engine, settings: Settings) -> None:
    save_clips(engine, [{"clip_id": "a", "creator_id": "anna"}, {"clip_id": "b"}], day(0), settings=settings)
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "anna"), requested_by="ada", reason=None, at=day(1))
    rows = [{"clip_id": "c", "creator_id": "anna"}, {"clip_id": "d", "creator_id": "bob"}]
    assert save_clips(engine, rows, day(2), settings=settings) == ["forgotten", "new"]
    found = save_outcomes(engine, [outcome("1", "a"), outcome("2", "b")], day(3), settings=settings)
    assert found == ["forgotten", "new"]


# -- counts of the past ----------------------------------------------------------------------------------------


def test_counts_are_of_the_past_once_they_are_final(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": c, "creator_id": "anna", "advertiser_id": "brand"} for c in "ab"], day(0))
    save_outcomes(engine, [outcome("1", "a", 1), outcome("2", "b", 1, clicks=1), outcome("3", "a", 2)], day(3))
    # of day 1: over on day 2, sent on day 3, final a day after it was over: on day 3
    found = clip_inputs(engine, ["a", "b"], day(3) - timedelta(microseconds=1), MATURITY)
    assert found["a"]["clip_impressions"] is None
    found = clip_inputs(engine, ["a", "b"], day(3), MATURITY)
    assert [found[c]["clip_clicks"] for c in "ab"] == [5, 1]
    assert [found[c]["creator_clicks"] for c in "ab"] == [6, 6]
    found = clip_inputs(engine, ["a"], day(4), MATURITY)
    assert (found["a"]["clip_impressions"], found["a"]["advertiser_impressions"]) == (200, 300)
    assert history(engine, ["anna", "nobody"], ["brand"], ["b"], day(4), MATURITY) == {
        "clip": {"b": (100, 1)}, "creator": {"anna": (300, 11)}, "advertiser": {"brand": (300, 11)},
    }  # fmt: skip


def test_a_restated_count_stands_from_the_moment_on_at_which_it_was_known(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a", "creator_id": "anna"}], day(0))
    save_outcomes(engine, [outcome()], day(2))
    save_outcomes(engine, [outcome(impressions=80, clicks=2, replace=True)], day(6))
    found = [clip_inputs(engine, ["a"], day(at), MATURITY)["a"] for at in (3, 5.9, 6)]
    assert [one["clip_impressions"] for one in found] == [100, 100, 80]
    assert [one["creator_clicks"] for one in found] == [5, 5, 2]


def test_a_creator_has_the_counts_that_became_final_while_the_clip_was_theirs(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a", "creator_id": "anna"}], day(0))
    save_outcomes(engine, [outcome("1", began=1)], day(2))
    save_clips(engine, [{"clip_id": "a", "creator_id": "bob"}], day(4))
    save_outcomes(engine, [outcome("2", began=5, clicks=7)], day(6))
    found = history(engine, ["anna", "bob"], [], [], day(30), MATURITY)["creator"]
    assert found == {"anna": (100, 5), "bob": (100, 7)}


# -- collection ------------------------------------------------------------------------------------------------


def test_what_collection_says_of_a_clip_is_what_the_service_would_have_been_told(engine: Engine) -> None:
    load_outcomes(engine, outcomes(clips=12, days=9), LATE)
    rng = random.Random(5)
    for number in range(12):  # the world goes on changing, after and before
        clip = f"c{number:03d}"
        save_clips(engine, [{"clip_id": clip, "title": f"Later {number}"}], day(rng.uniform(2, 9)))
        key = f"{clip}/{day(4).date()}"
        again = {"placement": "feed" if number % 2 else "story", "replace": True, "impressions": 3000}
        assert save_outcomes(engine, [outcome(key, clip, 4, **again)], day(rng.uniform(6, 12))) == ["revised"]
    examples = collected(engine, day(0), LATE)
    assert len({row["outcome"] for row in examples}) == len(examples) > 80
    names = ["clip_id", *(field.name for field in (*CLIP_FIELDS, *HISTORY_FIELDS))]
    for row in rng.sample(examples, 40):
        asked = clip_inputs(engine, [row["clip_id"]], row["at"], MATURITY)[row["clip_id"]]
        assert {name: row[name] for name in names} == asked
    assert any(row["creator_clicks"] for row in examples)
    assert any(row["title"].startswith("Later") for row in examples)


def test_days_collected_one_by_one_give_what_one_long_window_gives(engine: Engine) -> None:
    load_outcomes(engine, outcomes(clips=6, days=5), LATE)
    daily = [row for number in range(9) for row in collected(engine, day(number), day(number + 1))]
    assert sorted(daily, key=lambda row: row["outcome"]) == collected(engine, day(0), day(9))


def test_an_example_of_the_past_is_the_same_whatever_is_learned_later(engine: Engine) -> None:
    load_outcomes(engine, outcomes(clips=6, days=6), day(7))
    window = (day(3), day(5))
    before = collected(engine, *window)
    save_clips(engine, [{"clip_id": "c001", "title": "Other", "creator_id": "creator-0"}], day(5))
    save_outcomes(engine, [outcome(f"x{n}", "c001", 5) for n in range(3)], day(6))
    key = f"c001/{day(2).date()}"
    save_outcomes(engine, [outcome(key, "c001", 2, placement="feed", replace=True)], day(6))
    assert collected(engine, *window) == before


def test_a_restated_count_is_collected_again_on_the_day_it_became_known(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(engine, [outcome()], day(2))
    save_outcomes(engine, [outcome(clicks=50, replace=True)], day(6.5))
    assert [row["clicks"] for row in collected(engine, day(3), day(4))] == [5]
    assert [(row["outcome"], row["clicks"], row["known_at"]) for row in collected(engine, day(6), day(7))] == [
        ("k", 50, day(6.5))
    ]
    # in one window of both only the last one stands
    assert [row["clicks"] for row in collected(engine, day(3), day(7))] == [50]


def test_outcomes_of_clips_that_were_described_too_late_are_left_out_and_counted(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "late"}], day(1.5))
    save_clips(engine, [{"clip_id": "dark"}], day(0))
    save_outcomes(engine, [outcome("1", "late"), outcome("2", "late", 2)], day(4))
    save_outcomes(engine, [outcome("3", "dark", impressions=0, clicks=0)], day(4))
    sources = read_sources(engine, "ctr", day(3), day(5), options=OPTIONS)
    assert sources["outcomes"]["key"].to_pylist() == ["2"]
    assert sources["left_out"] == {"clip not known yet": 1, "never shown": 1}


def test_counts_of_an_hour_have_an_hour_and_those_of_a_day_none(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a", "group_id": "g"}], day(0))
    evening = day(1) + timedelta(hours=19)
    rows = [outcome("1"), outcome("2") | {"started_at": evening, "ended_at": evening + timedelta(hours=1)}]
    save_outcomes(engine, rows, day(2))
    found = collected(engine, day(2), day(4))
    assert [(row["hour"], row["entity"]) for row in found] == [(None, "g"), (19, "g")]


# -- predictions -----------------------------------------------------------------------------------------------


def prediction(
    clip: str | None = "a", at: float = 0.9, asked: float | None = None, **fields: Any
) -> dict[str, Any]:
    place = {name: fields.pop(name, None) for name in ("placement", "audience", "device")}
    answer = {
        "predicted_ctr": 0.04, "predicted_band": "medium", "ctr_low": 0.02, "ctr_high": 0.07,
        "confidence": 0.6, "answered_by": "model",
    }  # fmt: skip
    return {
        "id": uuid.uuid4(), "family": "ctr", "entity_id": clip, "at": day(at), "model_version": "3",
        "inputs": {"clip_id": clip, **place}, "answer": answer, "latency_ms": 1.0,
        "received_at": day(at if asked is None else asked), **fields,
    }  # fmt: skip


def judged(engine: Engine) -> list[Any]:
    return query(
        engine,
        "select clip_id, placement, actual_impressions, actual_clicks from ctr_predictions order by at",
    )


def test_a_prediction_is_in_both_tables_once(engine: Engine) -> None:
    rows = [prediction(), prediction(None), prediction(model_version=None)]
    assert insert_ctr_predictions(engine, rows) == 3
    assert insert_ctr_predictions(engine, rows) == 0
    assert query(engine, "select count(*) from predictions where family = 'ctr'") == [(3,)]
    found = query(engine, "select clip_id, ctr_low, model_version from ctr_predictions order by 1, 3")
    assert found == [("a", 0.02, "3"), ("a", 0.02, "heuristic"), (None, 0.02, "3")]


def test_what_came_of_a_prediction_is_written_beside_it_when_it_is_final(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(
        engine,
        [
            outcome("1", placement="feed"),
            outcome("2", placement="story", clicks=7),
            outcome("next day", began=2, placement="feed"),
        ],
        day(3),
    )  # fmt: skip
    asked = [prediction(at=0.5, placement="feed"), prediction(at=0.6), prediction(at=0.7, placement="reels")]
    insert_ctr_predictions(engine, asked)
    assert join_outcomes(engine, day(2), day(3), MATURITY) == 0
    assert after_collect(engine, "ctr", day(3), day(4), options=OPTIONS) == {"predictions": 2}
    assert judged(engine) == [("a", "feed", 100, 5), ("a", None, 200, 12), ("a", "reels", None, None)]
    before = query(engine, "select * from ctr_predictions order by id")
    join_outcomes(engine, day(3), day(4), MATURITY)
    assert query(engine, "select * from ctr_predictions order by id") == before


def test_what_came_of_a_prediction_is_that_of_the_device_it_was_asked_for(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    told = [outcome("1", device="phone"), outcome("2", device="tv", clicks=1), outcome("3", clicks=50)]
    assert save_outcomes(engine, told, day(3)) == ["new", "new", "new"]
    assert save_outcomes(engine, [outcome("1", device="tv")], day(3)) == ["taken"]
    insert_ctr_predictions(
        engine, [prediction(at=0.5, device="tv"), prediction(at=0.6), prediction(at=0.7, device="watch")]
    )
    found = collected(engine, day(3), day(4))
    assert [(row["device"], row["clicks"]) for row in found] == [("phone", 5), ("tv", 1), (None, 50)]
    assert [row["predicted_ctr"] for row in found] == [0.04] * 3
    after_collect(engine, "ctr", day(3), day(4), options=OPTIONS)
    assert judged(engine) == [("a", None, 100, 1), ("a", None, 300, 56), ("a", None, None, None)]


def test_a_key_that_told_no_device_may_tell_one_and_no_other_then(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(engine, [outcome()], day(2))
    assert save_outcomes(engine, [outcome(device="tv")], day(2)) == ["repeated"]
    assert save_outcomes(engine, [outcome(device="tv", clicks=7)], day(2)) == ["conflict"]
    assert save_outcomes(engine, [outcome(device="tv", clicks=7, replace=True)], day(2)) == ["revised"]
    for other in ("phone", None):
        assert save_outcomes(engine, [outcome(device=other, clicks=7, replace=True)], day(2)) == ["taken"]
    found = collected(engine, day(3), day(4))
    assert [(row["device"], row["clicks"]) for row in found] == [("tv", 7)]


def test_a_restated_count_is_written_over_and_an_older_day_again_changes_nothing(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(engine, [outcome()], day(2))
    insert_ctr_predictions(engine, [prediction()])
    join_outcomes(engine, day(3), day(4), MATURITY)
    save_outcomes(engine, [outcome(clicks=9, replace=True)], day(6))
    assert join_outcomes(engine, day(6), day(7), MATURITY) == 1
    assert judged(engine) == [("a", None, 100, 9)]
    assert join_outcomes(engine, day(3), day(4), MATURITY) == 0
    assert judged(engine) == [("a", None, 100, 9)]


def test_a_question_about_the_past_is_not_judged(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(engine, [outcome()], day(2))
    insert_ctr_predictions(engine, [prediction(at=0.5, asked=3)])
    assert join_outcomes(engine, day(3), day(4), MATURITY) == 0
    assert [row["predicted_ctr"] for row in collected(engine, day(3), day(4))] == [None]


def test_an_example_has_the_last_prediction_that_was_made_before_it(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a"}], day(0))
    save_outcomes(engine, [outcome(placement="feed")], day(2))
    insert_ctr_predictions(
        engine,
        [prediction(at=0.5, model_version="1"), prediction(at=0.9, model_version="2"),
         prediction(at=0.95, model_version="3", placement="story"), prediction(at=1.5, model_version="4")],
    )  # fmt: skip
    found = collected(engine, day(3), day(4))
    assert [(row["predicted_ctr"], row["predicted_version"]) for row in found] == [(0.04, "2")]


def test_families_without_a_hook_do_nothing_after_collection(engine: Engine) -> None:
    assert after_collect(engine, "viral", datetime(2026, 1, 1, tzinfo=UTC), LATE) == {}


def test_a_clip_that_changed_hands_leaves_nobody_with_fewer_counts_than_none(engine: Engine) -> None:
    save_clips(engine, [{"clip_id": "a", "creator_id": "first"}], day(0))
    save_outcomes(engine, [outcome(impressions=100, clicks=50)], day(2))
    save_clips(engine, [{"clip_id": "a", "creator_id": "second"}], day(4))
    save_outcomes(engine, [outcome(impressions=10, clicks=1, replace=True)], day(5))
    found = history(engine, ["first", "second"], [], ["a"], day(9), MATURITY)
    assert found["creator"] == {"first": (100, 50), "second": (0, 0)}
    assert found["clip"] == {"a": (10, 1)}
