"""Moderation and analysis of published content, a batch at a time, and of videos by their frames."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from config.errors import AssayError, DatabaseUnavailable, RegistryUnavailable
from models.moderation.decide import Policy, policy_from_settings
from models.moderation.judging import TextScores, score_texts, whole_text
from storage.content_claims import fail, give_up_analysis
from storage.contents import StoredContent, get_contents, store_analysis
from storage.media_jobs import StoredJob, request_job
from storage.moderation import insert_decisions
from tasks.content_judging import SPACE, Seen, decision_row
from tasks.content_models import ContentModels, InUse
from tasks.content_pictures import IMAGE, VIDEO, both, frame_scores, look_at_frames, look_at_pictures
from tasks.content_trial import analyzed, by_own, compare_analyses, compare_pictures, compare_texts
from tasks.platform import Platform

logger = logging.getLogger(__name__)

#: Frames of a video that are looked at, however long it is.
MOST_FRAMES = 48


@dataclass
class Worked:
    """What became of a batch: ids by what was done, and those that failed with the reason. ``waiting``: of
    these, those that were not tried, since nobody knows yet by which version.
    """

    moderated: list[str] = field(default_factory=list)
    analyzed: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    decisions: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready counts and ids."""
        return {
            "moderated": len(self.moderated),
            "analyzed": len(self.analyzed),
            "videos": len(self.videos),
            "failed": dict(self.failed),
            "missing": list(self.missing),
            "decisions": dict(self.decisions),
        }


def work_on(
    parts: Platform,
    models: ContentModels,
    ids: Sequence[str],
    at: datetime,
    *,
    moderate: bool = True,
    analyze: bool = True,
) -> Worked:
    """Moderate and analyze contents that want it. One that fails is given back, and the rest goes on. What
    cannot be begun, since the registry could never be asked, is given back as if it had not been tried.

    Of a video the frames are looked at by a job of its own, and the decision waits for that.

    Args:
        parts: the platform.
        models: the versions in production, and those that are tried.
        ids: of contents; of those that want nothing, nothing is done.
        at: now, UTC.
        moderate: whether to moderate.
        analyze: whether to analyze.

    Raises:
        DatabaseUnavailable: nothing is lost; they are due again when their lease is over.
    """
    done = Worked()
    found = get_contents(parts.engine, ids)
    done.missing = sorted(set(ids) - {one.id for one in found})
    languages: dict[str, str | None] = {}
    if analyze:
        wanting = [one for one in found if one.wants_analysis]
        _apart(wanting, done, lambda some: _analyze(parts, models, some, at, done, languages))
    if moderate:
        wanting = [one for one in found if one.wants_moderation]
        for one in wanting:
            if one.video:
                ask_for_frames(parts, one, at)
                done.videos.append(one.id)
        rest = [one for one in wanting if not one.video]
        _apart(rest, done, lambda some: _moderate(parts, models, some, at, done, languages))
    seen = {one.id: one for one in found}
    for name, problem in done.failed.items():
        tried = name not in done.waiting
        for one in fail(parts.engine, [seen[name]], problem, at, tried=tried):
            _give_up(parts, models, one, problem, at, done)
    return done


def _apart(
    contents: Sequence[StoredContent], done: Worked, work: Callable[[Sequence[StoredContent]], None]
) -> None:
    """Work on all at once, and where that fails on each half: what is at fault costs itself alone."""
    if not contents:
        return
    try:
        work(contents)
    except DatabaseUnavailable:
        raise
    except RegistryUnavailable as error:
        _wait(contents, error, done)
    except Exception as error:
        if len(contents) > 1:
            half = len(contents) // 2
            _apart(contents[:half], done, work)
            _apart(contents[half:], done, work)
            return
        logger.exception("content %s could not be worked on", contents[0].id)
        done.failed[contents[0].id] = f"{type(error).__name__}: {error}"


