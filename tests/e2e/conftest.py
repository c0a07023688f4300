"""One real platform for all tests of this folder: everything that `assay up` starts, on free ports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings, load_settings
from demo.content_story import collect_content, import_content, retrain_content
from demo.content_world import ContentSize
from demo.ctr_story import import_clicks, retrain_ctr
from demo.ctr_world import CtrSize
from demo.face_story import import_photos, retrain_face, verify
from demo.monitor_story import DRIFT_DAYS, learned_from
from demo.photos import PhotoSize
from demo.progress import Progress
from demo.recommendation_story import Feed, import_feed, retrain_recommendation
from demo.story import build, collect, import_world, months_of, retrain
from demo.world import WorldSize
from local.environment import settings_environment
from local.ports import own_ports
from local.stack import Platform, running_platform


@pytest.fixture(scope="session")
def platform_home() -> Iterator[Path]:
    """A home that the account of PostgreSQL can enter, which pytest's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="assay-e2e-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class World:
    """What the tests of the story know of the sample world: its day, its size, the version that viral learned
    from, the versions in production.
    """

    today: date
    size: WorldSize
    photos: PhotoSize
    learned: str
    viral: str
    face: str
    ctr: str
    recommendation: str
    feed: Feed
    content: dict[str, str]


@pytest.fixture(scope="session")
def world(platform: Platform) -> World:
    """Every family with a version in production, by import, collection, verification, build and retraining."""
    settings, today, quiet = platform.settings, datetime.now(UTC).date(), Progress()
    size = WorldSize(creators=80, videos_a_day=12, days=80, drift_days=DRIFT_DAYS)
    photos = PhotoSize(gold_a_class=10, users=60, photos_a_day=5, strange_share=0.1, days=80)
    import_world(settings, today, size)
    import_clicks(settings, today, CtrSize(creators=30, advertisers=10, clips_a_day=12, days=80))
    feed = import_feed(settings, datetime.now(UTC), quiet)
    import_photos(settings, today, photos, quiet)
    import_content(settings, today, ContentSize(texts=1200, sentiments=700, topics=700, names=500), quiet)
    collect(settings, today, size, quiet)
    collect_content(settings, today, quiet)
    verify(settings, today, quiet)
    build(settings, today, size.days, quiet)
    learned = f"viral/full/{learned_from(today, months_of(today, size.days))}"
    viral, face = retrain(settings, quiet, dataset=learned), retrain_face(settings, quiet)
    ctr, recommendation = retrain_ctr(settings, quiet), retrain_recommendation(settings, quiet)
    content = retrain_content(settings, quiet)
    return World(today, size, photos, learned, viral, face, ctr, recommendation, feed, content)


@pytest.fixture(scope="session")
def platform(platform_home: Path) -> Iterator[Platform]:
    """The running platform. Its ``settings`` say where everything is, secrets included."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "DB_HOST", "DB_PORT", "MINIO_ENDPOINT"):
            patch.delenv(name, raising=False)
        settings = load_settings(
            assay_home=platform_home,
            min_training_samples=50,
            face_min_training_samples=50,
            ctr_maturity_hours=0,
            **own_ports(),
        )
    with running_platform(settings) as running:
        yield running


@pytest.fixture(scope="session")
def settings(platform: Platform) -> Settings:
    """Settings of the running platform, secrets included."""
    return platform.settings


def told(settings: Settings, *arguments: str) -> Any:
    """What a command says with ``--json``; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments, "--json"],
        capture_output=True, text=True, timeout=180, check=False, env=settings_environment(settings),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
