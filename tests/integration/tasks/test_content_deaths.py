"""A content that kills its worker costs itself alone, and nobody decides for want of an answer."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.content_claims import DIED, TRIES, claim_due
from storage.contents import StoredContent, get_content, put_contents
from storage.database import transaction
from storage.media_jobs import jobs_of
from tasks import content_dispatch
from tasks.content_models import ContentModels
from tasks.content_work import video_failed, work_on
from tasks.platform import Platform
from tasks.runtime import now
from tests.content_models import NEUTRAL, content_files
from tests.content_world import AT, dispatching, publish, until

HOUR = timedelta(hours=1)


def content(parts: Platform, name: str) -> StoredContent:
    found = get_content(parts.engine, name)
    assert found is not None
    return found


def lease_over(parts: Platform) -> None:
    from sqlalchemy import text

    with transaction(parts.engine) as connection:
        connection.execute(text("update contents set claimed_at = claimed_at - interval '1 hour'"))


class Death(BaseException):
    """Ends a run as a kill does: nothing is written down."""


def test_one_that_kills_its_worker_takes_no_other_along(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[list[str]] = []

    def run(what: Any, arguments: dict[str, Any]) -> None:
        runs.append(arguments["ids"])
        if "bad" in arguments["ids"]:
            raise Death
        what.fn(**arguments)

    monkeypatch.setattr(content_dispatch, "_logged", run)
    names = [f"p{number}" for number in range(20)]
    rows = [{"id": name, "kind": "post", "text": NEUTRAL} for name in (*names, "bad")]
    put_contents(shared.engine, rows, now() - HOUR)
    for _ in range(TRIES + 1):  # workers, each of which lives until it dies of it
        with dispatching(shared), suppress(AssertionError):
            assert until(lambda: len(runs) > 0 and "bad" in runs[-1], seconds=3.0)
        lease_over(shared)
    with dispatching(shared):
        assert until(lambda: content(shared, "bad").moderation_status == "review_required")
        assert until(lambda: all(not content(shared, name).wants_moderation for name in names))

    assert {content(shared, name).moderation_status for name in names} == {"approved"}
    assert all(len(ids) == 1 for ids in runs[1:])
    assert [ids for ids in runs if "bad" in ids][1:] == [["bad"]] * (TRIES - 1)
    bad = content(shared, "bad")
    assert (bad.wants_analysis, bad.error) == (True, DIED)


def test_an_analysis_that_fails_at_each_try_keeps_its_reason_beside_the_decision(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("boom")

    monkeypatch.setattr("tasks.content_work.analyzed", fails)
    monkeypatch.setattr("tasks.content_work.score_texts", fails)
    put_contents(shared.engine, [{"id": "p", "kind": "post", "text": NEUTRAL}], AT)
    for number in range(TRIES):
        at = AT + number * HOUR
        work_on(shared, models, [one.id for one in claim_due(shared.engine, limit=9, at=at)], at)
    found = content(shared, "p")
    assert (found.moderation_status, found.wants_analysis) == ("review_required", True)
    assert found.error == "ValueError: boom"


def away(parts: Platform) -> None:
    parts.registry.away = True  # type: ignore[attr-defined]


def test_where_nobody_knows_what_is_in_production_contents_wait_and_keep_their_tries(
    shared: Platform, models: ContentModels
) -> None:
    away(shared)
    ids = publish(shared, {"id": "p", "text": NEUTRAL}, {"id": "q", "text": NEUTRAL})
    done = work_on(shared, models, ids, AT)
    assert (done.decisions, done.analyzed, sorted(done.failed)) == ({}, [], ["p", "q"])
    assert {(content(shared, name).moderation_status, content(shared, name).attempts) for name in ids} == {
        ("pending", 0)
    }
    shared.registry.away = False  # type: ignore[attr-defined]
    at = AT + timedelta(seconds=61)
    work_on(shared, models, [one.id for one in claim_due(shared.engine, limit=9, at=at)], at)
    assert {content(shared, name).moderation_status for name in ids} == {"approved"}


def test_texts_do_not_wait_for_an_image_model_that_nobody_knows(
    shared: Platform, models: ContentModels
) -> None:
    for family in ("moderation", "sentiment", "topics", "entities"):
        models.current(family)
    away(shared)
    ids = publish(shared, {"id": "p", "text": NEUTRAL}, {"id": "q", "text": NEUTRAL, "images": ["a.jpg"]})
    done = work_on(shared, models, ids, AT)
    assert (done.decisions, list(done.failed)) == ({"p": "approved"}, ["q"])
    assert (content(shared, "q").moderation_status, content(shared, "q").attempts) == ("pending", 0)


def test_a_video_whose_job_failed_for_good_is_for_people_also_where_nothing_is_known(
    shared: Platform, models: ContentModels
) -> None:
    for family in ("sentiment", "topics", "entities"):
        models.current(family)
    away(shared)
    work_on(shared, models, publish(shared, {"id": "v", "kind": "video", "video": "film.mp4"}), AT)
    (job,) = jobs_of(shared.engine, "v")
    assert video_failed(shared, models, job, AT) == "review_required"


@pytest.mark.parametrize("altered", [False, True])
def test_files_on_disk_that_are_not_those_that_were_registered_are_not_loaded(
    parts: Platform, models: ContentModels, tmp_path: Path, altered: bool
) -> None:
    from config.errors import RegistryUnavailable
    from registry.catalog import FILES
    from registry.files import LISTING, digest, make_listing, write_folder

    files = dict(content_files("moderation"))
    folder, listing = tmp_path / "models" / "moderation" / "3", make_listing("moderation", files)
    write_folder(folder, files, listing)
    parts.registry.tags["moderation"] = {FILES: digest(listing)}  # type: ignore[attr-defined]
    assert models.current("moderation") is not None
    if altered:  # somebody wrote another list, which fits its files
        (folder / LISTING).write_bytes(listing + b"\n")
    away(parts)
    fresh = ContentModels(parts, tmp_path / "notes")
    if altered:
        with pytest.raises(RegistryUnavailable, match="not known"):
            fresh.current("moderation")
    else:
        found = fresh.current("moderation")
        assert found is not None
        assert found.version == "3"
