"""Retention of dataset versions: what went into others goes, with its parts and its rows in the index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from config.errors import VersionRetired
from config.settings import Settings
from models.family import get_family
from storage.datasets.eraser import Eraser
from storage.datasets.erasing import Whose
from storage.retention import CANDIDATES
from storage.versions import record_version
from tasks import building
from tasks.audit import audit
from tasks.monitor_rows import settled
from tasks.platform import Platform
from tasks.retention_looking import look
from tasks.reviewing import flagged
from tests.retention_world import (
    NOW,
    TODAY,
    ago,
    carry_out,
    count,
    keeping,
    marks,
    month_ago,
    part_keys,
    planned,
    publish,
    wait_in_index,
)


def test_candidates_go_once_they_are_verified_and_their_index_with_them(plain: Platform) -> None:
    parts = keeping(plain, candidates_days=62)
    old, other, young = month_ago(5), month_ago(6), f"{ago(61).date()}"
    first, second = (publish(parts, "candidates", f"{old}-{day}", (day,)) for day in ("03", "04"))
    alone = publish(parts, "candidates", f"{other}-07", ("alone",))
    kept = publish(parts, "candidates", young, ("young",))
    verified = publish(parts, "verified", old, ("03", "04"), built_from=(first, second), days_ago=100)
    full = publish(parts, "full", old, ("03", "04"), built_from=(verified,))
    for day, month in ((f"{old}-03", old), (f"{other}-07", other)):
        at = datetime.fromisoformat(f"{month}-20T00:00:00+00:00")
        wait_in_index(parts.engine, "viral", at.replace(day=int(day[-2:])).date(), ("accept", "waiting"), at)
    before = part_keys(parts)

    work = look(parts, NOW)
    done = carry_out(parts, work)

    assert marks(parts) == {first.name, second.name} == set(work.plan.versions)
    assert before - part_keys(parts) == {part.key for one in (first, second) for part in one.parts}
    assert done.deleted[CANDIDATES] == planned(work)[CANDIDATES] == 4  # two parts, two rows of the index
    assert count(parts.engine, "candidates") == 2
    for one in (alone, kept, verified, full):
        assert parts.datasets.table(one).num_rows == one.rows
    with pytest.raises(VersionRetired, match="retention deleted them"):
        parts.datasets.table(first)
    (sentence,) = work.plan.held
    assert f"viral of 1 day ({other}-07) stay: verified/{other} is not built" in sentence
    found = audit(parts, models=False)
    assert found.faults == []
    assert found.retired == 2
    assert planned(look(parts, NOW)) == {}


def test_all_revisions_of_a_day_go_with_parts_that_they_share(plain: Platform) -> None:
    parts = keeping(plain, candidates_days=62)
    month = month_ago(5)
    first, second, third = (publish(parts, "candidates", f"{month}-03", (name,)) for name in ("a", "b", "a"))
    verified = publish(parts, "verified", month, ("a",), built_from=(third,))
    assert first.parts == third.parts

    work = look(parts, NOW)
    done = carry_out(parts, work)

    assert marks(parts) == {first.name, second.name, third.name}
    assert done.deleted[CANDIDATES] == planned(work)[CANDIDATES] == 2
    assert part_keys(parts) == {part.key for part in verified.parts}


def test_candidates_that_came_or_were_decided_after_their_month_was_built_stay(plain: Platform) -> None:
    parts = keeping(plain, candidates_days=62)
    month = month_ago(5)
    early, late = (publish(parts, "candidates", f"{month}-{day}", (day,)) for day in ("03", "04"))
    publish(parts, "verified", month, ("03", "04"), built_from=(early, late), days_ago=100)
    publish(parts, "candidates", f"{month}-04", ("04", "more"), days_ago=90)
    day = datetime.fromisoformat(f"{month}-03").date()
    wait_in_index(parts.engine, "viral", day, ("accept",), ago(95))

    work = look(parts, NOW)

    assert planned(work) == {}
    assert sorted(sentence.split(": ")[1].split(".")[0] for sentence in work.plan.held) == [
        f"verified/{month} was built before all was decided", f"verified/{month} was built without them",
    ]  # fmt: skip


def test_where_everything_is_decided_a_day_waits_for_the_months_of_its_decisions(plain: Platform) -> None:
    parts = keeping(plain, candidates_days=62)
    month, later = month_ago(6), month_ago(5)
    names = [f"{month}-{day}" for day in ("03", "04", "05")]
    days = [publish(parts, "candidates", name, (name,), family="face") for name in names]
    publish(parts, "verified", later, ("x",), built_from=days[:1], family="face", days_ago=100)
    when = datetime.fromisoformat(f"{later}-10T00:00:00+00:00")
    for name, states in zip(names, (("accept", "reject"), ("correct",), ("waiting",)), strict=True):
        wait_in_index(parts.engine, "face", datetime.fromisoformat(name).date(), states, when)

    work = look(parts, NOW)
    carry_out(parts, work)

    # what nobody decided about in all that time goes; what was decided and is in no version stays
    assert marks(parts) == {days[0].name, days[2].name}
    assert count(parts.engine, "candidates") == 1
    assert f"({names[1]}) stay: verified/{later} was built without them" in work.plan.held[0]


def test_a_month_whose_candidates_are_gone_is_not_built_anew_and_a_day_not_collected_again(
    plain: Platform,
) -> None:
    parts = keeping(plain, candidates_days=62)
    month = month_ago(5)
    day = publish(parts, "candidates", f"{month}-03")
    publish(parts, "verified", month, built_from=(day,))
    carry_out(parts, look(parts, NOW))

    with pytest.raises(VersionRetired, match="stays as it is: retention deleted candidates"):
        building.plan_verified(parts, "viral", month)
    with pytest.raises(VersionRetired, match="is closed"):
        publish(parts, "candidates", f"{month}-03", ("another",))
    assert part_keys(parts) == {part.key for part in parts.datasets.find(f"viral/verified/{month}").parts}


def test_rows_of_the_days_that_are_left_are_still_reviewed_and_measured(plain: Platform) -> None:
    family, note = get_family("viral"), {"plan": "p"}
    days = [
        plain.datasets.publish(
            family="viral", stage="candidates", period=f"2026-03-0{day}", schema=family.schema, batches=[],
            made_by="test", label=family.label, split="split",
        ).manifest
        for day in (1, 2)
    ]  # fmt: skip
    plain.datasets.retire(days[0], note)

    assert flagged(plain.datasets, plain.engine, family) == []
    assert settled(plain, family, days, ago(30), NOW).versions == (days[1],)
    with pytest.raises(VersionRetired):
        flagged(plain.datasets, plain.engine, family, "2026-03-01")


@pytest.fixture
def learned(ml_settings: Settings, engine: Engine) -> Iterator[Platform]:
    """With a registry, which is asked what versions in production learned from."""
    made = Platform(ml_settings)
    yield made
    made.close()


def test_a_superseded_revision_goes_unless_something_that_stays_was_built_from_it(learned: Platform) -> None:
    parts = keeping(learned, revisions_days=14)
    month = month_ago(2)
    first = publish(parts, "verified", month, ("a",), days_ago=40)
    used = publish(parts, "verified", month, ("a", "b"), days_ago=39)
    publish(parts, "verified", month, ("a", "b", "c"), days_ago=20)
    old = publish(parts, "full", month, ("a",), built_from=(first,), days_ago=40)
    publish(parts, "full", month, ("a", "b"), built_from=(used,), days_ago=13)  # superseded old, just now

    work = look(parts, NOW)

    assert work.plan.versions == []
    publish(parts, "full", month_ago(1), ("a", "b"), built_from=(used,), days_ago=39)
    work = look(parts, TODAY + timedelta(days=5))
    carry_out(parts, work)
    # `used` is what two full versions that stay were built from
    assert marks(parts) == {first.name, old.name}
    assert audit(parts, models=False).faults == []


def test_training_data_of_what_was_in_production_stays_with_its_lineage(learned: Platform) -> None:
    from tests.viral_world import roles, trained

    parts = keeping(learned, revisions_days=14)
    month = month_ago(2)
    verified = [publish(parts, "verified", month, tuple("abc"[:n]), days_ago=60 - n) for n in (1, 2, 3)]
    full = [
        publish(parts, "full", month, one.name.split("/")[-1:], built_from=(one,), days_ago=50 - n)
        for n, one in enumerate(verified)
    ]
    predictor, evaluation = trained()
    rows = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    versions = [
        parts.registry.log_training(
            family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=one.name,
            dataset_sha256=one.ref.sha256, params={}, rows=rows, key=f"retention-{one.name}",
        )
        for one in full
    ]  # fmt: skip
    for version in (versions[0], versions[2]):
        parts.registry.promote("viral", version.version, actor="ada", reason="test", force=True, at=NOW)

    carry_out(parts, look(parts, NOW))

    assert marks(parts) == {verified[1].name, full[1].name}
    assert audit(parts).faults == []


def test_somebody_who_is_forgotten_afterwards_is_looked_for_only_where_there_are_rows(plain: Platform) -> None:
    parts = keeping(plain, candidates_days=62)
    month = month_ago(5)
    day = publish(parts, "candidates", f"{month}-03", ("anna", "bob"))
    verified = publish(parts, "verified", month, ("anna", "bob"), built_from=(day,))
    carry_out(parts, look(parts, NOW))
    eraser = Eraser(parts.store, parts.datasets)
    whose = Whose("video_id", "anna")

    (holdings,) = eraser.holdings("viral", whose)
    latest = eraser.erase(holdings, whose, label="label", split="split")
    eraser.purge("viral")
    record_version(parts.engine, latest, None, NOW)

    assert [one.manifest.name for one in holdings] == [verified.name]
    assert [ref.name for ref in latest.built_from] == [day.name]
    found = audit(parts, models=False)
    assert (found.faults, found.erased, found.retired) == ([], 1, 1)
