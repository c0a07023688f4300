"""`assay thumbnails` and `assay captions`: of a file here, and of a key as background work."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli.main import app
from config.errors import AssayError, InputError
from config.settings import Settings
from demo.content_pictures import film
from storage.media_jobs import fail_job, finish, hand_out, jobs_of, take_job
from storage.objects import open_store


@pytest.fixture(autouse=True)
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.settings.load_settings", lambda: settings)


def told(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_thumbnails_of_a_file_lie_in_the_folder_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(film(7))
    result = told("thumbnails", str(tmp_path / "a.mp4"), "--out", str(tmp_path / "out"))
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) >= 3
    assert all(one.read_bytes()[:3] == b"\xff\xd8\xff" for one in made)
    assert {str(one) for one in made} == set(result["objects"].values())


def test_a_film_without_sound_has_no_captions(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(film(7))
    with pytest.raises(InputError, match="no sound"):
        CliRunner().invoke(app, ["captions", str(tmp_path / "a.mp4")], catch_exceptions=False)


@pytest.mark.parametrize("works", [True, False])
def test_of_a_key_the_work_is_asked_for_and_waited_for(
    works: bool, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(settings, settings.media_bucket).put("films/a.mp4", b"film")

    def work(_seconds: float) -> None:
        (handed,) = hand_out(engine, limit=1, at=datetime.now(UTC))
        job = take_job(engine, handed.id, at=datetime.now(UTC))
        assert job is not None
        if works:
            finish(engine, job, {"objects": {"1-1x1.jpg": "media/1-1x1.jpg"}}, datetime.now(UTC))
        else:
            fail_job(engine, job, "It is broken.", datetime.now(UTC), for_good=True)

    monkeypatch.setattr("cli.commands.media.time.sleep", work)
    if works:
        assert told("thumbnails", "films/a.mp4", "--content", "v-1")["objects"]
        (job,) = jobs_of(engine, "v-1")
        assert (job.kind, job.source) == ("thumbnails", "films/a.mp4")
    else:
        with pytest.raises(AssayError, match="It is broken"):
            CliRunner().invoke(app, ["thumbnails", "films/a.mp4"], catch_exceptions=False)


def test_what_is_neither_a_file_nor_a_key_is_refused(tmp_path: Path) -> None:
    for arguments, wrong in (
        (["thumbnails", "films/none.mp4"], "neither a file"),
        (["thumbnails", str(tmp_path)], "is a folder"),
        (["captions", "none.mp4", "--out", str(tmp_path)], "no file"),
    ):
        with pytest.raises(InputError, match=wrong):
            CliRunner().invoke(app, arguments, catch_exceptions=False)
