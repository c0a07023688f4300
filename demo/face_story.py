"""The demo's photos, each step as its user would do it: uploads, an admin who verifies, questions."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from config.settings import Settings
from demo.photos import LEGACY, PhotoSize, Upload, question, results, uploads, write_gold
from demo.progress import Progress
from demo.story import ask_service, retrain

SEED = 7
ADMIN = "sample-admin"
#: Candidates of these last days are left for the visitor to verify.
LEFT_DAYS = 6
#: An admin errs now and then.
ADMIN_SLIPS = 0.02
_PAGE = 500


def import_photos(settings: Settings, as_of: date, size: PhotoSize, progress: Progress) -> None:
    """Upload the sample photos with the earlier answers about them, and add the gold set."""
    from storage.database import make_engine
    from tasks.gold import add_gold
    from tasks.platform import Platform

    folder = settings.home / "demo"
    engine = make_engine(settings)
    try:
        count = _upload(settings, engine, folder, as_of, size, progress)
    finally:
        engine.dispose()
    write_gold(folder / "gold", SEED, size)
    progress.say("adding the gold set")
    parts = Platform(settings)
    try:
        gold = add_gold(parts, "face", folder / "gold", at=_start(as_of, size), run_id="make demo")
    finally:
        parts.close()
    progress.done(
        f"{count:,} uploads in {settings.style_photo_bucket}/, {sum(gold.classes.values()):,} gold photos"
    )


def _start(as_of: date, size: PhotoSize) -> datetime:
    return datetime.combine(as_of - timedelta(days=size.days), clock(), UTC)


def _upload(
    settings: Settings, engine: Engine, folder: Path, as_of: date, size: PhotoSize, progress: Progress
) -> int:
    """Put photos and answers where backends put them, and what they truly show into a file of the demo."""
    from storage.database import transaction
    from storage.objects import open_store
    from storage.tables import UserStyle

    store = open_store(settings, settings.style_photo_bucket)
    truths: dict[str, str | None] = {}
    rows = []
    for upload in uploads(as_of, SEED, size):
        store.put(upload.key, upload.data)
        truths[upload.key] = upload.truth
        rows.append(_style_row(upload))
        if len(truths) % 100 == 0:
            progress.say(f"{len(truths):,} photos uploaded")
    with transaction(engine) as connection:
        connection.execute(insert(UserStyle).on_conflict_do_nothing(), rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "truths.json").write_text(json.dumps(truths))
    return len(rows)


def _style_row(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.prediction_id,
        "user_id": upload.user_id,
        "photos": [upload.key],
        "style_class": upload.predicted,
        "confidence": max(upload.probabilities.values()),
        "model_version": LEGACY,
        "results": results(upload),
        "at": upload.at,
    }


def verify(settings: Settings, as_of: date, progress: Progress) -> None:
    """Decide as an admin would about all candidates but the last days', each the day after it came in."""
    from storage.candidates import Candidate, CandidateDecision, Filter, decide_many, page
    from storage.database import make_engine

    truths = json.loads((settings.home / "demo" / "truths.json").read_text())
    rng = np.random.default_rng(SEED)
    last = as_of - timedelta(days=LEFT_DAYS)
    engine = make_engine(settings)
    counts: Counter[str] = Counter()
    try:
        for state in ("waiting", "aside"):
            after: tuple[float, str, int] | None = None
            while found := page(engine, Filter(family="face", state=state), after=after, limit=_PAGE):
                after = (found[-1].rank, found[-1].cluster, found[-1].id)
                groups: dict[tuple[CandidateDecision, str | None, datetime], list[Candidate]] = {}
                for one in found:
                    if one.day < last and one.image in truths:
                        decision, label = _decision(one, truths[one.image], rng)
                        moment = datetime.combine(one.day + timedelta(days=1), clock(10), UTC)
                        groups.setdefault((decision, label, moment), []).append(one)
                for (verdict, right, at), ones in groups.items():
                    pairs = [(one.id, one.revision) for one in ones]
                    decide_many(engine, pairs, verdict, by=ADMIN, at=at, corrected_label=right)
                    counts[verdict] += len(ones)
                progress.say(f"{sum(counts.values()):,} photos verified")
    finally:
        engine.dispose()
    told = ", ".join(f"{number:,} {name}ed" for name, number in counts.items())
    progress.done(f"{told}; the last {LEFT_DAYS} days are left for you")


def _decision(
    one: Any, truth: str | None, rng: np.random.Generator
) -> tuple[Literal["accept", "correct", "reject"], str | None]:
    if truth is None or "duplicate" in (one.flag or ""):
        return "reject", None
    if one.label == truth or rng.random() < ADMIN_SLIPS:
        return "accept", None
    return "correct", truth


def retrain_face(settings: Settings, progress: Progress) -> str:
    """Train a challenger; the version that is in production afterwards."""
    return retrain(settings, progress, "face", "accuracy", "photos of people it never saw")


def ask_face(settings: Settings, version: str, seconds: float = 30) -> tuple[str, dict[str, Any]]:
    """Ask about a new photo, once the service serves ``version``: the drawn style, and the answer."""
    style, photo = question(SEED)
    body = {"images": [base64.b64encode(photo).decode()]}
    return style, ask_service(settings, "face", body, version, seconds)
