"""The index of candidates: found quickly, decided by one admin each, and never behind the reviews."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from psycopg.sql import SQL
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage import candidates, reviews
from storage.candidate_queries import page_statement
from storage.candidates import Candidate, Filter, IndexRow
from storage.copying import cursor
from storage.database import transaction
from storage.image_hashes import ImageRecord, record_images

DAY, NEXT_DAY = dt.date(2026, 11, 2), dt.date(2026, 11, 3)
AT = dt.datetime(2026, 11, 4, 9, tzinfo=dt.UTC)
WAITS = Filter("face")


def row(name: str, rank: float = 0.5, **given: object) -> IndexRow:
    """A photo of its own user that waits; with a flag it is set aside."""
    plain = IndexRow(
        candidate=f'["{name}"]', entity=name.split("/")[0], label="Soft", confidence=0.8, margin=rank,
        flag=None, kind=None, set_aside=False, image=name, values={"width": 90}, rank=rank, cluster=name,
    )  # fmt: skip
    flagged = {"set_aside": True, "kind": given["flag"]} if given.get("flag") else {}
    return replace(plain, **flagged, **given)  # type: ignore[arg-type]


def index(engine: Engine, rows: Iterable[IndexRow], day: dt.date = DAY, revision: str = "") -> int:
    return candidates.index_candidates(engine, "face", day, f"face/candidates/{day}{revision}", rows)


def names(found: Iterable[Candidate]) -> list[str | None]:
    return [one.image for one in found]


def found(engine: Engine, **filters: object) -> list[str | None]:
    return names(candidates.page(engine, Filter("face", **filters), limit=100))  # type: ignore[arg-type]


def decide(engine: Engine, ones: Iterable[Candidate], decision: str, **given: object) -> list[bool]:
    options = {"by": "ana", "at": AT} | given
    asked = [(one.id, one.revision) for one in ones]
    return [
        outcome.decided
        for outcome in candidates.decide_many(engine, asked, decision, **options)  # type: ignore[arg-type]
    ]


def only(engine: Engine, image: str) -> Candidate:
    [one] = [
        one for one in candidates.page(engine, Filter("face", state="any"), limit=99) if one.image == image
    ]
    return one


def said(engine: Engine) -> list[tuple[str, str]]:
    with transaction(engine) as connection:
        return [
            tuple(each)
            for each in connection.execute(text("select decision, decided_by from reviews order by id"))
        ]


# -- finding ---------------------------------------------------------------------------------------------------
def test_pages_follow_one_another_through_the_queue_without_a_gap_or_a_repeat(engine: Engine) -> None:
    index(engine, [row(f"u{n}/p", rank=(n * 7 % 11) / 10, cluster=f"c{n % 3}") for n in range(25)])
    index(engine, [row(f"v{n}/p", rank=0.3, cluster="c1") for n in range(25)], NEXT_DAY)

    pages, after = [], None
    while batch := candidates.page(engine, WAITS, after=after, limit=7):
        pages += batch
        after = batch[-1].place

    assert len(pages) == len({one.id for one in pages}) == 50
    assert [one.place for one in pages] == sorted(one.place for one in pages)
    assert pages == candidates.page(engine, WAITS, limit=100)


def test_each_filter_keeps_what_it_says(engine: Engine) -> None:
    index(engine, [row("a/1", label="Warm", confidence=0.2), row("a/2", confidence=None), row("b/1")])
    index(engine, [row("c/1", flag="no face"), row("c/2", confidence=0.95)], NEXT_DAY)
    index(engine, [row("d/1")], dt.date(2026, 12, 1))

    assert found(engine) == ["a/1", "a/2", "b/1", "c/2", "d/1"]
    assert found(engine, day=NEXT_DAY) == ["c/2"]
    assert found(engine, month="2026-11") == ["a/1", "a/2", "b/1", "c/2"]
    assert found(engine, month="2026-12", state="any") == ["d/1"]
    assert found(engine, label="Warm") == ["a/1"]
    assert found(engine, state="aside") == found(engine, state="any", kind="no face") == ["c/1"]
    assert found(engine, state="any") == ["a/1", "a/2", "b/1", "c/1", "c/2", "d/1"]
    assert found(engine, least=0.5) == ["b/1", "c/2", "d/1"]
    assert found(engine, least=0.1, most=0.5) == ["a/1"]
    assert found(engine, entity="a", day=DAY, label="Soft") == ["a/2"]
    assert candidates.page(engine, Filter("viral"), limit=9) == []


def test_candidates_are_read_by_id_in_the_order_asked_for(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1", flag="no face")])
    first, second = only(engine, "a/1"), only(engine, "b/1")

    assert candidates.get(engine, [second.id, 0, first.id]) == [second, first]
    assert (second.values, second.state, second.dataset) == (
        {"width": 90},
        "aside",
        "face/candidates/2026-11-02",
    )


def test_each_count_leaves_out_its_own_filter_alone(engine: Engine) -> None:
    index(engine, [row("a/1", label="Warm"), row("a/2"), row("b/1"), row("e/1", flag="no face", label=None)])
    index(engine, [row("c/1", flag="no face"), row("c/2", label="Warm")], NEXT_DAY)
    decide(engine, [only(engine, "a/2")], "accept")

    everything = candidates.counts(engine, Filter("face", state="any"))
    warm = candidates.counts(engine, Filter("face", label="Warm", day=DAY))

    assert {name: rows for name, rows in everything.by_state.items() if rows} == {
        "waiting": 3, "aside": 2, "accept": 1,
    }  # fmt: skip
    assert everything.by_label == {"Soft": 3, "Warm": 2}
    assert everything.by_kind == {"no face": 2}
    assert everything.days == [(NEXT_DAY, 1), (DAY, 2)]
    assert (warm.by_state["waiting"], warm.by_state["aside"]) == (1, 0)
    assert warm.by_label == {"Warm": 1, "Soft": 1}
    assert warm.days == [(NEXT_DAY, 1), (DAY, 1)]


def test_pace_counts_what_was_decided_and_not_taken_back(engine: Engine) -> None:
    index(engine, [row(f"a/{n}") for n in range(5)])
    queue = candidates.page(engine, WAITS, limit=9)
    decide(engine, queue[:1], "accept", at=AT - dt.timedelta(hours=2))
    decide(engine, queue[1:3], "reject")
    decide(engine, queue[3:4], "accept", by="ben")
    decide(engine, queue[4:5], "skip")
    decide(engine, candidates.get(engine, [queue[2].id]), "withdraw")

    assert candidates.pace(engine, "face", by=None, since=AT) == 2
    assert candidates.pace(engine, "face", by="ana", since=AT) == 1
    assert candidates.pace(engine, "face", by="ana", since=AT - dt.timedelta(hours=3)) == 2


# -- deciding --------------------------------------------------------------------------------------------------
def test_a_decision_is_in_the_index_and_in_the_reviews(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1")])

    outcomes = candidates.decide_many(
        engine, [(one.id, one.revision) for one in candidates.page(engine, WAITS)], "correct",
        by="ana", at=AT, corrected_label="Warm", reason="clearly",
    )  # fmt: skip

    now = outcomes[0].candidate
    assert now is not None
    assert (outcomes[0].decided, outcomes[0].conflict) == (True, None)
    assert (now.state, now.corrected_label, now.decided_by, now.decided_at, now.revision) == (
        "correct", "Warm", "ana", AT, 1,
    )  # fmt: skip
    review = reviews.latest_decisions(engine, "face")['["a/1"]']
    assert (review.decision, review.corrected_label, review.reason) == ("correct", "Warm", "clearly")
    assert found(engine) == []


def test_who_decides_about_what_they_have_not_seen_is_told_who_was_first(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1")])
    seen = candidates.page(engine, WAITS)
    decide(engine, seen[:1], "accept")

    late = candidates.decide_many(engine, [(one.id, one.revision) for one in seen], "reject", by="ben", at=AT)

    assert [outcome.decided for outcome in late] == [False, True]
    conflict = late[0].conflict
    assert conflict is not None
    assert (conflict.state, conflict.decided_by, conflict.decided_at) == ("accept", "ana", AT)
    assert said(engine) == [("accept", "ana"), ("reject", "ben")]


def test_of_two_who_decide_at_once_each_candidate_has_one_winner(engine: Engine) -> None:
    index(engine, [row(f"u{number}/p", rank=number / 300) for number in range(300)])
    seen = [(one.id, one.revision) for one in candidates.page(engine, WAITS, limit=300)]
    gate = Barrier(2)

    def admin(name: str, decision: str, order: int) -> dict[int, candidates.DecisionOutcome]:
        made: dict[int, candidates.DecisionOutcome] = {}
        for start in range(0, 300, 50):  # six races, each over the same fifty, in opposite orders
            gate.wait(30)
            asked = seen[start : start + 50][::order]
            outcomes = candidates.decide_many(engine, asked, decision, by=name, at=AT)  # type: ignore[arg-type]
            made |= {outcome.id: outcome for outcome in outcomes}
        return made

    with ThreadPoolExecutor(2) as pool:
        ana, ben = pool.submit(admin, "ana", "accept", 1), pool.submit(admin, "ben", "reject", -1)
        made = {"ana": ana.result(), "ben": ben.result()}

    for each, _ in seen:
        [winner] = [name for name in made if made[name][each].decided]
        [loser] = [name for name in made if name != winner]
        seen_by_loser = made[loser][each].conflict
        assert seen_by_loser is not None
        assert seen_by_loser.decided_by == winner
        assert seen_by_loser.state == {"ana": "accept", "ben": "reject"}[winner]
    assert len(said(engine)) == 300


def test_undo_leads_back_to_where_the_candidate_was(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1", flag="no face")])
    for image, state in (("a/1", "waiting"), ("b/1", "aside")):
        decide(engine, [only(engine, image)], "accept")
        assert decide(engine, [only(engine, image)], "withdraw") == [True]
        back = only(engine, image)
        assert (back.state, back.decided_by, back.decided_at, back.revision) == (state, None, None, 2)
    assert reviews.latest_decisions(engine, "face") == {}
    assert [decision for decision, _ in said(engine)] == ["accept", "withdraw"] * 2


def test_a_clock_that_is_behind_does_not_bring_an_older_decision_back(engine: Engine) -> None:
    index(engine, [row("a/1")])
    decide(engine, [only(engine, "a/1")], "accept")
    decide(engine, [only(engine, "a/1")], "withdraw", at=AT - dt.timedelta(minutes=5))
    decide(engine, [only(engine, "a/1")], "reject", at=AT - dt.timedelta(minutes=4))

    assert reviews.latest_decisions(engine, "face")['["a/1"]'].decision == "reject"
    assert only(engine, "a/1").state == "reject"


def test_a_candidate_that_is_gone_is_told_so(engine: Engine) -> None:
    [outcome] = candidates.decide_many(engine, [(77, 0)], "accept", by="ana", at=AT)

    assert (outcome.decided, outcome.candidate) == (False, None)
    assert said(engine) == []


@pytest.mark.parametrize(
    ("decision", "label", "by"), [("correct", None, "ana"), ("accept", "Warm", "ana"), ("accept", None, " ")]
)
def test_a_decision_without_its_label_or_its_admin_is_none(
    engine: Engine, decision: str, label: str | None, by: str
) -> None:
    index(engine, [row("a/1")])
    with pytest.raises(InputError):
        decide(engine, [only(engine, "a/1")], decision, corrected_label=label, by=by)
    assert only(engine, "a/1").state == "waiting"


# -- the reviews -----------------------------------------------------------------------------------------------
def test_what_is_decided_on_the_command_line_is_in_the_index(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1")])
    seen = only(engine, "a/1")
    reviews.decide(
        engine, family="face", candidates=['["a/1"]', '["not indexed"]'], decision="correct",
        corrected_label="Warm", decided_by="ana", decided_at=AT,
    )  # fmt: skip

    now = only(engine, "a/1")
    assert (now.state, now.corrected_label, now.decided_by, now.revision) == ("correct", "Warm", "ana", 1)
    assert decide(engine, [seen], "accept") == [False]
    assert found(engine) == ["b/1"]


def test_one_told_late_does_not_undo_a_later_decision_in_the_index_either(engine: Engine) -> None:
    index(engine, [row("a/1")])
    decide(engine, [only(engine, "a/1")], "accept")
    reviews.decide(
        engine, family="face", candidates=['["a/1"]'], decision="reject", decided_by="ben",
        decided_at=AT - dt.timedelta(days=1),
    )  # fmt: skip

    assert only(engine, "a/1").state == reviews.latest_decisions(engine, "face")['["a/1"]'].decision == "accept"


def test_a_month_has_the_decision_that_counted_at_its_end(engine: Engine) -> None:
    october, december = (dt.datetime(2026, month, 20, tzinfo=dt.UTC) for month in (10, 12))
    start, end = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (11, 12))
    index(engine, [row(f"a/{number}") for number in range(6)])
    story = {
        0: [("accept", october)],
        1: [("accept", october), ("reject", AT)],
        2: [("accept", AT), ("reject", december)],
        3: [("accept", october), ("withdraw", AT)],
        4: [("accept", AT), ("skip", AT)],
        5: [("accept", end)],
    }
    for number, decisions in story.items():
        for decision, at in decisions:
            decide(engine, [only(engine, f"a/{number}")], decision, at=at)

    between = reviews.decisions_between(engine, "face", start, end)

    assert {name: review.decision for name, review in between.items()} == {
        '["a/1"]': "reject", '["a/2"]': "accept",
    }  # fmt: skip


# -- indexing --------------------------------------------------------------------------------------------------
def test_indexing_a_day_again_changes_nothing(engine: Engine) -> None:
    rows = [row("a/1"), row("b/1", flag="no face")]

    assert index(engine, rows) == 2
    before = candidates.page(engine, Filter("face", state="any"))
    assert index(engine, reversed(rows)) == 0
    assert candidates.page(engine, Filter("face", state="any")) == before


def test_a_day_of_many_photos_is_indexed_again_in_seconds_with_little_memory(
    engine: Engine, settings: Settings
) -> None:
    """Comparing each row with each, as the server does where a list does not fit its memory, takes minutes."""
    with transaction(engine) as connection:
        connection.execute(text(f"alter database \"{settings.db_name}\" set work_mem = '64kB'"))
    engine.dispose()
    rows = [row(f"user-{n:05}/photo.jpg") for n in range(30_000)]
    images = [ImageRecord(str(one.image), f"{n:064x}", n, one.entity) for n, one in enumerate(rows)]
    began = time.monotonic()
    for last in (30_000, 29_999):
        assert index(engine, rows[:last]) == (30_000 if last == 30_000 else 1)
        assert record_images(engine, "face", DAY, images[:last]) == (30_000 if last == 30_000 else 1)
    assert time.monotonic() - began < 30


def test_what_was_decided_before_it_was_indexed_does_not_wait_again(engine: Engine) -> None:
    for decision, image in (("accept", "u1/p"), ("correct", "u2/p"), ("correct", "u3/p")):
        reviews.decide(
            engine, family="face", candidates=[f'["{image}"]'], decision=decision,  # type: ignore[arg-type]
            corrected_label="Warm" if decision == "correct" else None, decided_by="ana", decided_at=AT,
        )  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(
            text(
                "insert into reviews (family, candidate, decision, decided_by, decided_at)"
                " select family, candidate, 'withdraw', decided_by, decided_at from reviews"
                " where candidate = '[\"u3/p\"]'"
            )
        )
    index(engine, [row(f"u{n}/p", rank=n / 10) for n in range(1, 5)])

    states = [
        (one.state, one.corrected_label, one.decided_by, one.decided_at)
        for one in candidates.page(engine, Filter("face", state="any"), limit=9)
    ]
    waits = ("waiting", None, None, None)
    assert states == [("accept", None, "ana", AT), ("correct", "Warm", "ana", AT), waits, waits]


def test_late_data_changes_what_waits_and_leaves_what_is_decided(engine: Engine) -> None:
    index(engine, [row("a/1"), row("b/1"), row("c/1"), row("d/1"), row("e/1")])
    decide(engine, [only(engine, "a/1"), only(engine, "b/1")], "accept")
    seen = only(engine, "c/1")

    index(
        engine, [row("a/1", label="Warm"), row("c/1", flag="no face"), row("d/1"), row("f/1")], revision=".r2"
    )

    kept = only(engine, "a/1")
    assert (kept.state, kept.label, kept.revision) == ("accept", "Warm", 1)
    assert only(engine, "b/1").state == "accept"  # decided, although it is no candidate any more
    assert (only(engine, "c/1").state, only(engine, "c/1").revision) == ("aside", 1)
    assert (only(engine, "d/1").revision, only(engine, "d/1").dataset) == (0, "face/candidates/2026-11-02.r2")
    assert found(engine, state="any") == ["a/1", "b/1", "c/1", "d/1", "f/1"]
    assert decide(engine, [seen], "accept") == [False]  # what was seen is not what is there now


def test_a_new_order_moves_what_waits_and_no_revision(engine: Engine) -> None:
    index(engine, [row("a/1", rank=0.1), row("b/1", rank=0.2), row("c/1", rank=0.3, flag="no face")])
    here = candidates.waiting(engine, "face")

    moved = candidates.rerank(
        engine, "face", [one.id for one in here], [0.1, 0.0], [one.cluster for one in here]
    )

    assert [(one.candidate, one.margin) for one in here] == [('["a/1"]', 0.1), ('["b/1"]', 0.2)]
    assert moved == 1
    assert found(engine) == ["b/1", "a/1"]
    assert only(engine, "b/1").revision == 0


def test_a_page_of_many_candidates_looks_at_few_of_them(engine: Engine) -> None:
    """At 100,000 rows, with any filter, at the queue's beginning and in its middle."""
    with transaction(engine) as connection:
        connection.execute(text(MANY))
    candidates.tidy(engine)
    filters = [
        WAITS, Filter("face", state="any"), Filter("face", day=DAY),
        Filter("face", month="2026-11", state="any"),
        Filter("face", label="class 3"), Filter("face", label="rare", month="2026-11"),
        Filter("face", state="any", kind="kind 0"), Filter("face", entity="user 7"),
    ]  # fmt: skip

    for chosen in filters:
        for after in (None, (0.5, "user 5", 0)):
            assert len(candidates.page(engine, chosen, after=after)) > 0
            assert blocks_read(engine, chosen, after) < 1500, (chosen, after)  # the table alone has thousands

    totals = candidates.counts(engine, Filter("face", state="any"))
    assert sum(totals.by_state.values()) == 100_000
    assert sum(rows for _, rows in totals.days) == totals.by_state["waiting"]


