from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from config.errors import InputError
from models.ctr.clean import clean
from models.ctr.schema import OUTCOME_SCHEMA

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GOOD = {"clip_id": "a", "day": "2026-03-02", "impressions": "100", "clicks": "5"}


def cleaned(*rows, mapping=None, **kwargs):
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
    good, bad = clean(table, mapping, **kwargs)
    assert good.schema.equals(OUTCOME_SCHEMA)
    return good.to_pylist(), {each.row: each.reason for each in bad}


def span_of(**row):
    good, bad = cleaned({"clip_id": "a", "impressions": "100", "clicks": "5", **row})
    assert not bad
    return good[0]["started_at"], good[0]["ended_at"]


def test_a_days_counts_of_a_clip():
    good, bad = cleaned({**GOOD, "headline": "Hello", "Lede": "World", "face": "yes", "placement": "feed"})
    assert not bad
    row = good[0]
    assert (row["clip_id"], row["title"], row["hook_text"], row["has_face"]) == ("a", "Hello", "World", True)
    assert (row["impressions"], row["clicks"], row["placement"], row["creator_id"]) == (100, 5, "feed", None)
    assert (row["started_at"], row["ended_at"]) == (
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 3, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("row", "began", "hours"),
    [
        ({"day": "2026-03-02"}, (2026, 3, 2, 0), 24),
        ({"date": "20260302"}, (2026, 3, 2, 0), 24),
        ({"day": "2026-03-02", "hour": "17"}, (2026, 3, 2, 17), 1),
        ({"started_at": "2026-03-02T17:00:00Z"}, (2026, 3, 2, 17), 1),
        ({"start": "2026-03-02T17:00:00Z", "end": "2026-03-02T21:00:00Z"}, (2026, 3, 2, 17), 4),
        ({"hour": "14102117"}, (2014, 10, 21, 17), 1),
        ({"hour": "2014102117"}, (2014, 10, 21, 17), 1),
        ({"test_week": "201446"}, (2014, 11, 10, 0), 168),
        ({"week": "2014-W46"}, (2014, 11, 10, 0), 168),
        ({"week": "201501"}, (2014, 12, 29, 0), 168),
        ({"week": "201500"}, (2014, 12, 22, 0), 168),
    ],
)
def test_a_span_is_told_in_many_ways(row, began, hours):
    start, end = span_of(**row)
    assert start == datetime(*began, tzinfo=UTC)
    assert (end - start).total_seconds() == hours * 3600


def test_numbers_of_weeks_and_days_may_be_numbers():
    table = pa.table({"clip_id": ["a", "b"], "week": [201446, 201447], "impressions": [5, 5], "clicks": [1, 0]})
    assert [row["started_at"].day for row in clean(table)[0].to_pylist()] == [10, 17]
    days = table.drop(["week"]).append_column("day", pa.array([20260302.0, 20260303.0]))
    assert [row["started_at"].day for row in clean(days)[0].to_pylist()] == [2, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clicks": "101"}, "there are more clicks than impressions"),
        ({"clicks": "-1"}, "clicks is negative"),
        ({"clicks": "1.5"}, "clicks is not a whole number"),
        ({"clicks": None}, "clicks is absent: give the count, 0 if there was none"),
        ({"impressions": "many"}, "impressions is not a whole number"),
        ({"impressions": None}, "impressions is absent: give the count, 0 if there was none"),
        ({"day": "someday"}, "day is not a date or time"),
        ({"day": None}, "started_at is absent: say when the counts began"),
        ({"day": "1999-01-01"}, "started_at lies before 2005"),
        ({"day": "2026-11-01"}, "the span is not over yet: import it when its counts are whole"),
        ({"ended_at": "2026-03-01"}, "ended_at is not later than started_at"),
        ({"hour": "25"}, "hour is not an hour from 0 to 23"),
        ({"week": "201499", "day": None}, "week is not a week such as 201446"),
        ({"duration": "-1"}, "duration is negative"),
        ({"has_face": "perhaps"}, "has_face is not true or false"),
        ({"composite_score": "good"}, "composite_score is not a number"),
    ],
)
def test_a_bad_value_sets_its_row_aside_with_the_reason(change, reason):
    good, bad = cleaned(GOOD, {**GOOD, "clip_id": "b", **change}, as_of=NOW)
    assert [row["clip_id"] for row in good] == ["a"]
    assert bad == {2: reason}


def test_all_reasons_of_a_row_are_told():
    _, bad = cleaned({**GOOD, "clicks": "-2", "duration": "x"})
    assert bad == {1: "duration is not a number; clicks is negative"}


