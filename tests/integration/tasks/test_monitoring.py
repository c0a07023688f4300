"""The monitor of a family on real servers: what it reads, finds, keeps and leaves alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc
import pytest

from config.errors import DatabaseUnavailable
from config.settings import Settings
from local.ports import free_port
from models.monitoring.contract import Compared, FamilyDay, Figure, Finding, Slice
from models.viral import FAMILY
from storage.monitor import (
    Changes,
    figure_series,
    finding_history,
    latest_figures,
    open_findings,
    report_of,
)
from tasks import monitor_keeping, monitoring
from tasks.monitor_freshness import look_at_freshness
from tasks.monitor_losses import NEWLY
from tasks.monitor_plan import plan_monitoring
from tasks.monitor_reading import judged_version, read_day
from tasks.monitor_schedules import Schedule
from tasks.monitoring import Seen
from tasks.platform import Platform
from tests import monitor_world as world
from tests.monitor_world import DAY, LAST, LEARNED
from tests.viral_world import FIRST_DAY

NOW = dt.datetime.combine(LAST + DAY, dt.time(5, 30), dt.UTC)
PROMOTED = dt.datetime.combine(LEARNED + DAY, dt.time(4), dt.UTC)
#: The drift begins here; the window of the day before has none of it.
DRIFT = LAST - 5 * DAY


@pytest.fixture
def parts(ml_settings: Settings) -> Iterator[Platform]:
    made = Platform(world.as_settings(ml_settings))
    yield made
    made.close()


def look(
    parts: Platform, day: dt.date = LAST, checks: tuple[str, ...] = ("stats", "drift", "accuracy")
) -> Seen:
    """A look at the family, as it is made in the morning after ``day``."""
    at = dt.datetime.combine(day + DAY, dt.time(5, 30), dt.UTC)
    return monitoring.see_family(parts, "viral", plan_monitoring(checks, ["viral"], day, at), {}, at)


def keep(parts: Platform, seen: Seen) -> Changes:
    at = dt.datetime.combine(seen.day + DAY, dt.time(5, 30), dt.UTC)
    kept = monitor_keeping.keep(parts, [seen], today=at.date(), at=at, run_id="r1", watched=())
    assert kept.failures == ()
    return kept.changes


def wrong(found: Any) -> list[str]:
    return [one.fingerprint for one in found if one.severity != "info"]


def test_a_drift_is_found_when_it_comes_and_ends_when_it_is_gone(parts: Platform) -> None:
    world.publish(parts, change=world.many_followers, since=DRIFT)
    world.promote(parts, at=PROMOTED)

    quiet = look(parts, DRIFT - DAY)
    assert wrong(quiet.findings) == []
    assert quiet.ran == ("stats", "drift", "accuracy")
    assert keep(parts, quiet) == Changes()

    drifted = look(parts)
    changes = keep(parts, drifted)
    assert wrong(drifted.findings) == ["drift/viral/feature creator_followers"]
    assert wrong(changes.new) == wrong(open_findings(parts.engine)) == wrong(drifted.findings)
    again = keep(parts, drifted)
    assert (again.new, again.ended) == ((), ())

    before, after = figure_series(parts.engine, "viral", "drift of creator_followers", DRIFT - DAY)
    assert (before.day, after.day, before.version) == (DRIFT - DAY, LAST, "1")
    assert after.value > 0.2 > before.value
    report = report_of(parts.engine, "viral", LAST)
    assert report is not None
    assert (report.key, report.findings, report.version) == (f"monitoring/viral/{LAST}.html", 1, "1")
    assert b"creator_followers" in parts.store.get(report.key)

    keep(parts, look(parts, DRIFT - DAY))  # filled in again: a day before the last one ends nothing
    assert wrong(open_findings(parts.engine)) == ["drift/viral/feature creator_followers"]

    world.publish(parts)  # somebody mended the source, and collected these days again
    for days in (0, 1):  # a day without it may be chance
        assert keep(parts, look(parts, LAST + days * DAY)).ended == ()
    gone = keep(parts, look(parts, LAST + 2 * DAY))
    assert wrong(gone.ended) == ["drift/viral/feature creator_followers"]
    assert open_findings(parts.engine) == []
    assert len(finding_history(parts.engine)) == 1


def test_of_a_past_day_nothing_is_read_that_came_later(parts: Platform) -> None:
    day = LAST - 5 * DAY
    end = dt.datetime.combine(day + DAY, dt.time(), dt.UTC)
    world.publish(parts, until=day)
    world.promote(parts, at=PROMOTED)
    world.answer(parts, day, 30)
    before = read_day(parts, FAMILY, day)

    world.publish(parts, change=world.many_followers, since=day + DAY)
    world.answer(parts, day + DAY, 30, version="2")
    world.promote(parts, at=end + DAY, key="second")
    after = read_day(parts, FAMILY, day)

    assert (before.version, after.version) == ("1", "1")
    assert after.live.num_rows > 50
    assert after.asked is not None
    assert after.asked.num_rows == 30
    for name in ("reference", "current", "asked", "held_out", "live"):
        assert getattr(after, name).equals(getattr(before, name)), name
    assert dataclasses.replace(after, **_tables(before)) == before


def _tables(inputs: Any) -> dict[str, Any]:
    names = ("reference", "current", "asked", "held_out", "live", "predictor")
    return {name: getattr(inputs, name) for name in names}


def test_rows_that_judge_the_version_are_ones_it_never_saw(parts: Platform) -> None:
    world.publish(parts)
    world.promote(parts, at=PROMOTED)
    inputs = read_day(parts, FAMILY, LAST)
    train, valid, test = FAMILY.training_rows(world.learned(), FAMILY.options(parts.settings))

    live, newest = inputs.live, pc.max(world.learned()["taken_at"]).as_py()
    assert pc.min(live["taken_at"]).as_py() > max(newest, PROMOTED)
    seen = set(train["video_id"].to_pylist()) | set(valid["video_id"].to_pylist())
    assert not seen & set(live["video_id"].to_pylist())
    assert inputs.reference is not None
    assert inputs.reference.num_rows == train.num_rows + valid.num_rows
    assert inputs.held_out.num_rows == test.num_rows
    assert inputs.counts[LAST] > 0
    assert min(inputs.counts) > FIRST_DAY  # the empty days before the first rows are none
    assert inputs.promoted["macro_f1"] == pytest.approx(world.model()[1].metrics["macro_f1"])

    parts.settings = parts.settings.model_copy(update={"monitor_sample_rows": 1000})
    assert read_day(parts, FAMILY, LAST).reference.num_rows <= 1000  # type: ignore[union-attr]


def test_flagged_rows_judge_nobody_until_an_admin_let_them_pass(parts: Platform) -> None:
    from storage.reviews import candidate_key, decide

    def flagged(rows: Any) -> Any:
        place = rows.schema.get_field_index("flag")
        return rows.set_column(place, rows.schema.field(place), [["odd"] * rows.num_rows])

    world.publish(parts, change=flagged, since=LAST - 27 * DAY)
    world.promote(parts, at=PROMOTED)
    assert read_day(parts, FAMILY, LAST).live is None

    rows = world.examples()
    late = rows.filter(pc.greater(rows["taken_at"], PROMOTED))
    names = [candidate_key(each.values()) for each in late.select(["video_id", "taken_at"]).to_pylist()]
    at = dt.datetime.combine(LAST, dt.time(12), dt.UTC)
    decide(parts.engine, family="viral", candidates=names, decision="accept", decided_by="ada", decided_at=at)
    assert read_day(parts, FAMILY, LAST).live.num_rows > 50
    assert read_day(parts, FAMILY, LAST - DAY).live is None  # on that day nobody had decided


def test_before_anything_is_in_production_there_is_nothing_to_judge(parts: Platform) -> None:
    world.publish(parts)
    seen = look(parts)
    assert (seen.version, wrong(seen.findings), seen.failure) == (None, [], None)
    assert seen.judged is not None
    assert any("production" in why for why in seen.judged.skipped)

    world.promote(parts, at=NOW + DAY)
    assert judged_version(parts, "viral", NOW) is None
    named = judged_version(parts, "viral", NOW, "1")
    assert named is not None
    assert named.version.version == "1"


def test_too_few_rows_end_nothing_and_a_new_version_ends_what_was_said_of_the_old(parts: Platform) -> None:
    world.publish(parts)
    world.promote(parts, at=PROMOTED)
    old = Finding("accuracy", "viral", "live accuracy", "warning", "Version 1 errs more.")
    keep(parts, dataclasses.replace(look(parts, LAST - DAY), findings=(old,)))
    enough = parts.settings
    parts.settings = enough.model_copy(update={"monitor_min_rows": 100_000})

    few = look(parts)
    assert few.ran == ("stats",)
    keep(parts, few)
    assert wrong(open_findings(parts.engine)) == ["accuracy/viral/live accuracy"]

    world.promote(parts, at=NOW - DAY, key="second")
    newer = look(parts)
    assert (newer.version, newer.ran) == ("2", ("stats", "drift", "accuracy"))
    keep(parts, newer)
    assert open_findings(parts.engine) == []


def test_what_was_not_looked_for_stays_and_what_was_ends_without_rows(parts: Platform) -> None:
    promotion = Finding("accuracy", "viral", "promotion of version 1", "critical", "It errs more.")
    missing = Finding("stats", "viral", "missing views", "warning", "It is missing more often.")
    answers = Finding("drift", "viral", "answers score", "warning", "It has shifted.")
    seen = Seen("viral", LAST - 2 * DAY, ran=("stats", "drift"))
    keep(parts, dataclasses.replace(seen, findings=(promotion, missing, answers)))

    few = dataclasses.replace(seen, day=LAST)
    keep(parts, few)
    stay = {promotion.fingerprint, missing.fingerprint, answers.fingerprint}
    assert set(wrong(open_findings(parts.engine))) == stay
    its, gone = ("promotion of version", "viral"), stay - {promotion.fingerprint}
    others = [("promotion of version", "ctr"), ("canary of version", "viral")]
    for judged, still in ((others, stay), ([its], gone)):
        monitor_keeping.keep(parts, [few], today=NOW.date(), at=NOW, run_id="r1", watched=judged)
        assert set(wrong(open_findings(parts.engine))) == still
    keep(parts, dataclasses.replace(few, judged=compared("views", "number")))
    assert wrong(open_findings(parts.engine)) == [answers.fingerprint]
    keep(parts, dataclasses.replace(few, judged=compared("score", "answer")))
    assert open_findings(parts.engine) == []


def test_a_part_that_was_not_judged_stays_as_it_was(parts: Platform) -> None:
    part = Finding("accuracy", "viral", "part country=US", "warning", "It got worse there.")
    whole = Finding("accuracy", "viral", "live accuracy", "warning", "It errs more.")
    seen = Seen("viral", LAST - 3 * DAY, ran=("accuracy",), version="1")
    keep(parts, dataclasses.replace(seen, findings=(part, whole)))

    # it had too few rows, or was not among the most frequent
    other = dataclasses.replace(seen, day=LAST, judged=judged_part("DE"))
    keep(parts, other)
    assert wrong(open_findings(parts.engine)) == [part.fingerprint]
    keep(parts, dataclasses.replace(other, judged=judged_part("US")))
    assert open_findings(parts.engine) == []

    # it is one version's: what was found of it ends with it, judged or not
    keep(parts, dataclasses.replace(other, day=LAST + DAY, findings=(part,)))
    newer = dataclasses.replace(other, day=LAST + 2 * DAY, version="2", replaced=frozenset({"accuracy"}))
    keep(parts, newer)
    assert open_findings(parts.engine) == []


def judged_part(value: str) -> FamilyDay:
    """A day on which only this country had rows enough, and was as good as before."""
    loss = Figure("loss", 0.5, 0.4, 0.6, 60)
    return FamilyDay("viral", "1", None, slices=(Slice("country", value, 60, loss, loss, 1.0, False),))


def test_what_a_service_lost_is_not_good_again_when_the_service_is_away(parts: Platform) -> None:
    queue = "queue predictions of the viral service"
    lost = Finding("health", "", f"{queue}: rows lost", "critical", "7 rows were lost.")
    waiting = Finding("health", "", queue, "warning", "Rows wait.")
    figures = [Figure(f"{queue}: {what}", 7.0) for what in ("rows lost", "rows")]
    seen = Seen("", LAST, ran=("health",), figures_now=(*figures, Figure(NEWLY, 7.0)))
    keep(parts, dataclasses.replace(seen, findings=(lost, waiting)))
    keep(parts, dataclasses.replace(seen, figures_now=()))
    assert set(wrong(open_findings(parts.engine))) == {lost.fingerprint, waiting.fingerprint}
    # nor when it answers, and the database does not, which knows what was lost before
    keep(parts, dataclasses.replace(seen, figures_now=tuple(figures)))
    assert set(wrong(open_findings(parts.engine))) == {lost.fingerprint}
    keep(parts, seen)
    assert open_findings(parts.engine) == []


def compared(name: str, kind: Any) -> FamilyDay:
    """A day on which only this had rows enough, and did not drift."""
    one = Compared(
        name, kind, 0.0, 0.0, "chi-square", 1.0, 1.0, None, (0.0, 0.0), False, {"a": 1.0}, {"a": 1.0}
    )
    return FamilyDay("viral", "1", None, compared=(one,))


def test_a_figure_around_its_bar_is_one_finding(parts: Platform) -> None:
    answers = Finding("drift", "viral", "answers score", "warning", "It has shifted.")
    quiet = Seen("viral", LAST, ran=("drift",), version="1", judged=compared("score", "answer"))
    for days in range(7):
        found = (answers,) if days % 2 == 0 else ()
        keep(parts, dataclasses.replace(quiet, day=LAST + days * DAY, findings=found))
    assert [one.ended_at for one in finding_history(parts.engine)] == [None]

    # of another version it is not the same matter: what was said of the old one ends at once
    keep(parts, dataclasses.replace(quiet, day=LAST + 7 * DAY, version="2", replaced=frozenset({"drift"})))
    assert open_findings(parts.engine) == []


def test_answers_are_counted_and_their_trouble_is_found(parts: Platform) -> None:
    world.publish(parts, until=FIRST_DAY)
    world.promote(parts, at=PROMOTED)
    for week in range(6):
        world.answer(parts, LAST - 7 * week * DAY, 10 if week == 0 else 300, ms=4.0)
    world.answer(parts, LAST, 40, version="heuristic", ms=9.0)

    seen = look(parts, checks=("stats",))
    assert {one.subject for one in seen.findings} >= {"predictions"}
    figures = {one.name: one.value for one in seen.figures}
    assert (figures["predictions"], figures["fallback share"]) == (50, 0.8)
    assert figures["latency p50, ms"] == 9.0
    assert figures["answered low, share"] == 1.0

    assert "fallback answers" in {one.subject for one in seen.findings}
    keep(parts, seen)
    stored = latest_figures(parts.engine, "viral")
    assert stored["findings.stats"].value == len([one for one in seen.findings if one.check == "stats"])


def test_a_report_that_breaks_takes_no_finding_with_it(
    parts: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    import models.monitoring.report

    def broken(*_: Any) -> str:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(models.monitoring.report, "report_html", broken)
    world.publish(parts, change=world.many_followers, since=DRIFT)
    world.promote(parts, at=PROMOTED)
    seen, at = look(parts), dt.datetime.combine(LAST + DAY, dt.time(5, 30), dt.UTC)
    kept = monitor_keeping.keep(parts, [seen], today=at.date(), at=at, run_id="r1", watched=())

    assert kept.failures == ("The report of viral is not kept: ZeroDivisionError: by zero.",)
    assert wrong(open_findings(parts.engine)) == wrong(seen.findings) != []
    assert all(one.link for one in seen.findings)


def test_each_store_that_is_away_stops_only_what_needs_it(parts: Platform, ml_settings: Settings) -> None:
    world.publish(parts)
    world.promote(parts, at=PROMOTED)
    nowhere = f"http://127.0.0.1:{free_port()}"

    without = Platform(parts.settings.model_copy(update={"mlflow_tracking_uri": nowhere}))
    seen = look(without)
    assert seen.ran == ()
    assert "MLflow" in str(seen.failure)
    assert "predictions" in {one.name for one in seen.figures}
    assert look(without, checks=("stats",)).failure is not None  # the volume of rows is judged with them
    without.close()

    alone = Platform(parts.settings.model_copy(update={"db_port": free_port()}))
    seen = look(alone)
    assert (seen.ran, seen.figures) == ((), ())
    assert "PostgreSQL" in str(seen.failure)
    with pytest.raises(DatabaseUnavailable):
        keep(alone, seen)
    alone.close()

    plan = plan_monitoring(["freshness"], None, None, NOW)
    chosen = parts.settings.model_copy(update={"prefect_api_url": f"{nowhere}/api"})
    platform, schedules = monitoring.see_platform(chosen, plan, NOW)
    assert (platform.ran, schedules) == ((), {})
    assert platform.failure is not None
    assert "Prefect" in platform.failure
    assert "freshness: Prefect" in platform.failure

    # the reference is damaged: no drift is judged, and everything else goes on
    keys = [one.key for one in parts.store.list("datasets/viral/full/")]
    parts.store.delete(keys[0])
    seen = look(parts)
    assert seen.failure is None
    assert seen.judged is not None
    assert any("cannot be read" in why for why in seen.judged.skipped)


def test_ages_are_counted_and_what_is_late_is_found(parts: Platform) -> None:
    from storage.versions import record_version

    world.publish(parts)
    world.promote(parts, at=PROMOTED)
    for manifest in parts.datasets.list("viral"):
        record_version(parts.engine, manifest, None, PROMOTED)
    world.answer(parts, LAST, 1)
    schedules = {
        "collect-daily": Schedule(DAY, NOW, None),
        "build-datasets-monthly": Schedule(31 * DAY, NOW, None),
        "retrain-viral": Schedule(7 * DAY, NOW - 15 * DAY, None),
    }
    seen = look_at_freshness(parts, FAMILY, schedules, NOW)
    assert [one.subject for one in seen.findings] == []
    figures = {one.name: one.value for one in seen.figures}
    assert figures["age of last prediction, days"] == pytest.approx(1.0, abs=0.3)
    assert figures["age of newest candidates, days"] == pytest.approx(5.5 / 24)

    much_later = look_at_freshness(parts, FAMILY, schedules, NOW + 90 * DAY)
    assert {one.subject: one.severity for one in much_later.findings} == {"model": "info"}
    ran = {name: dataclasses.replace(one, last_good=NOW + 90 * DAY) for name, one in schedules.items()}
    late = look_at_freshness(parts, FAMILY, ran, NOW + 90 * DAY)
    assert {one.subject: one.severity for one in late.findings} == {
        "candidates": "warning", "full dataset": "warning", "model": "info",
    }  # fmt: skip
