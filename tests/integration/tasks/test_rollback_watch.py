"""The watch over promoted versions on real data, a real registry and a real database."""

from __future__ import annotations

import datetime as dt

import pytest

from models.family import get_family
from models.monitoring.rollback import watched
from storage.history import list_promotions
from storage.monitor import StoredFinding, actions, due_alerts, mark_alerted, open_findings
from storage.rollouts import list_rollouts
from tasks import monitor_keeping, rollback_watch
from tasks.family_watch import Looks
from tasks.live_rows import gap_since, rows_since
from tasks.monitoring import Seen
from tasks.platform import Platform
from tasks.rollback_watch import watch_promotions
from tests.integration.tasks.rollout_world import PROMOTED, WEEK_LATER, promote, register, watching

__all__ = ["watching"]

DAY = dt.timedelta(days=1)


def in_production(parts: Platform) -> str | None:
    version = parts.registry.production("viral")
    return version.version if version else None


def watched_and_kept(parts: Platform, at: dt.datetime) -> Looks:
    """As a run of the monitor does it, up to its alerts."""
    looks = watch_promotions(parts, ["viral"], at)
    seen = [Seen("viral", at.date() - DAY, findings=looks.found)]
    monitor_keeping.keep(parts, seen, today=at.date(), at=at, run_id="r", watched=looks.judged)
    return looks


def due(parts: Platform) -> list[StoredFinding]:
    return due_alerts(parts.engine, "critical")


def worse_promoted(parts: Platform) -> None:
    promote(parts, register(parts), PROMOTED - 5 * DAY)
    promote(parts, register(parts, poor=True))


def test_a_promoted_version_that_errs_more_is_rolled_back_and_it_is_said(watching: Platform) -> None:
    worse_promoted(watching)

    looks = watch_promotions(watching, ["viral"], WEEK_LATER)
    (finding,) = looks.found

    assert ("promotion of version", "viral") in looks.judged
    assert in_production(watching) == "1"
    last = list_promotions(watching.engine, "viral")[0]
    assert (last.action, last.actor, last.from_version, last.to_version) == ("rollback", "monitor", "2", "1")
    assert "Version 2 errs more than version 1 on what came since its promotion" in last.reason
    assert (finding.severity, finding.check, finding.subject) == (
        "critical", "accuracy", "rollback of version 2",
    )  # fmt: skip
    assert "It was rolled back: version 1 is in production again" in finding.sentence
    assert finding.figures["verdict"] == "worse"
    (action,) = actions(watching.engine, "viral")
    assert (action.action, action.version) == ("rollback", "2")
    assert (action.done, action.outcome) == (True, "rolled back")


def test_rolled_back_once_nothing_goes_to_and_fro(watching: Platform) -> None:
    worse_promoted(watching)
    watched_and_kept(watching, WEEK_LATER)
    mark_alerted(watching.engine, due(watching), WEEK_LATER)

    assert watch_promotions(watching, ["viral"], WEEK_LATER + DAY).found == ()
    promote(watching, "2", WEEK_LATER + DAY)  # somebody insists
    watch = watched(list_promotions(watching.engine, "viral"), WEEK_LATER + 2 * DAY, 7)
    assert watch is not None
    assert watch.by_hand == "version 2 was rolled back before and put back by ana"
    for day in (3, 4):
        (finding,) = watch_promotions(watching, ["viral"], WEEK_LATER + day * DAY).found
        assert "people decide: assay models rollback viral --to 1" in finding.sentence
    assert in_production(watching) == "2"
    assert [one.done for one in actions(watching.engine, "viral")] == [False, True]


def test_without_auto_rollback_the_command_is_advised_once_and_nothing_moves(watching: Platform) -> None:
    watching.settings = watching.settings.model_copy(update={"auto_rollback": False})
    worse_promoted(watching)

    for hours in (0, 1):
        (finding,) = watch_promotions(watching, ["viral"], WEEK_LATER + dt.timedelta(hours=hours)).found
        assert "assay models rollback viral --to 1" in finding.sentence
        assert finding.severity == "critical"
    assert in_production(watching) == "2"
    (action,) = actions(watching.engine, "viral")
    assert (action.done, action.outcome) == (False, "advised")


def test_a_promoted_version_that_is_as_good_stays(watching: Platform) -> None:
    promote(watching, register(watching), PROMOTED - 5 * DAY)
    promote(watching, register(watching))

    for day in range(1, 8):
        assert watch_promotions(watching, ["viral"], PROMOTED + day * DAY).found == ()
    assert in_production(watching) == "2"
    assert actions(watching.engine, "viral") == []