def _wait(contents: Sequence[StoredContent], error: RegistryUnavailable, done: Worked) -> None:
    logger.warning("%d contents wait: %s", len(contents), error.message)
    done.waiting |= {one.id for one in contents}
    done.failed |= {one.id: error.message for one in contents}


def _analyze(
    parts: Platform,
    models: ContentModels,
    contents: Sequence[StoredContent],
    at: datetime,
    done: Worked,
    languages: dict[str, str | None],
) -> None:
    analyses = analyzed(models, contents)
    rows = []
    for one, analysis in zip(contents, analyses, strict=True):
        languages[one.id] = analysis["language"]
        rows.append({"id": one.id, "revision": one.revision, "analysis": analysis})
    store_analysis(parts.engine, rows, at)
    done.analyzed += [one.id for one in contents]
    compare_analyses(parts, models, contents, analyses, at)


def _moderate(
    parts: Platform,
    models: ContentModels,
    contents: Sequence[StoredContent],
    at: datetime,
    done: Worked,
    languages: Mapping[str, str | None],
) -> None:
    policy = policy_from_settings(parts.settings)
    decided = []
    for one, (text, version) in zip(contents, _scored(models, contents, policy), strict=True):
        try:
            seen = _pictures(parts, models, one)
            row = decision_row(one, text, version, policy, at, language=_language(one, languages), seen=seen)
            decided.append((one, seen, row))
        except RegistryUnavailable as error:
            _wait([one], error, done)
        except AssayError as error:
            done.failed[one.id] = error.message
    insert_decisions(parts.engine, [row for _, _, row in decided], settings=parts.settings)
    for one, _, row in decided:
        done.moderated.append(one.id)
        done.decisions[one.id] = row["decision"]
    compare_texts(parts, models, decided, at)
    pictured = [(one, seen) for one, seen, _ in decided if one.images]
    if pictured:  # of texts alone nobody asks for the image model, nor waits for it
        compare_pictures(parts, models, pictured, lambda one, model: look_at_pictures(parts, one, model), at)


def _scored(
    models: ContentModels, contents: Sequence[StoredContent], policy: Policy
) -> list[tuple[TextScores, str | None]]:
    """The scores of each text, and the version that gave them."""

    def ask(model: InUse | None, some: Sequence[StoredContent]) -> list[TextScores]:
        texts = [whole_text(one.title, one.text) for one in some]
        return score_texts(model.predictor if model else None, texts, policy)

    scored = by_own(models, "moderation", contents, ask)
    return [(text, model.version if model else None) for text, model in scored]


def _pictures(parts: Platform, models: ContentModels, one: StoredContent) -> Seen:
    if not one.images:
        return Seen()
    ((seen, _),) = by_own(models, "imagery", [one], lambda model, _: [look_at_pictures(parts, one, model)])
    return seen


def _language(one: StoredContent, languages: Mapping[str, str | None]) -> str | None:
    known: str | None = (one.analysis or {}).get("language")
    return languages.get(one.id, known)


def frames_job(one: StoredContent) -> uuid.UUID:
    """The job that looks at the frames of this revision of a video."""
    return uuid.uuid5(SPACE, f"frames\n{one.id}\n{one.revision}")


def ask_for_frames(
    parts: Platform, one: StoredContent, at: datetime, *, again: bool = False, hold: timedelta = timedelta(0)
) -> uuid.UUID:
    """Ask for :func:`frames_job`; ``again`` and ``hold`` are those of ``storage.media_jobs.request_job``."""
    return request_job(
        parts.engine, "moderate-video", one.video or "", content_id=one.id, creator_id=one.creator_id,
        params={"revision": one.revision}, at=at, id_=frames_job(one), again=again, hold=hold,
    )  # fmt: skip


