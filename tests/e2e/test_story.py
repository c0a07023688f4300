"""One family all the way, as the demo goes: from a file of snapshots to answers by a promoted version."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from config.settings import Settings
from demo.face_story import import_photos
from demo.progress import Progress
from demo.story import QUESTION, ask, build, collect, import_world, retrain
from local.environment import settings_environment
from local.stack import Platform
from storage.database import make_engine
from tests.e2e.conftest import World


@pytest.fixture(scope="module")
def settings(platform: Platform) -> Settings:
    return platform.settings


@pytest.fixture(scope="module")
def version(world: World) -> str:
    return world.viral


def assay(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True, text=True, timeout=180, check=False, env=settings_environment(settings),
    )  # fmt: skip


def told(settings: Settings, *arguments: str) -> Any:
    answer = assay(settings, *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_version_that_was_promoted_answers(settings: Settings, version: str) -> None:
    answer = ask(settings, version)
    assert answer["viral_class"] in ("low", "medium", "high", "ultra")
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-9
    assert len(answer["top_features"]) == 5


def test_the_import_set_bad_rows_aside_with_their_reasons(settings: Settings, version: str) -> None:
    rows = (settings.home / "demo" / "snapshots.rejected.csv").read_text().splitlines()
    assert any("views is negative" in row for row in rows)
    assert any("#NAME?" in row and "video_id" in row for row in rows)


def test_doing_it_all_again_publishes_nothing_new_and_promotes_nothing(
    settings: Settings, world: World, version: str
) -> None:
    before = told(settings, "datasets", "list")
    import_world(settings, world.today, world.size)
    import_photos(settings, world.today, world.photos, Progress())
    collect(settings, world.today, world.size, Progress())
    build(settings, world.today, world.size.days, Progress())
    assert told(settings, "datasets", "list") == before
    assert retrain(settings, Progress(), dataset=world.learned) == version
    assert len(told(settings, "models", "history", "viral")) == 1


def test_the_months_differ_by_the_rows_that_the_newer_one_brought(settings: Settings, version: str) -> None:
    older, newer = sorted(
        one["version"] for one in told(settings, "datasets", "list", "viral", "--stage", "full")
    )[-2:]
    found = told(settings, "datasets", "diff", older, newer)
    assert found["added"] > 0
    assert found["removed"] == found["relabelled"] == 0
    assert assay(settings, "datasets", "show", newer).returncode == 0


def test_a_promotion_by_hand_and_a_rollback_are_served_within_ten_seconds_without_a_failed_request(
    settings: Settings, version: str
) -> None:
    other = next(
        one["version"] for one in told(settings, "models", "list", "viral") if one["version"] != version
    )
    with asking(settings) as statuses:
        done = assay(settings, "models", "promote", "viral", other, "--reason", "tried by hand", "--force")
        assert done.returncode == 0, done.stderr
        ask(settings, other, seconds=10)
        back = assay(settings, "models", "rollback", "viral", "--reason", "and back")
        assert back.returncode == 0, back.stderr
        ask(settings, version, seconds=10)
    assert len(statuses) > 50
    assert set(statuses) == {200}
    history = told(settings, "models", "history", "viral")
    assert [(one["action"], one["to_version"], one["reason"]) for one in history[:2]] == [
        ("rollback", version, "and back"),
        ("force", other, "tried by hand"),
    ]


def test_every_answer_is_in_the_database_soon(settings: Settings, version: str) -> None:
    answer = ask(settings, version)
    engine = make_engine(settings)
    query = text("select model_version, inputs->>'views' from predictions where id = :id")
    try:
        deadline = time.monotonic() + 30
        row = None
        while row is None and time.monotonic() < deadline:
            with engine.connect() as connection:
                row = connection.execute(query, {"id": answer["prediction_id"]}).one_or_none()
            time.sleep(0.2)
        assert row is not None
        assert tuple(row) == (version, str(QUESTION["views"]))
    finally:
        engine.dispose()


def test_predict_asks_the_service_from_the_shell(settings: Settings, version: str) -> None:
    answer = told(settings, "predict", "viral", "views=150000", "likes=12000", "creator_verified=false")
    assert answer["model_version"] == version
    refused = assay(settings, "predict", "viral", "views=many")
    assert refused.returncode == 2
    assert "views" in refused.stderr


class asking:  # noqa: N801 - reads as a sentence in a with statement
    """Ask the service again and again in the background; gives the statuses of the answers."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"http://127.0.0.1:{settings.viral_port}/predict"
        self._stop = threading.Event()
        self.statuses: list[int] = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._stop.wait(0.02):
                self.statuses.append(client.post(self._url, json=QUESTION).status_code)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self.statuses

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
