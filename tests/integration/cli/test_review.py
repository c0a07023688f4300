"""`assay datasets review` on a real database and store: what waits, and what is decided about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError, VersionNotFound
from config.settings import Settings
from models.face.schema import EXAMPLE_SCHEMA as FACE_SCHEMA
from models.viral.schema import EXAMPLE_SCHEMA
from storage.database import make_engine
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from storage.reviews import candidate_key, latest_decisions

FELL = "Views fell from 23,564 to 1,213 by the horizon."
FELL_TOO = "Views fell from 80 to 2 by the horizon."
LIKED = "More likes (900) than views (20)."
Call = Callable[..., object]


def at(day: int) -> datetime:
    return datetime(2026, 10, day, 12, tzinfo=UTC)


def candidates(datasets: DatasetRepository, day: int, flags: dict[str, str | None]) -> None:
    rows = [
        {"video_id": video, "taken_at": at(day), "views": 9, "first_seen_at": at(day), "label": "low",
         "source": "snapshot", "flag": flag, "split": "train"}
        for video, flag in flags.items()
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)
    datasets.publish(
        family="viral", stage="candidates", period=f"2026-10-{day:02d}", schema=EXAMPLE_SCHEMA,
        batches=table.to_batches(), made_by="collect-daily", label="label", split="split",
    )  # fmt: skip


@pytest.fixture
def review(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command, its JSON parsed, on two days of candidates of which four are flagged."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    datasets = DatasetRepository(open_store(settings))
    candidates(datasets, 5, {"a": FELL, "b": None, "c": LIKED})
    candidates(datasets, 6, {"a": FELL_TOO, "d": FELL})

    def call(*arguments: str) -> object:
        answer = CliRunner().invoke(app, ["datasets", "review", "viral", "--json", *arguments])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return json.loads(answer.stdout)

    return call


def names(listed: object) -> list[tuple[str, str]]:
    assert isinstance(listed, list)
    return [(one["key"]["video_id"], one["key"]["taken_at"][:10]) for one in listed]


def test_flagged_candidates_are_listed_with_key_and_reason(review: Call) -> None:
    assert names(review()) == [
        ("a", "2026-10-05"),
        ("c", "2026-10-05"),
        ("a", "2026-10-06"),
        ("d", "2026-10-06"),
    ]
    assert names(review("--period", "2026-10-06")) == [("a", "2026-10-06"), ("d", "2026-10-06")]
    assert names(review("--reason", "more LIKES")) == [("c", "2026-10-05")]
    assert names(review("--key", "a")) == [("a", "2026-10-05"), ("a", "2026-10-06")]


def test_one_is_decided_by_its_key_and_waits_no_more(review: Call, engine: Engine) -> None:
    review("--key", "a 2026-10-06T12:00:00Z", "--reject", "--by", "ada", "-m", "a broken counter")

    made = latest_decisions(engine, "viral")
    assert [(one.decision, one.decided_by, one.reason) for one in made.values()] == [
        ("reject", "ada", "a broken counter")
    ]
    assert len(names(review())) == 3
    assert len(names(review("--decided"))) == 4


def test_all_of_a_reason_are_decided_at_once_and_nothing_else(review: Call, engine: Engine) -> None:
    review("--reason", "views fell", "--correct", "medium", "--by", "ada")

    assert names(review()) == [("c", "2026-10-05")]
    assert {one.corrected_label for one in latest_decisions(engine, "viral").values()} == {"medium"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accept", "--all"], "names who makes it"),
        (["--accept", "--by", "ada"], "names what it is about"),
        (["--accept", "--reject", "--all", "--by", "ada"], "One decision at a time"),
        (["--correct", "huge", "--all", "--by", "ada"], "'huge' is no viral class"),
        (["--key", "b", "--accept", "--by", "ada"], "No flagged candidate that waits is called 'b'"),
        (["--period", "October"], "neither a day nor a month"),
    ],
)
def test_what_is_not_clear_is_refused_and_decides_nothing(
    review: Call, engine: Engine, arguments: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        review(*arguments)
    assert latest_decisions(engine, "viral") == {}


def test_a_month_that_was_never_collected_is_said(review: Call) -> None:
    with pytest.raises(VersionNotFound, match="no candidates of 2026-09"):
        review("--period", "2026-09")


def test_a_photo_that_cannot_be_opened_is_only_rejected(review: Call, settings: Settings) -> None:
    rows = [
        {"photo": photo, "user_id": "ana", "at": at(7), "predicted_class": "Warm", "width": width, "flag": flag,
         "split": "train"}
        for photo, width, flag in (("good.jpg", 192, None), ("page.jpg", None, "not an image"))
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=FACE_SCHEMA)
    DatasetRepository(open_store(settings)).publish(
        family="face", stage="candidates", period="2026-10-07", schema=FACE_SCHEMA,
        batches=table.to_batches(), made_by="collect-daily", label="label", split="split",
    )  # fmt: skip

    def face(*arguments: str) -> None:
        command = ["datasets", "review", "face", "--by", "bea", *arguments]
        CliRunner().invoke(app, command, catch_exceptions=False)

    for wrong in (["--accept"], ["--correct", "Soft"]):
        with pytest.raises(InputError, match=r"picture of 'page\.jpg' cannot be opened"):
            face("--key", "page.jpg", *wrong)
    face("--key", "good.jpg", "--accept")
    face("--key", "page.jpg", "--reject")
    engine = make_engine(settings)
    decided = latest_decisions(engine, "face")
    engine.dispose()
    assert {name: one.decision for name, one in decided.items()} == {
        candidate_key(["good.jpg"]): "accept", candidate_key(["page.jpg"]): "reject",
    }  # fmt: skip
