"""Clips and outcomes: what is taken, what is told row by row, and what waits on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.ctr_schema import EXAMPLE_OUTCOME

CLIP = {"clip_id": "c-1", "title": "A day out", "duration": 20, "has_face": True}
OUTCOME = {"key": "k-1", "clip_id": "c-1", "date": "2026-10-20", "impressions": 1000, "clicks": 31}


def send(ctr: Any, *outcomes: dict[str, Any]) -> Any:
    return ctr.ask(
        "POST", "/outcomes", json=outcomes[0] if len(outcomes) == 1 else {"outcomes": list(outcomes)}
    )


@pytest.fixture
def known(ctr: Any) -> Any:
    """A service that knows the clip."""
    assert ctr.ask("POST", "/clips", json=CLIP).json() == {"clip_id": "c-1", "status": "new"}
    return ctr


def test_a_saved_clip_is_known_at_once(known: Any) -> None:
    found = known.ask("GET", "/clips/c-1")
    assert (found.status_code, found.json()["title"]) == (200, "A day out")
    assert known.predict(clip_id="c-1").status_code == 200
    changed = {"clips": [{"clip_id": "c-1", "title": "A night out"}, {"clip_id": "c-2"}]}
    answer = known.ask("POST", "/clips", json=changed).json()
    assert [one["status"] for one in answer["results"]] == ["changed", "new"]
    assert (answer["new"], answer["changed"], answer["unchanged"]) == (1, 1, 0)
    asked = len(known.clips.asked)
    known.predict(clip_id="c-1")
    assert len(known.clips.asked) > asked, "what has changed is read again"


def test_a_clip_that_is_not_known_is_a_404(ctr: Any) -> None:
    assert ctr.ask("GET", "/clips/nobody").status_code == 404


def test_clips_are_saved_all_or_none_and_not_without_the_database(ctr: Any) -> None:
    answer = ctr.ask("POST", "/clips", json={"clips": [CLIP, {"clip_id": "c-2", "duration": "long"}]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "clips[1].duration")
    assert not ctr.clips.known
    ctr.clips.away = True
    answer = ctr.ask("POST", "/clips", json=CLIP)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert ctr.ask("GET", "/clips/c-1").status_code == 503


def test_an_outcome_counts_once_by_its_key(known: Any) -> None:
    assert send(known, OUTCOME).json() == {"key": "k-1", "status": "new"}
    assert send(known, OUTCOME).json() == {"key": "k-1", "status": "repeated"}
    conflict = send(known, OUTCOME | {"clicks": 32})
    assert conflict.status_code == 409
    assert conflict.json()["detail"].startswith("The key 'k-1' stands for other counts: send `replace`")
    assert send(known, OUTCOME | {"clicks": 32, "replace": True}).json()["status"] == "revised"
    assert known.clips.outcomes["k-1"]["clicks"] == 32


def test_an_outcome_is_kept_with_all_that_is_told_of_its_place(known: Any) -> None:
    place = {"placement": "feed", "audience": "new", "device": "tv"}
    assert send(known, OUTCOME | place).json()["status"] == "new"
    assert known.clips.outcomes["k-1"].items() >= place.items()


def test_a_key_of_another_place_or_day_is_told_to_need_another_key_also_beside_replace(known: Any) -> None:
    send(known, OUTCOME)
    for other in (
        {"placement": "elsewhere"},
        {"device": "tv"},
        {"date": "2026-10-19"},
        {"placement": "elsewhere", "replace": True},
    ):
        answer = send(known, OUTCOME | other)
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            "The key 'k-1' stands for another clip, span, placement, audience or device: "
            "send this outcome under another key."
        )
    many = send(known, OUTCOME | {"placement": "elsewhere"}, OUTCOME).json()
    assert [one["status"] for one in many["results"]] == ["conflict", "repeated"]
    assert "under another key" in many["results"][0]["detail"]
    assert many["counts"] == {"conflict": 1, "repeated": 1}


def test_a_day_is_the_span_that_it_is_in_utc(known: Any) -> None:
    send(known, OUTCOME)
    row = known.clips.outcomes["k-1"]
    assert row["started_at"] == datetime(2026, 10, 20, tzinfo=UTC)
    assert row["ended_at"] == datetime(2026, 10, 21, tzinfo=UTC)
    span = {"started_at": "2026-10-20T07:00:00+02:00", "ended_at": "2026-10-20T06:00:00Z"}
    hour = {name: value for name, value in OUTCOME.items() if name != "date"} | {"key": "k-2"} | span
    assert send(known, hour).json()["status"] == "new"
    assert known.clips.outcomes["k-2"]["started_at"] == datetime(2026, 10, 20, 5, tzinfo=UTC)


def test_an_outcome_of_an_unknown_clip_is_a_404(ctr: Any) -> None:
    answer = send(ctr, OUTCOME)
    assert answer.status_code == 404
    assert "There is no clip 'c-1'" in answer.json()["detail"]


def test_of_many_the_faulty_are_told_and_the_others_taken(known: Any) -> None:
    rows: list[Any] = [
        OUTCOME,
        OUTCOME | {"key": "k-2", "clicks": 2000},
        OUTCOME,
        OUTCOME | {"key": "k-3", "clip_id": "nobody"},
        "nonsense",
        OUTCOME | {"key": "k-1", "clicks": 5},
        OUTCOME | {"key": "k-4", "impresions": 3},
        OUTCOME | {"key": "k-5"},
    ]
    answer = send(known, *rows)
    assert answer.status_code == 200
    body = answer.json()
    assert [one["status"] for one in body["results"]] == [
        "new", "faulty", "repeated", "unknown clip", "faulty", "conflict", "faulty", "new"
    ]  # fmt: skip
    assert [one["key"] for one in body["results"]] == ["k-1", "k-2", "k-1", "k-3", None, "k-1", "k-4", "k-5"]
    assert body["results"][1]["errors"][0]["message"] == "clicks must be impressions (1000) or less."
    assert "Did you mean impressions?" in body["results"][6]["detail"]
    assert body["counts"] == {"new": 2, "faulty": 3, "repeated": 1, "unknown clip": 1, "conflict": 1}
    assert set(known.clips.outcomes) == {"k-1", "k-5"}


def test_when_all_are_faulty_the_request_is(known: Any) -> None:
    answer = send(known, OUTCOME | {"clicks": -1}, OUTCOME | {"key": ""})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["outcomes[0].clicks", "outcomes[1].key"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"date": None}, "started_at"),
        ({"date": "20.10.2026"}, "date"),
        ({"ended_at": "2026-10-21T00:00:00Z"}, "date"),
        ({"date": None, "started_at": "2026-10-21T00:00:00Z", "ended_at": "2026-10-20T00:00:00Z"}, "ended_at"),
        ({"date": "2020-01-01", "clicks": 1001}, "clicks"),
        ({"date": (datetime.now(UTC) + timedelta(days=1)).date().isoformat()}, "ended_at"),
        ({"impressions": 2**60}, "impressions"),
        ({"key": "  "}, "key"),
    ],
)
def test_what_does_not_fit_is_named(known: Any, change: dict[str, Any], field: str) -> None:
    row = {name: value for name, value in (OUTCOME | change).items() if value is not None}
    answer = send(known, row)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"outcomes": {}}', b'{"outcomes": []}', b'{"outcomes": [], "x": 1}']
)
def test_a_body_that_is_none_is_refused(known: Any, body: bytes) -> None:
    assert known.post("/outcomes", body).status_code in (400, 422)


def test_while_the_database_is_away_outcomes_wait_on_disk_and_come_later(known: Any) -> None:
    known.clips.away = True
    single = send(known, OUTCOME)
    assert (single.status_code, single.json()["status"]) == (202, "queued")
    many = send(known, OUTCOME | {"key": "k-2"}, OUTCOME | {"key": "k-3", "clicks": 5000})
    assert many.status_code == 202
    assert [one["status"] for one in many.json()["results"]] == ["queued", "faulty"]
    text = known.ask("GET", "/metrics", headers={"x-api-key": "a key that is long enough"}).text
    assert 'assay_queue_rows{queue="outcomes",service="ctr"} 2.0' in text
    known.parts.inbox.spool.rotate()
    known.parts.inbox.shipper._tick()
    assert "outcomes wait on disk" in known.ask("GET", "/health").json()["detail"]
    assert send(known, OUTCOME | {"key": "k-1", "clicks": 7, "replace": True}).status_code == 202

    known.clips.away = False
    later = send(known, OUTCOME | {"clicks": 9, "replace": True})
    assert later.status_code == 202, "behind what waits, else that would take its place"
    known.parts.inbox.spool.rotate()
    known.parts.inbox.shipper.ship()
    assert {key: row["clicks"] for key, row in known.clips.outcomes.items()} == {"k-1": 9, "k-2": 31}
    assert send(known, OUTCOME | {"clicks": 9}).json()["status"] == "repeated"


def test_a_full_disk_is_a_503_and_never_a_lost_outcome(known: Any) -> None:
    known.clips.away = True
    known.parts.inbox.spool.full = True
    answer = send(known, OUTCOME)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_a_training_wants_the_key_and_says_so_when_prefect_is_away(ctr: Any) -> None:
    assert ctr.ask("POST", "/train/ctr-model").status_code == 401
    answer = ctr.ask("POST", "/train/ctr-model", headers={"x-api-key": "a key that is long enough"})
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The training cannot be started now: Prefect is away."


def test_the_example_of_the_documentation_is_taken(known: Any) -> None:
    known.ask("POST", "/clips", json={"clip_id": EXAMPLE_OUTCOME["clip_id"]})
    assert send(known, EXAMPLE_OUTCOME).json()["status"] == "new"
