"""What the pages of moderation take from an address or a form, and how they show a decision."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from config.errors import InputError
from serving.admin.moderation_form import (
    QueueFilter,
    decode_place,
    encode_place,
    queue_filter,
    review_form,
)
from serving.admin.moderation_view import asides, pieces, scores, suggested

ONE, TWO = uuid4(), uuid4()
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
THRESHOLDS = {"spam": 0.8, "hate": 0.7, "toxicity": 0.9}
spans = st.lists(
    st.tuples(
        st.sampled_from(["spam", "hate", "toxicity"]), st.integers(-5, 60), st.integers(-5, 60)
    ),
    max_size=6,
)  # fmt: skip


def test_a_filter_is_read_from_the_address_and_written_back() -> None:
    found = queue_filter({"kind": "post", "label": " hate ", "appealed": "no", "other": "x"})
    assert found == QueueFilter("post", "hate", "", "no")
    assert found.query == "kind=post&label=hate&appealed=no"
    assert found.arguments == {"kinds": ("post",), "labels": ("hate",), "decisions": (), "appealed": False}
    assert QueueFilter().arguments["appealed"] is None


@pytest.mark.parametrize(
    "query", [{"kind": "song"}, {"label": "rude"}, {"decision": "?"}, {"appealed": "maybe"}]
)
def test_a_filter_that_can_match_nothing_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is no"):
        queue_filter(query)


@given(st.booleans(), st.floats(0, 1), st.uuids())
def test_a_place_in_the_queue_survives_the_address(appealed: bool, uncertainty: float, name: UUID) -> None:
    assert decode_place(encode_place((appealed, uncertainty, name))) == (appealed, uncertainty, name)


@given(st.text(max_size=40))
def test_any_other_place_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        decode_place(text)


def form(*pairs: tuple[str, str]) -> FormData:
    return FormData([("verdict", "rejected"), ("moderation", str(ONE)), *pairs])


def test_several_decisions_are_rejected_for_labels_in_their_usual_order() -> None:
    found = review_form(
        form(("moderation", f"{TWO}@{AT.isoformat()}"), ("label_holds", "violence"), ("label_holds", "spam"),
             ("note", "  see rule 4 "))
    )  # fmt: skip
    assert found.seen == {ONE: None, TWO: AT}
    assert (found.decision, found.labels, found.note) == ("rejected", ("spam", "violence"), "see rule 4")


def test_to_approve_is_to_say_that_no_label_holds() -> None:
    given_form = FormData([("verdict", "approved"), ("moderation", str(ONE)), ("label_holds", "spam")])
    assert review_form(given_form).labels == ()


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        (FormData([("verdict", "rejected"), ("label_holds", "spam")]), "Choose at least one"),
        (form(), "rejected for"),
        (form(("label_holds", "rude")), "none of the labels"),
        (form(("label_holds", "spam"), ("note", "x" * 2001)), "at most 2000"),
        (form(("label_holds", "spam"), ("moderation", "me")), "named by its id"),
        (form(("label_holds", "spam"), ("moderation", f"{TWO}@noon")), "named by its id"),
        (FormData([("verdict", "flagged"), ("moderation", str(ONE))]), "approves or rejects"),
        (FormData([("verdict", "approved")] + [("moderation", str(ONE))] * 201), "At most 200"),
    ],
)
def test_what_is_no_review_is_refused(sent: FormData, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        review_form(sent)


@given(st.text(max_size=50), spans)
def test_a_marked_text_is_the_text(text: str, marks: list[tuple[str, int, int]]) -> None:
    reasons = [{"label": label, "spans": [[start, end]]} for label, start, end in marks]
    found = pieces(text, reasons)
    assert "".join(one.text for one in found) == text
    for label, start, end in marks:
        marked = set(range(max(0, start), min(len(text), end)))
        place = 0
        for one in found:
            inside = set(range(place, place + len(one.text)))
            place += len(one.text)
            if inside & marked:
                assert label in one.labels


def test_of_a_long_text_the_marked_part_is_shown() -> None:
    text = "a" * 5000 + "buy now" + "b" * 5000
    found = pieces(text, [{"label": "spam", "spans": [[5000, 5007]]}])
    assert [one.text for one in found if one.labels] == ["buy now"]
    assert sum(len(one.text) for one in found) < 1500
    assert "…" in found[0].text
    assert sum(len(one.text) for one in pieces(text, [], most=None)) == len(text)
    assert len(pieces("c" * 9000, [])[0].text) < 1300


def test_scores_stand_beside_their_thresholds_and_what_holds_is_suggested() -> None:
    said = {"toxicity": 0.95, "spam": 0.2, "hate": 0.7, "other": 0.5, "broken": None}
    found = scores(said, THRESHOLDS)
    assert [(one.label, one.reached) for one in found] == [
        ("spam", False), ("hate", True), ("toxicity", True), ("other", False),
    ]  # fmt: skip
    assert (found[0].length, found[0].mark, found[3].mark) == (20.0, 80.0, None)
    assert suggested(said, THRESHOLDS) == ["hate", "toxicity"]


def test_moments_of_frames_and_what_nothing_looked_at_are_told() -> None:
    reasons = [
        {"label": "violence", "frames": [3.25, 75], "text": "Two frames."},
        {"label": "image", "text": "Nothing could look at the pictures."},
        {"label": "spam", "spans": [[0, 1]]},
    ]
    assert asides(reasons) == ["Two frames. At 0:03.2, 1:15.0.", "Nothing could look at the pictures."]
