"""The suite's platform and its small sample world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from chaos.publishing import FILM
from chaos.work import FAMILIES
from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings, load_settings
from demo import content_world
from demo.content_pictures import film
from demo.ctr_story import import_clicks
from demo.ctr_world import CtrSize
from demo.faces import draw_face, jpeg, make_person
from demo.progress import Progress
from demo.recommendation_story import import_feed
from demo.recommendation_world import RecommendationSize
from demo.story import import_table, import_world, months_of
from demo.world import WorldSize
from local.ports import own_ports

DAYS = 62
VIDEOS = WorldSize(creators=80, videos_a_day=12, days=DAYS)
CLICKS = CtrSize(creators=30, advertisers=10, clips_a_day=12, days=DAYS)
FEED = RecommendationSize(users=120, authors=20, videos=150, posts=20, new=10, watched=4000)
TEXTS = 400
#: Few and small: a face model of them is trained in seconds. What it answers is no question of this suite.
STYLES, PORTRAITS = ("Business", "Soft", "Sunny"), 64
TINY = {"size": 32, "width": 8, "embedding": 16, "epochs": 4, "batch": 16}
SEED = 7
Said = Callable[[str], None]


def own_settings(home: Path, **more: Any) -> Settings:
    """Settings of a platform in ``home`` on ports that nothing listens on now."""
    return load_settings(
        assay_home=home,
        db_host=None,
        prefect_api_url=None,
        mlflow_tracking_uri=None,
        min_training_samples=50,
        moderation_min_training_samples=50,
        ctr_maturity_hours=0,
        face_classes=STYLES,
        **own_ports(),
        **more,
    )


def fill(settings: Settings, as_of: date, say: Said) -> str:
    """Import, collect, build, train and promote; the month that was built last."""
    quiet = Progress()
    say(import_world(settings, as_of, VIDEOS))
    say(import_clicks(settings, as_of, CLICKS))
    import_feed(settings, datetime.now(UTC), quiet, FEED)
    import_content(settings, as_of, say)
    say("collecting")
    month = months_of(as_of, DAYS)[-1]
    first = date.fromisoformat(f"{month}-01")
    last = as_of.replace(day=1) - timedelta(days=1)
    span = {"date": first.isoformat(), "until": last.isoformat(), "families": [*FAMILIES, "moderation"]}
    run_flow(settings, "collect-daily", span)
    say(f"building {month}")
    served = [*FAMILIES, "moderation", "face"]
    run_flow(settings, "build-datasets-monthly", {"month": month, "families": served})
    for family in served:
        say(f"training {family}")
        more = {"params": TINY} if family == "face" else {}
        trained = run_flow(settings, f"retrain-{family}", {"force": True, **more})
        if not trained["production"]:
            raise AssayError(f"No version of {family} is in production: {trained['reason']}")
    return month


def import_content(settings: Settings, as_of: date, say: Said) -> None:
    """Import texts that moderation learns from, portraits that face does, and a film for the media bucket."""
    from storage.objects import open_store
    from tasks.gold import add_gold
    from tasks.platform import Platform

    rng = np.random.default_rng([SEED, 50])
    month, days = content_world.last_month(as_of)
    texts = content_world.table(content_world.moderated(rng, TEXTS), month, days, "moderation", rng)
    say(import_table(settings, "moderation", "moderation-labels", texts))
    folder = settings.home / "demo" / "portraits"
    for number, portrait in enumerate(portraits(len(STYLES) * PORTRAITS)):
        path = folder / STYLES[number % len(STYLES)] / f"{number:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(portrait)
    parts = Platform(settings)
    try:
        add_gold(parts, "face", folder, at=datetime.now(UTC), run_id="fault suite")
    finally:
        parts.close()
    open_store(settings, settings.media_bucket).put(FILM, film(SEED))


def portraits(count: int, seed: int = SEED) -> list[bytes]:
    """Small pictures of people, as JPEG files, of each style in turn."""
    rng = np.random.default_rng([seed, 51])
    return [jpeg(draw_face(STYLES[number % len(STYLES)], make_person(rng), rng)) for number in range(count)]


def pause_schedules(settings: Settings) -> int:
    """Let nothing run by its schedule: what runs is the suite's own, so that two runs can be compared."""
    paused = 0
    with httpx.Client(base_url=settings.prefect_url, timeout=30.0, trust_env=False) as client:
        found = client.post("/deployments/filter", json={"limit": 200}).raise_for_status().json()
        for one in found:
            client.patch(f"/deployments/{one['id']}", json={"paused": True}).raise_for_status()
            paused += 1
    return paused
