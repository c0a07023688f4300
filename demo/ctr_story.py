"""The demo's clicks, each step as its user would do it: the import, a question, and an experiment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import httpx
import numpy as np

from config.errors import AssayError
from config.settings import Settings
from demo.ctr_world import CtrSize, make_ctr_world
from demo.progress import Progress
from demo.story import SEED, ask_service, import_table, retrain

#: The clip that the demo asks about: a strong hook with a face, of a creator whom nobody knows yet.
QUESTION: dict[str, Any] = {
    "title": "STOP scrolling: my first beat 🔥 #fyp",
    "hook_text": "Nobody tells you this",
    "placement": "feed",
    "audience": "18-24",
    "device": "phone",
    "duration": 21.0,
    "psychology_composite": 0.7,
    "hook_strength": 0.85,
    "novelty_score": 0.6,
    "emotion_priority": 0.7,
    "composite_score": 0.71,
    "has_face": True,
}
EXPERIMENT = "demo-thumbnails"
#: Which thumbnail visitors click on, as nobody but the demo knows.
RATES = {"plain": 0.06, "face": 0.15, "text": 0.09}
VISITORS = 900
_CLIENTS = 4


def import_clicks(settings: Settings, as_of: date, size: CtrSize) -> str:
    """Import the sample world of clicks; what came of it."""
    return import_table(settings, "ctr", "outcomes", make_ctr_world(as_of, SEED, size))


def retrain_ctr(settings: Settings, progress: Progress) -> str:
    """Train ctr as it is trained each night; the version in production afterwards."""
    return retrain(settings, progress, "ctr", "skill", "days of clips it never saw")


def ask_ctr(settings: Settings, version: str) -> dict[str, Any]:
    """Ask the CTR service about :data:`QUESTION`, once it serves ``version``."""
    return ask_service(settings, "ctr", QUESTION, version, path="/predict/ctr")


def run_experiment(settings: Settings, progress: Progress) -> dict[str, Any]:
    """Define an experiment, start it, and send visitors through it as a backend does; its statistics."""
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    base = f"http://127.0.0.1:{settings.service_port('ctr')}/experiments"
    with httpx.Client(headers={"X-API-Key": key}, timeout=30) as client:
        if client.get(f"{base}/{EXPERIMENT}").status_code == 404:
            _checked(client.post(base, json={**_definition(), "start": True}))
        with ThreadPoolExecutor(_CLIENTS) as pool:
            for part in range(3):
                visitors = range(part * VISITORS // 3, (part + 1) * VISITORS // 3)
                list(pool.map(lambda number: _visit(client, base, number), visitors))
                progress.say(f"{visitors.stop} visitors")
        stats: dict[str, Any] = _checked(client.get(f"{base}/{EXPERIMENT}/stats"))
    shown = ", ".join(
        f"{one['variant']} {one['decisions']:,} ({one['probability_best']:.0%} likely the best)"
        for one in stats["variants"]
    )
    progress.done(f"{stats['decisions']:,} visitors by Thompson sampling: {shown}")
    return stats


def _definition() -> dict[str, Any]:
    return {
        "id": EXPERIMENT,
        "title": "Which thumbnail is clicked on",
        "variants": [{"name": name} for name in RATES],
        "reward": {"name": "click", "kind": "binary", "missing": "zero", "window_hours": 24},
        "policy": {"kind": "thompson", "posterior": "beta", "exploration": 0.02},
        "sticky": True,
        "planned_decisions": 2000,
        "minimum_effect": 0.03,
    }


def _visit(client: httpx.Client, base: str, number: int) -> None:
    """One visitor: sees the variant that the service says, and clicks on it or not."""
    answer = _checked(client.post(f"{base}/{EXPERIMENT}/select", json={"subject_id": f"visitor-{number}"}))
    clicked = np.random.default_rng([SEED, number]).random() < RATES[answer["variant"]]
    if clicked and answer["decision_id"]:
        reward = {"decision_id": answer["decision_id"], "value": 1}
        _checked(client.post(f"{base}/{EXPERIMENT}/reward", json=reward))


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise AssayError(f"The CTR service answered {response.status_code}: {response.text[:300]}")
    found: dict[str, Any] = response.json()
    return found