def moderate_video(
    parts: Platform,
    models: ContentModels,
    job: StoredJob,
    at: datetime,
    *,
    on_progress: Callable[[float], None],
) -> dict[str, Any]:
    """Look at the frames of a video, its pictures and its words, and decide.

    Raises:
        InputError: the file cannot be looked at; no later try can help.
        StoreUnavailable, DatabaseUnavailable: try again later.
    """
    from tasks.media_work import sample_frames

    found = get_contents(parts.engine, [job.content_id or ""])
    if not found or found[0].revision != job.params.get("revision"):
        return {"frames": 0, "decision": None, "note": "the content is gone, or was described anew"}
    one = found[0]
    frames = sample_frames(parts, job.source, limit=MOST_FRAMES)
    on_progress(0.5)

    def look(model: InUse | None, _: Any) -> list[Seen]:
        return [both(look_at_pictures(parts, one, model), look_at_frames(parts, frames, model))]

    ((seen, _),) = by_own(models, "imagery", [one], look)
    on_progress(0.9)
    decision = _decide(parts, models, one, seen, at)
    compare_pictures(parts, models, [(one, seen)], lambda one, model: _again(parts, one, frames, model), at)
    return {"frames": len(frames), "decision": decision, "version": seen.version}


def _again(parts: Platform, one: StoredContent, frames: Sequence[Any], model: InUse) -> Seen:
    """Pictures and frames by another version; nothing is kept of them."""
    scores, seconds = frame_scores(frames, model) if frames else ({}, {})
    of_frames = Seen(scores=scores, frames=seconds, missing=() if frames else (VIDEO,), version=model.version)
    return both(look_at_pictures(parts, one, model), of_frames)


def video_failed(parts: Platform, models: ContentModels, job: StoredJob, at: datetime) -> str | None:
    """Nothing could look at a video: its words and pictures decide, and a person looks at the rest."""
    found = get_contents(parts.engine, [job.content_id or ""])
    if not found or found[0].revision != job.params.get("revision"):
        return None
    try:
        pictures = _pictures(parts, models, found[0])
    except AssayError:
        pictures = Seen(missing=("image",))
    try:
        return _decide(parts, models, found[0], both(pictures, Seen(missing=(VIDEO,))), at)
    except RegistryUnavailable:  # its tries are used up: nothing would come back to it
        return leave_to_people(parts, found[0], at)


def _decide(parts: Platform, models: ContentModels, one: StoredContent, seen: Seen, at: datetime) -> str:
    policy = policy_from_settings(parts.settings)
    ((text, version),) = _scored(models, [one], policy)
    row = decision_row(one, text, version, policy, at, language=_language(one, {}), seen=seen)
    insert_decisions(parts.engine, [row], settings=parts.settings)
    compare_texts(parts, models, [(one, seen, row)], at)
    return str(row["decision"])


def _give_up(
    parts: Platform, models: ContentModels, one: StoredContent, problem: str, at: datetime, done: Worked
) -> None:
    """All tries are used up: what nothing could look at is for a person. Why there is no analysis is kept."""
    logger.error("content %s is given up: %s", one.id, problem)
    if one.wants_moderation:
        _decide_anyway(parts, models, one, at, done)
    if one.wants_analysis:
        give_up_analysis(parts.engine, one, problem)


def _decide_anyway(
    parts: Platform, models: ContentModels, one: StoredContent, at: datetime, done: Worked
) -> None:
    try:
        seen = Seen(missing=(IMAGE,) if one.images else ())
        done.decisions[one.id] = _decide(parts, models, one, seen, at)
    except DatabaseUnavailable:
        raise
    except Exception:
        logger.exception("content %s is left to people", one.id)
        done.decisions[one.id] = leave_to_people(parts, one, at)


def leave_to_people(parts: Platform, one: StoredContent, at: datetime) -> str:
    """Decide that a person decides, without any model: for what models fail at. Raises DatabaseUnavailable."""
    missing = [*((IMAGE,) if one.images else ()), *((VIDEO,) if one.video else ())]
    policy, seen = policy_from_settings(parts.settings), Seen(missing=missing)
    row = decision_row(one, TextScores(None), None, policy, at, language=None, seen=seen)
    insert_decisions(parts.engine, [row], settings=parts.settings)
    return str(row["decision"])
