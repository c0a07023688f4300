"""Labelled texts: from files and reviews to examples and gold, and gone when their author is forgotten."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from config.errors import InputError
from models.family import Window, get_family
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.erasure_tables import Traces, count_rows, delete_rows, owned_by
from storage.moderation import appeal, insert_decisions, review
from storage.sources import read_sources
from tasks.gold_texts import add_gold_texts
from tasks.importing import ImportResult, import_file
from tasks.platform import Platform

DAY = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
AT = DAY + dt.timedelta(hours=12)
NEXT = DAY + dt.timedelta(days=1)
FAMILY = get_family("moderation")


def write(path: Path, *rows: tuple[str, str], header: tuple[str, ...] = ("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def load(parts: Platform, path: Path, family: str = "moderation", at: dt.datetime = AT) -> ImportResult:
    return import_file(parts.engine, get_family(family), path, None, at)


def labelled(parts: Platform, family: str = "moderation", day: dt.datetime = DAY) -> list[dict[str, Any]]:
    found = read_sources(parts.engine, family, day, day + dt.timedelta(days=1))["labelled"]
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def decided(parts: Platform, said: str, **changes: Any) -> Any:
    row = {
        "id": uuid4(), "content_id": None, "content_kind": "comment", "creator_id": "ana", "at": AT,
        "text": said,
        "language": "en", "images": [], "decision": "rejected",
        "scores": {"spam": 0.95, "hate": 0.01, "toxicity": 0.02},
        "uncertainty": 0.2, "version": "4", "image_version": None, "received_at": AT, "reasons": [],
    } | changes  # fmt: skip
    assert insert_decisions(parts.engine, [row]) == 1
    return row["id"]


@pytest.mark.parametrize(
    ("family", "label", "other"),
    [
        ("moderation", "spam", "clean"),
        ("sentiment", "positive", "negative"),
        ("topics", "sports", "technology"),
    ],
)
def test_importing_again_changes_nothing_and_a_later_label_wins(
    platform_parts: Platform, tmp_path: Path, family: str, label: str, other: str
) -> None:
    path = write(tmp_path / "a.csv", ("win now, friends", label), ("what a day", other), ("what a day", other))
    first = load(platform_parts, path, family)
    assert (first.loaded, first.repeated, first.rejected) == (2, 1, 0)
    again = load(platform_parts, path, family, AT + dt.timedelta(days=1))
    assert (again.loaded, again.updated, again.unchanged) == (0, 0, 2)

    other_label = load(platform_parts, write(tmp_path / "b.csv", ("what a day", label)), family, NEXT)
    assert (other_label.loaded, other_label.updated) == (0, 1)
    assert [row["label"] for row in labelled(platform_parts, family)] == [label]
    assert [row["text"] for row in labelled(platform_parts, family, NEXT)] == ["what a day"]


def test_names_in_texts_are_imported_as_their_tags(platform_parts: Platform, tmp_path: Path) -> None:
    done = load(
        platform_parts, write(tmp_path / "a.csv", ("Anna sings", "B-person O"), ("x", "nonsense")), "entities"
    )
    assert (done.loaded, done.rejected) == (1, 1)
    assert labelled(platform_parts, "entities")[0]["label"] == "B-person O"


def test_rejected_rows_are_set_aside_with_the_known_labels(platform_parts: Platform, tmp_path: Path) -> None:
    done = load(platform_parts, write(tmp_path / "a.csv", ("hi", "weird"), ("", "spam"), ("ok then", "ham")))
    assert (done.loaded, done.rejected) == (1, 2)
    assert done.rejects_file is not None
    said = done.rejects_file.read_text()
    assert "'weird' is none of the labels clean, spam" in said
    assert "there is no text" in said


def test_a_dry_run_loads_nothing(platform_parts: Platform, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ("hi", "ham"))
    assert import_file(platform_parts.engine, FAMILY, path, None, AT, dry_run=True).loaded == 1
    assert labelled(platform_parts) == []


def test_what_a_reviewer_said_of_a_text_is_its_label(platform_parts: Platform) -> None:
    wrong, hateful, pictures = (
        decided(platform_parts, said) for said in ("see my garden", "those people", "a picture")
    )
    say = {"note": None, "at": AT}
    review(platform_parts.engine, wrong, decision="approved", labels=[], reviewer="rita", **say)  # type: ignore[arg-type]
    review(platform_parts.engine, hateful, decision="rejected", labels=["hate"], reviewer="rita", **say)  # type: ignore[arg-type]
    review(platform_parts.engine, pictures, decision="rejected", labels=["nsfw"], reviewer="rita", **say)  # type: ignore[arg-type]

    found = {row["text"]: row for row in labelled(platform_parts)}
    assert {said: row["label"] for said, row in found.items()} == {
        "see my garden": "clean", "those people": "hate+toxicity",
    }  # fmt: skip
    garden = found["see my garden"]
    assert (garden["text_id"], garden["predicted"], garden["user_id"]) == (f"decision/{wrong}", "spam", "ana")
    assert garden["confidence"] == pytest.approx(0.95)

    rows = FAMILY.collect(read_sources(platform_parts.engine, "moderation", DAY, NEXT), Window(DAY, NEXT), None)
    flags = {row["text"]: row["flag"] for row in rows.to_pylist()}  # type: ignore[union-attr]
    assert flags["see my garden"] == "a confident model was contradicted: spam"


def test_the_latest_review_counts_and_reviewers_who_disagree_are_told(platform_parts: Platform) -> None:
    one = decided(platform_parts, "buy my garden")
    for hours, reviewer, labels in ((1, "rita", ["spam"]), (2, "sam", [])):
        decision = "rejected" if labels else "approved"
        review(
            platform_parts.engine, one, decision=decision, labels=labels, note=None, reviewer=reviewer,
            at=DAY + dt.timedelta(hours=hours),
        )  # fmt: skip
    (found,) = labelled(platform_parts)
    assert (found["label"], found["disputed"], found["labelled_by"]) == ("clean", True, "sam")


def test_gold_has_equal_texts_once_and_adding_it_again_changes_nothing(
    platform_parts: Platform, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "gold.csv",
        ("Win a prize", "spam"), ("win  a PRIZE", "spam"), ("w1n a prize", "ham"), ("good day", "ham"),
        ("x", "huh"),
    )  # fmt: skip

    def add(path: Path, **more: Any) -> Any:
        return add_gold_texts(platform_parts, FAMILY, path, at=AT, run_id="test", **more)

    first = add(path)
    assert (first.new, first.classes, first.added.total()) == (True, {"clean": 1, "spam": 1}, 2)
    reasons = [one.reason for one in first.left_out]
    assert sum(reason.startswith("the same text as an earlier row") for reason in reasons) == 2
    assert any(one.name == "row 5" and "'huh' is none of the labels" in one.reason for one in first.left_out)
    again = add(path)
    assert (again.new, again.known, again.dataset) == (False, 4 - 1, first.dataset)

    more = add(write(tmp_path / "more.csv", ("another day", "clean"), ("good day", "toxic")))
    assert (more.classes, more.new) == ({"clean": 2, "spam": 1}, True)
    assert more.left_out[0].reason == "gold already, as clean"
    replaced = add(write(tmp_path / "new.csv", ("another day", "clean"), ("click", "spam")), replace_all=True)
    assert (replaced.classes, replaced.removed) == ({"clean": 1, "spam": 1}, 2)
    with pytest.raises(InputError, match="Nothing in"):
        add(write(tmp_path / "bad.csv", ("x", "huh")), replace_all=True)
    with pytest.raises(InputError, match="not added from a table"):
        add_gold_texts(platform_parts, get_family("viral"), path, at=AT, run_id="test")


def test_gold_of_a_forgotten_person_is_not_taken(platform_parts: Platform, tmp_path: Path) -> None:
    with transaction(platform_parts.engine) as connection:
        remember(
            connection, subject_hash(platform_parts.settings, "bo"), requested_by="ada", reason=None, at=AT
        )
    rows = [("mine", "ham", "bo"), ("theirs", "spam", "cy")]
    path = write(tmp_path / "gold.csv", *rows, header=("text", "label", "user_id"))  # type: ignore[arg-type]
    found = add_gold_texts(platform_parts, FAMILY, path, at=AT, run_id="test")
    assert found.classes == {"spam": 1}
    assert found.left_out[0].reason == "of a forgotten person"


def test_a_forgotten_persons_texts_decisions_and_jobs_go_and_others_stay(
    platform_parts: Platform, tmp_path: Path
) -> None:
    engine = platform_parts.engine
    header = ("text", "label", "user_id", "video_id")
    rows = [("of ana", "ham", "ana", "v"), ("of bo", "ham", "bo", "v")]
    load(platform_parts, write(tmp_path / "a.csv", *rows, header=header))  # type: ignore[arg-type]
    with transaction(engine) as connection:
        for who in ("ana", "bo"):
            connection.execute(
                text("insert into contents (id, kind, creator_id, text) values (:id, 'post', :who, 'hello')"),
                {"id": f"c-{who}", "who": who},
            )
            connection.execute(
                text(
                    "insert into media_jobs (id, kind, content_id, creator_id, source, requested_at, next_at)"
                    " values (gen_random_uuid(), 'captions', :id, :who, 'x.mp4', :at, :at)"
                ),
                {"id": f"c-{who}", "who": who, "at": AT},
            )
    mine = decided(platform_parts, "hello", creator_id="ana", content_id="c-ana")
    theirs = decided(platform_parts, "hi", creator_id="bo", content_id="c-bo")
    for one in (mine, theirs):
        review(engine, one, decision="rejected", labels=["spam"], note=None, reviewer="rita", at=AT)
    appeal(engine, mine, appellant_id="ana", text="why", at=AT)

    owned = owned_by(engine, "moderation", "ana")
    assert f"decision/{mine}" in owned.names
    assert len(owned.names) == 2
    assert owned.shared
    traces = [Traces("moderation", "user_id", owned.entities, owned.names, False)]
    counts = count_rows(engine, "ana", traces)
    with transaction(engine) as connection:
        assert delete_rows(connection, "ana", traces, "gone") == counts
    wanted = {
        "contents": 1, "moderation_decisions": 1, "moderation_reviews": 1, "moderation_appeals": 1,
        "media_jobs": 1, "text_labels": 1,
    }  # fmt: skip
    assert {name: counts[name] for name in wanted} == wanted
    with transaction(engine) as connection:
        for table in (*wanted, "webhook_deliveries"):
            left = connection.scalars(text(f"select t::text from {table} t")).all()
            assert not [row for row in left if "ana" in row], table
        assert connection.scalar(text("select count(*) from text_labels")) == 1