def blocks_read(engine: Engine, chosen: Filter, after: tuple[float, str, int] | None) -> int:
    """How many pages of 8 kB a page of the queue looks at."""
    statement, values = page_statement(chosen, after, 50)
    explain = SQL("explain (analyze, buffers, format json) {}").format(statement)
    with transaction(engine) as connection, cursor(connection) as cur:
        [(answer,)] = cur.execute(explain, values).fetchall()
    return int(answer[0]["Plan"]["Shared Hit Blocks"] + answer[0]["Plan"]["Shared Read Blocks"])


MANY = """
    insert into candidates (family, candidate, day, dataset, entity, label, confidence, margin, flag, kind,
        set_aside, image, "values", rank, cluster, state, revision)
    select 'face', n::text, date '2026-11-02' + n % 20, 'd', 'user ' || n % 30000,
        case when n % 9999 = 0 then 'rare' else 'class ' || n % 15 end, n % 100 / 100.0, n % 77 / 77.0,
        case when n % 12 = 0 then 'kind ' || n % 3 end, case when n % 12 = 0 then 'kind ' || n % 3 end,
        n % 12 = 0, n::text, '{}', n % 77 / 77.0, 'user ' || n % 30000,
        case when n % 12 = 0 then 'aside' else 'waiting' end, 0
    from generate_series(1, 100000) n
"""