def test_a_clip_without_an_id_has_one_by_what_describes_it():
    rows = [{**GOOD, "clip_id": None, "title": title} for title in ("one", "two")]
    first, _ = cleaned(*rows)
    again, _ = cleaned(*reversed(rows))
    assert first[0]["clip_id"] != first[1]["clip_id"]
    assert [row["clip_id"] for row in again] == [row["clip_id"] for row in reversed(first)]
    assert [row["key"] for row in again] == [row["key"] for row in reversed(first)]


def test_arms_that_are_described_alike_in_one_span_are_told_apart():
    arm = {"test_id": "t", "headline": "same", "test_week": "201446", "impressions": "9", "clicks": "1"}
    good, bad = cleaned(arm, arm, {**arm, "test_week": "201447"})
    assert not bad
    assert len({row["key"] for row in good}) == 3
    assert good[1]["clip_id"] == f"{good[0]['clip_id']}-2"
    assert good[2]["clip_id"] == good[0]["clip_id"]


def test_of_two_rows_of_one_clip_and_span_the_later_one_wins():
    other = ({**GOOD, "placement": "feed"}, {**GOOD, "device_type": "tv"}, {**GOOD, "device_type": "phone"})
    good, bad = cleaned(GOOD, {**GOOD, "clicks": "7"}, *other)
    assert [(row["clicks"], row["device"]) for row in good] == [(7, None), (5, None), (5, "tv"), (5, "phone")]
    assert list(bad) == [1]


@pytest.mark.parametrize(
    "place", [{}, {"placement": "feed"}, {"placement": "feed", "audience": "25–34"}, {"device": "tv"}]
)
def test_a_row_without_a_key_gets_the_one_that_the_guide_tells_how_to_make(place):
    guide = (Path(__file__).parents[4] / "docs/guides/ctr-data.md").read_text()
    recipe: dict[str, Any] = {}
    exec(guide.split("```python\n")[1].split("```")[0], recipe)  # noqa: S102 - our own page
    good, _ = cleaned({**GOOD, **place}, {**GOOD, **place, "day": "2026-03-03"}, {**GOOD, "clip_id": "b"})
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3, 4)]
    made = [recipe["key"]("a", *span, **place) for span in pairwise(days)]
    made.append(recipe["key"]("b", *days[:2]))
    assert [row["key"] for row in good] == made


def test_a_log_has_one_impression_a_row():
    rows = [
        {
            "id": "10000169349117863715",
            "click": "1",
            "hour": "14102100",
            "banner_pos": "0",
            "site_id": "1fbe01fe",
        },
        {
            "id": "10000371904215119486",
            "click": "0",
            "hour": "14102101",
            "banner_pos": "1",
            "site_id": "1fbe01fe",
        },
    ]
    good, bad = cleaned(*rows, mapping={"advertiser_id": "site_id"}, as_of=NOW)
    assert not bad
    assert [(row["impressions"], row["clicks"], row["placement"]) for row in good] == [(1, 1, "0"), (1, 0, "1")]
    assert [row["key"] for row in good] == [row["id"] for row in rows]
    assert {row["advertiser_id"] for row in good} == {"1fbe01fe"}
    assert good[1]["started_at"] == datetime(2014, 10, 21, 1, tzinfo=UTC)


def test_a_log_without_names_can_be_measured_and_keeps_every_row():
    rows = [{"label": "1", "C1": "x"}, {"label": "0", "C1": "x"}, {"label": "0", "C1": "x"}]
    good, bad = cleaned(*rows, mapping={"category": "C1"})
    assert not bad
    assert [row["clicks"] for row in good] == [1, 0, 0]
    with pytest.raises(InputError, match="log of single impressions"):
        cleaned({**rows[0], "day": "2026-03-01"}, as_of=NOW)


def test_a_value_of_a_log_that_is_no_click_is_rejected():
    _, bad = cleaned({"id": "1", "label": "3"}, {"id": "2", "label": "-1"})
    assert bad == {1: "clicks is neither 0 nor 1, as in a log", 2: "clicks is negative"}


def test_rows_without_a_time_can_be_measured_but_not_kept():
    row = {"test_id": "t", "title": "x", "impressions": "9", "clicks": "1"}
    good, _ = cleaned(row)
    assert good[0]["started_at"] is None
    with pytest.raises(InputError, match="no time"):
        cleaned(row, as_of=NOW)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"clicks": "nowhere"}, "no column 'nowhere'"),
        ({"klicks": "clicks"}, "no CTR field"),
        (None, "no clicks"),
    ],
)
def test_columns_that_tell_no_counts_are_told_with_what_to_do(mapping, message):
    with pytest.raises(InputError, match=message) as told:
        cleaned({"clip_id": "a", "impressions": "5"}, mapping=mapping)
    assert told.value.hint
