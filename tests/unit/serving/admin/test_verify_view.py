"""What the verify page shows of a candidate, and the keys of its classes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from serving.admin.verify_decide import Wanted, is_repeat
from serving.admin.verify_keys import RESERVED, class_keys
from serving.admin.verify_view import candidate_json, candidate_name, table_columns
from storage.candidates import Candidate

AT = datetime(2026, 11, 20, 10, 32, tzinfo=UTC)


def candidate(**changes: Any) -> Candidate:
    made = Candidate(
        id=1, family="face", candidate='["u/p.jpg"]', day=date(2026, 11, 19), dataset="d", entity="u",
        label="Soft", confidence=0.5, margin=0.1, flag=None, kind=None, set_aside=False, image="u/p.jpg",
        values={}, rank=0.1, cluster="u", state="waiting", corrected_label=None, decided_by=None,
        decided_at=None, revision=0,
    )  # fmt: skip
    return replace(made, **changes)


def test_a_photo_shows_its_face_and_the_other_likely_classes() -> None:
    values = {
        "probabilities": '{"Soft": 0.5, "Warm": 0.3, "Queen": 0.001}', "width": 640, "height": 480,
        "face_x": 10, "face_y": 20, "face_width": 100, "face_height": 120, "sharpness": 9.5,
        "bytes": 2048, "sha256": "ab",
    }  # fmt: skip
    told = candidate_json(candidate(values=values), photos=True)
    assert told["size"] == [640, 480]
    assert told["face"] == [10, 20, 100, 120]
    assert told["others"] == [["Warm", 0.3]]
    assert told["more"] == {"bytes": 2048}


def test_a_photo_of_which_nothing_is_known_is_shown_all_the_same() -> None:
    told = candidate_json(candidate(values={"face_x": 3, "probabilities": "broken"}, image=None), photos=True)
    assert (told["size"], told["face"], told["others"], told["photo"]) == (None, None, [], False)


def test_a_row_keeps_the_order_of_its_schema() -> None:
    values = {"zeta": 1, "views": 2, "title": "x", "likes": None, "tags": ["a"]}
    told = candidate_json(candidate(values=values), photos=False, order=["title", "views"])
    assert told["values"] == [("title", "x"), ("views", 2), ("zeta", 1)]


def test_a_table_shows_the_numbers_that_the_reasons_speak_of() -> None:
    values = {"a": 5, "b": 6, "c": 7, "d": 8, "views": 20_000, "later": 900, "flagged": True}
    rows = [candidate(values=values, flag="Views fell from 20,000 to 900 by the horizon.")]
    assert table_columns(rows, list(values)) == ["a", "b", "views", "later"]


def test_a_number_inside_another_one_is_not_mentioned() -> None:
    rows = [
        candidate(values={"a": 20, "b": 1, "c": 1, "d": 1, "e": 1, "views": 20_000}, flag="Had 20,000 views.")
    ]
    assert table_columns(rows, ["b", "c", "d", "e", "a", "views"]) == ["b", "c", "d", "views"]


def test_a_key_is_written_in_words() -> None:
    assert candidate_name('["v1","2026-11-12T08:00:00+00:00"]') == "v1 · 2026-11-12 08:00"
    assert candidate_name("not json") == "not json"


def test_each_class_has_a_key_of_its_own_that_means_nothing_else() -> None:
    classes = ("Aristocratic", "Serious", "Soft", "Sunny", "Warm", "Vintage", "Über", "Fire", "Fragile")
    keys = class_keys(classes)
    assert (keys["Warm"], keys["Fire"], keys["Serious"]) == ("w", "f", "1")
    assert set(keys) == set(classes)
    assert len(set(keys.values())) == len(classes)
    assert not RESERVED & set(keys.values())


def test_with_more_classes_than_keys_the_rest_is_typed() -> None:
    keys = class_keys([f"class {number}" for number in range(50)])
    assert len(keys) == len(set(keys.values())) == 31


def test_only_the_same_decision_one_step_on_is_a_repeat() -> None:
    wanted = Wanted("correct", "Warm", "ana", AT)
    done = candidate(state="correct", corrected_label="Warm", decided_by="ana", revision=4)
    assert is_repeat(done, 3, wanted)
    assert not is_repeat(done, 2, wanted)
    assert not is_repeat(replace(done, decided_by="bea"), 3, wanted)
    assert not is_repeat(replace(done, corrected_label="Soft"), 3, wanted)
    assert not is_repeat(None, 3, wanted)
    assert is_repeat(candidate(revision=4), 3, Wanted("withdraw", None, "ana", AT))
    assert not is_repeat(done, 3, Wanted("withdraw", None, "ana", AT))
