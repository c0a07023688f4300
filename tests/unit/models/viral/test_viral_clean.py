from datetime import UTC, datetime

import pyarrow as pa
import pytest

from config.errors import InputError
from models.viral.clean import clean
from models.viral.schema import SNAPSHOT_SCHEMA

GOOD = {"video_id": "a", "date": "2026-01-02", "views": "10"}


def cleaned(*rows, mapping=None, **kwargs):
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
    good, bad = clean(table, mapping, **kwargs)
    return good.to_pylist(), {each.row: each.reason for each in bad}


def test_known_names_are_found_whatever_their_case():
    good, bad = cleaned(
        {"Video ID": "a", "trending_date": "17.14.11", "View_Count": "1,234,567", "channel_title": "C"}
    )
    assert not bad
    assert (good[0]["views"], good[0]["creator_id"]) == (1_234_567, "C")
    assert good[0]["taken_at"] == datetime(2017, 11, 14, tzinfo=UTC)


def test_a_mapping_comes_before_known_names():
    good, _ = cleaned({**GOOD, "seen": "7"}, mapping={"views": "seen"})
    assert good[0]["views"] == 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"views": "-5"}, "views is negative"),
        ({"views": "many"}, "views is not a whole number"),
        ({"views": "1.5"}, "views is not a whole number"),
        ({"views": "1e300"}, "views is not a whole number"),
        ({"views": None}, "views is absent"),
        ({"video_id": " "}, "video_id is absent"),
        ({"date": None}, "taken_at is absent"),
        ({"date": "yesterday"}, "taken_at is not a date or time"),
        ({"date": "2026-02-31"}, "taken_at is not a date or time"),
        ({"date": "1999-01-01"}, "taken_at lies before 2005"),
        ({"date": "2150-01-01"}, "taken_at lies in the future"),
        ({"publish_time": "2026-01-05"}, "published_at lies after taken_at"),
        ({"likes": "x"}, "likes is not a whole number"),
        ({"duration": "-1"}, "video_duration is negative"),
        ({"verified": "perhaps"}, "creator_verified is not true or false"),
    ],
)
def test_a_bad_value_sets_its_row_aside_with_the_reason(change, reason):
    good, bad = cleaned(GOOD, {**GOOD, "video_id": "b", **change})
    assert [row["video_id"] for row in good] == ["a"]
    assert bad == {2: reason}


def test_all_reasons_of_a_row_are_told():
    _, bad = cleaned({**GOOD, "views": "-1", "date": "?", "likes": "x"})
    assert sorted(bad[1].split("; ")) == [
        "likes is not a whole number", "taken_at is not a date or time", "views is negative",
    ]  # fmt: skip


def test_a_snapshot_later_than_now_is_set_aside_where_now_is_known():
    _, bad = cleaned(GOOD, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    assert bad == {1: "taken_at lies in the future"}


def test_an_id_that_a_spreadsheet_mangled_is_read_from_the_picture():
    link = "https://i.ytimg.com/vi/-Ifnaxi2LQg/default.jpg"
    good, bad = cleaned({**GOOD, "video_id": "#NAME?", "thumbnail_link": link}, {**GOOD, "video_id": "#NAME?"})
    assert good[0]["video_id"] == "-Ifnaxi2LQg"
    assert bad == {2: "video_id is an error of a spreadsheet, and no picture link tells the id"}


def test_without_an_id_the_title_creator_and_publication_identify_the_video():
    row = {
        "title": "T",
        "channel_title": "C",
        "publish_time": "2026-01-01T00:00:00.000Z",
        "date": "2026-01-02",
        "views": "1",
    }
    good, bad = cleaned(
        row, {**row, "date": "2026-01-03"}, {**row, "channel_title": "D"}, {**row, "title": None}
    )
    assert good[0]["video_id"] == good[1]["video_id"] != good[2]["video_id"]
    assert bad == {4: "video_id is absent"}


def test_of_a_video_and_time_that_come_twice_the_later_row_wins():
    good, bad = cleaned(GOOD, {**GOOD, "views": "11"}, {**GOOD, "video_id": "b"})
    assert [(row["video_id"], row["views"]) for row in good] == [("a", 11), ("b", 10)]
    assert bad == {1: "another row of the same video and time comes later and wins"}


def test_times_without_zone_are_utc_and_numbers_are_since_1970():
    good, bad = cleaned(
        {**GOOD, "date": "2026-01-02 03:04:05"},
        {**GOOD, "date": "2026-01-02T03:04:05+02:00"},
        {**GOOD, "date": "1767323045"},
        {**GOOD, "video_id": "b", "date": "1767323045000"},
    )
    assert [row["taken_at"].hour for row in good] == [1, 3, 3]
    assert list(bad) == [1]  # the same moment as the third


def test_typed_columns_are_taken_as_they_are():
    table = pa.table(
        {"id": [1, 2], "taken_at": pa.array([datetime(2026, 1, 1)] * 2), "views": [1.0, float("nan")]}
    )
    good, bad = clean(table)
    assert good.to_pylist()[0]["video_id"] == "1"
    assert good.schema.equals(SNAPSHOT_SCHEMA)
    assert bad[0].reason == "views is absent"


def test_a_file_of_something_else_is_told_what_it_lacks():
    with pytest.raises(InputError, match=r"lacks.*views.*also known as view_count") as error:
        cleaned({"date": "2022-03-24", "kind": "hashtag", "id": "1", "name": "#spring", "count": "44"})
    assert "kind" in str(error.value)
    with pytest.raises(InputError, match="no column 'x'"):
        cleaned(GOOD, mapping={"views": "x"})
    with pytest.raises(InputError, match="'plays' is no viral field"):
        cleaned(GOOD, mapping={"plays": "views"})


def test_no_rows_are_no_trouble():
    good, bad = clean(pa.table({name: pa.array([], pa.string()) for name in GOOD}))
    assert good.num_rows == 0
    assert not bad