def test_rows_that_it_is_judged_by_are_news_to_both(watching: Platform) -> None:
    worse_promoted(watching)
    watch = watched(list_promotions(watching.engine, "viral"), WEEK_LATER, 7)
    assert watch is not None
    gap = gap_since(watching, get_family("viral"), watch.before, watch.version, watch.since, WEEK_LATER)
    assert gap is not None
    assert gap.rows >= 100
    learned = watching.datasets.table(watching.datasets.find("viral/full/2026-09"), ["video_id"])
    version = watching.registry.version("viral", "2")
    live = rows_since(watching, get_family("viral"), PROMOTED, WEEK_LATER, [version])
    assert live is not None
    assert set(learned["video_id"].to_pylist()).isdisjoint(live["video_id"].to_pylist())
    assert min(live["horizon_at"].to_pylist()) >= PROMOTED.replace(hour=0)


def test_a_family_that_cannot_be_judged_is_said_and_the_others_are_judged(watching: Platform) -> None:
    promote(watching, register(watching, dataset="viral/full/1999-01"), PROMOTED - 5 * DAY)
    promote(watching, register(watching, poor=True))

    looks = watch_promotions(watching, ["viral", "ctr"], WEEK_LATER)
    (said,) = looks.found
    assert (said.subject, said.severity) == ("watch over the last promotion", "warning")
    assert "nobody watches it" in said.sentence
    assert {name for begins, name in looks.judged if begins == "promotion of version"} == {"ctr"}
    assert looks.failures == ()
    assert in_production(watching) == "2"


def test_outside_its_watch_window_nothing_is_judged(watching: Platform) -> None:
    worse_promoted(watching)

    assert watch_promotions(watching, ["viral"], PROMOTED + 8 * DAY).found == ()
    assert in_production(watching) == "2"


def test_a_rollback_whose_process_died_is_written_down_by_the_next(
    watching: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse_promoted(watching)

    def die(*_args: object, **_values: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollback_watch, "record_action", die)
        with pytest.raises(KeyboardInterrupt):
            watch_promotions(watching, ["viral"], WEEK_LATER)
    assert in_production(watching) == "1"
    assert actions(watching.engine, "viral") == []

    for _ in range(2):
        (finding,) = watched_and_kept(watching, WEEK_LATER + DAY).found
        assert "It was rolled back: version 1 is in production again" in finding.sentence
        assert [one.fingerprint for one in due(watching)] == ["accuracy/viral/rollback of version 2"]
    mark_alerted(watching.engine, due(watching), WEEK_LATER + DAY)
    assert watched_and_kept(watching, WEEK_LATER + 2 * DAY).found == ()
    assert due(watching) == open_findings(watching.engine) == []
    assert [(one.done, one.version) for one in actions(watching.engine, "viral")] == [(True, "2")]


def test_a_rollback_that_no_channel_took_is_told_by_a_later_run_once(watching: Platform) -> None:
    worse_promoted(watching)
    for days in range(4):  # each day the channel is away
        watched_and_kept(watching, WEEK_LATER + days * DAY)
        (told,) = due(watching)
        assert "It was rolled back" in told.sentence
    assert told.first_seen_at == WEEK_LATER
    mark_alerted(watching.engine, [told], WEEK_LATER + 3 * DAY)
    assert watched_and_kept(watching, WEEK_LATER + 3 * DAY).found == ()
    assert due(watching) == []


def test_a_rollback_of_which_nobody_can_be_told_is_no_finding_for_ever(watching: Platform) -> None:
    worse_promoted(watching)
    watched_and_kept(watching, WEEK_LATER)
    assert watched_and_kept(watching, WEEK_LATER + 15 * DAY).found == ()


def test_people_who_were_advised_are_told_of_the_rollback_too(watching: Platform) -> None:
    automatic = watching.settings
    watching.settings = automatic.model_copy(update={"auto_rollback": False})
    worse_promoted(watching)
    watched_and_kept(watching, WEEK_LATER)
    mark_alerted(watching.engine, due(watching), WEEK_LATER)

    watching.settings = automatic
    watched_and_kept(watching, WEEK_LATER + dt.timedelta(hours=1))
    assert [one.subject for one in open_findings(watching.engine)] == ["rollback of version 2"]
    assert [one.subject for one in due(watching)] == ["rollback of version 2"]


def test_an_attempt_after_the_one_that_rolled_back_tells_of_it_again(watching: Platform) -> None:
    worse_promoted(watching)
    first = watch_promotions(watching, ["viral"], WEEK_LATER).found

    again = watch_promotions(watching, ["viral"], WEEK_LATER + dt.timedelta(seconds=5)).found
    assert [one.fingerprint for one in again] == [one.fingerprint for one in first]
    assert again[0].sentence == first[0].sentence
    assert again[0].figures["verdict"] == "worse"
    assert len(actions(watching.engine, "viral")) == 1


def test_a_rollback_ends_what_was_tried_beside_the_version(watching: Platform) -> None:
    worse_promoted(watching)
    third = register(watching, champion="2")
    watching.registry.rollouts.start(
        "viral", third, mode="shadow", share=1, by="ana", reason="to see", at=PROMOTED
    )
    watch_promotions(watching, ["viral"], WEEK_LATER)

    assert [one.outcome for one in list_rollouts(watching.engine, "viral")] == ["superseded"]
