"""Which versions may go, without a store: what is needed stays, however it is connected."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.manifest import Manifest, Part
from storage.retention import EVENTS, SESSIONS, Line, Plan
from storage.retention_versions import Shelf, freed, old_candidates, superseded

AT = datetime(2026, 11, 1, tzinfo=UTC)


def version(
    stage: str,
    period: str,
    revision: int = 1,
    built_from: tuple[Manifest, ...] = (),
    parts: tuple[str, ...] = (),
) -> Manifest:
    return Manifest(
        family="viral", stage=stage, period=period, revision=revision, schema=[], rows=0, classes={}, split={},
        parts=[Part(key, 10, 1, key) for key in parts], built_from=[one.ref for one in built_from], made_by="t",
    )  # fmt: skip


def shelf(*manifests: Manifest, gone: tuple[str, ...] = (), at: datetime = AT) -> Shelf:
    return Shelf(manifests, set(gone), {one.name: at for one in manifests})


def names(found: tuple[Manifest, ...]) -> set[str]:
    return {one.name for one in found}


def test_the_latest_revision_stays_and_one_that_was_superseded_just_now() -> None:
    first, second = version("full", "2026-10"), version("full", "2026-10", 2)
    there = shelf(first, second)

    assert names(superseded(there, AT + timedelta(days=1), ())) == {first.name}
    assert superseded(there, AT, ()) == ()


def test_what_was_built_from_what_goes_does_not_hold_it_and_what_stays_does() -> None:
    verified = [version("verified", "2026-10", number) for number in (1, 2, 3)]
    full = [version("full", "2026-10", number, (verified[number - 1],)) for number in (1, 2, 3)]
    later = AT + timedelta(days=1)

    assert names(superseded(shelf(*verified, *full), later, ())) == {
        verified[0].name, verified[1].name, full[0].name, full[1].name,
    }  # fmt: skip
    assert names(superseded(shelf(*verified, *full), later, [full[0].name])) == {verified[1].name, full[1].name}


@given(st.integers(0, 10_000))
def test_nothing_that_stays_was_ever_built_from_something_that_goes(seed: int) -> None:
    draw = random.Random(seed)
    made: list[Manifest] = []
    for number in range(30):
        stage, period = draw.choice(["verified", "full"]), f"2026-{draw.randint(1, 3):02d}"
        revision = 1 + sum((one.stage, one.period) == (stage, period) for one in made)
        sources = tuple(draw.sample(made, min(len(made), draw.randint(0, 2))))
        made.append(version(stage, period, revision, sources, (f"part-{number % 20}",)))
    protected = {one.name for one in draw.sample(made, 3)}
    there = shelf(*made, gone=tuple(one.name for one in draw.sample(made, 2)))

    goes = superseded(there, AT + timedelta(days=draw.randint(0, 1)), protected)

    stays = [one for one in there.live() if one not in goes]
    assert not protected & names(goes)
    assert not {ref.name for one in stays for ref in one.built_from} & names(goes)
    sizes = {f"part-{number}": 10 for number in range(20)}
    keys = {key for one in freed(there, goes, sizes).values() for key in one}
    assert not keys & {part.key for one in stays for part in one.parts}


def test_a_part_that_two_versions_share_is_freed_once_and_one_that_is_needed_never() -> None:
    first = version("full", "2026-10", 1, parts=("both", "own", "kept", "absent"))
    second = version("full", "2026-10", 2, parts=("both",))
    third = version("full", "2026-10", 3, parts=("kept",))
    sizes = dict.fromkeys(("both", "own", "kept"), 10)

    found = freed(shelf(first, second, third), (first, second), sizes)

    assert found == {first.name: ["both", "own"], second.name: []}


@pytest.mark.parametrize("every", [False, True])
def test_a_day_of_candidates_goes_by_its_own_month_or_by_those_of_its_decisions(every: bool) -> None:
    day, other = version("candidates", "2026-03-01"), version("candidates", "2026-03-02")
    verified = version("verified", "2026-04" if every else "2026-03", 1, (day,))
    decided = {"2026-03-01": {"2026-04": AT}, "2026-03-02": {"2026-05": AT}} if every else {}

    found = old_candidates(shelf(day, other, verified), "2026-06-01", every=every, decided=decided)

    assert names(found.versions) == {day.name}
    reason = "verified/2026-05 is not built" if every else "verified/2026-03 was built without them"
    assert found.held == {reason: ["2026-03-02"]}


def test_a_day_that_was_decided_about_in_a_month_that_is_still_built_stays_verified_or_not() -> None:
    day = version("candidates", "2026-03-01")
    there = shelf(day, version("verified", "2026-06", 1, (day,)))
    decided = {"2026-03-01": {"2026-06": AT}}

    found = old_candidates(there, "2026-05-14", every=True, decided=decided)
    assert (found.versions, found.held) == ((), {"verified/2026-06 is still built anew": ["2026-03-01"]})
    assert names(old_candidates(there, "2026-06-01", every=True, decided=decided).versions) == {day.name}


def test_the_first_day_that_stays_stays_and_what_has_no_rows_is_not_chosen_again() -> None:
    day, young = version("candidates", "2026-03-01"), version("candidates", "2026-03-02")
    verified = version("verified", "2026-03", 1, (day, young))
    there = shelf(day, young, verified)

    assert names(old_candidates(there, "2026-03-02", every=False, decided={}).versions) == {day.name}
    gone = shelf(day, young, verified, gone=(day.name,))
    assert old_candidates(gone, "2026-03-02", every=False, decided={}).versions == ()


def test_the_digest_of_a_plan_changes_with_its_lines_and_not_with_ended_sessions() -> None:
    plan = Plan(AT, lines=[Line(EVENTS, "events.m2025_01", "2025-01", 5, "rows")])
    more = Plan(AT, lines=[Line(EVENTS, "events.m2025_01", "2025-01", 6, "rows")])
    session = Plan(AT, lines=[*plan.lines, Line(SESSIONS, "ended sessions", "2026-10", 1, "rows")])

    assert plan.digest == session.digest != more.digest
