"""Work on content that somebody asks for by hand: by ids, each fault named, and the rest done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from config.errors import AssayError, InputError, ModelInvalid
from storage.content_claims import ask_again
from storage.contents import get_contents
from storage.latest_snapshots import latest_snapshots
from storage.media_jobs import LEASE, get_job, request_job, take_job
from storage.predictions import insert_predictions
from tasks.content_jobs import do_job
from tasks.content_judging import SPACE
from tasks.content_tools import now, tools
from tasks.content_work import ask_for_frames, work_on
from tasks.policy import networked
from tasks.runtime import run_id
from tasks.training import Champion


@networked("moderate contents")
def moderate_contents(ids: list[str], kind: str) -> dict[str, Any]:
    """Moderate contents of one kind again, by the versions in production; of videos the frames too.

    ``decisions`` of the summary are what holds then: of what a person has decided, that.
    """
    parts, models = tools()
    found = ask_again(parts.engine, ids, now(), kind=kind, moderate=True, analyze=False)
    known = [one.id for one in found]
    done = work_on(parts, models, [one.id for one in found if not one.video], now(), analyze=False)
    failed: dict[str, str] = dict(done.failed)
    for one in (each for each in found if each.video):
        try:
            _run(ask_for_frames(parts, one, now(), again=True, hold=LEASE))
        except AssayError as error:
            failed[one.id] = error.message
    holding = get_contents(parts.engine, [name for name in known if name not in failed])
    decisions = {one.id: one.moderation_status for one in holding}
    return _told(ids, known, failed, f"there is no {kind} of that id", decisions=decisions)


@networked("analyze contents")
def analyze_contents(ids: list[str]) -> dict[str, Any]:
    """Analyze contents again, by the versions in production."""
    parts, models = tools()
    found = ask_again(parts.engine, ids, now(), moderate=False, analyze=True)
    known = [one.id for one in found]
    done = work_on(parts, models, known, now(), moderate=False)
    return _told(ids, known, done.failed, "there is no content of that id", analyzed=len(done.analyzed))


@networked("media work")
def media_work(kind: str, ids: list[str]) -> dict[str, Any]:
    """Captions or thumbnails of contents with a video; also of a bare key in the media bucket.

    Tried again in the same run it asks for the same jobs, and does none of them a second time.
    """
    parts, _ = tools()
    run = run_id()
    contents = {one.id: one for one in get_contents(parts.engine, ids)}
    made: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in ids:
        one = contents.get(name)
        source = one.video if one is not None else name
        if not source:
            failed[name] = "it has no video"
            continue
        job = request_job(
            parts.engine, kind, source, content_id=one.id if one else None,
            creator_id=one.creator_id if one else None, at=now(), hold=LEASE,
            id_=uuid.uuid5(SPACE, f"by hand\n{run}\n{kind}\n{name}"),
        )  # fmt: skip
        try:
            _run(job)
            made[name] = str(job)
        except AssayError as error:
            failed[name] = error.message
    return _told(ids, ids, failed, "", jobs=made)


def _run(job: uuid.UUID) -> None:
    """Do a job here and now, unless it was done already.

    Raises what went wrong, then or now, and InputError where another worker has it.
    """
    parts, _ = tools()
    taken = take_job(parts.engine, job, at=now())
    if taken is not None:
        do_job(taken)
        return
    found = get_job(parts.engine, job)
    if found is None or found.state != "done":
        failed = found.error if found is not None and found.state == "failed" else None
        raise InputError(failed or "another worker is at it", hint="See its state.")


@networked("predict virality")
def predict_virality(ids: list[str], champion: Champion) -> dict[str, Any]:
    """Predict of videos from their latest snapshots, by the version in production, and record it."""
    if champion.model is None:
        raise ModelInvalid(champion.problem or "No version of viral is in production.")
    parts, _ = tools()
    rows = latest_snapshots(parts.engine, ids)
    answers = champion.model.predictor.predict_many(rows)  # type: ignore[attr-defined]
    at = now()
    version = champion.model.version.version
    insert_predictions(
        parts.engine,
        [_prediction(row, answer, version, at) for row, answer in zip(rows, answers, strict=True)],
        settings=parts.settings,
    )
    classes = {row["video_id"]: answer["viral_class"] for row, answer in zip(rows, answers, strict=True)}
    return _told(ids, list(classes), {}, "it has no snapshot", predictions=classes)


def _prediction(row: dict[str, Any], answer: dict[str, Any], version: str, at: datetime) -> dict[str, Any]:
    moment = row["taken_at"]
    return {
        # the same question to the same version again is the same prediction
        "id": uuid.uuid5(uuid.NAMESPACE_URL, f"viral\n{row['video_id']}\n{moment.isoformat()}\n{version}"),
        "family": "viral",
        "entity_id": row["video_id"],
        "at": moment,
        "inputs": row,
        "answer": answer,
        "model_version": version,
        "latency_ms": None,
        "received_at": at,
    }


def _told(
    asked: Sequence[str], known: Sequence[str], failed: dict[str, str], unknown: str, **figures: Any
) -> dict[str, Any]:
    """Figures of a run: what was asked for, done and not done, with the reasons."""
    missing = {name: unknown for name in asked if name not in set(known)}
    problems = {**missing, **failed}
    return {"asked": len(asked), "done": len(set(asked)) - len(problems), "failed": problems, **figures}
