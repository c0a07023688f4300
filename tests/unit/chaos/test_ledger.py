"""The book of requests: what it finds lost, doubled, beyond a bound, or late."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.ledger import Ask, Book, Happened, compare, cost, late, unexcused

GOOD, BAD = 200, 0


def ask(
    key: str, *, stream: str = "viral", at: float = 100.0, status: int = GOOD, promised: bool | None = None
) -> Ask:
    kept = status == GOOD if promised is None else promised
    ids = (f"id-{key}",) if kept else ()
    return Ask(stream, (key,), at, at + 0.1, status, "" if status == GOOD else "refused", ids, kept)


def fault(
    kind: str = "kill", target: str = "viral", *, began: float = 100.0, lifted: float = 100.0
) -> Happened:
    return Happened(1, kind, target, "", began, lifted, lifted + 5)


def test_what_was_promised_and_is_stored_once_is_well() -> None:
    kept = compare([ask("a"), ask("b")], {"a": 1, "b": 1}, ids={"id-a", "id-b"})
    assert (kept.promised, kept.lost, kept.doubled) == (2, (), ())


def test_a_promised_key_that_is_not_stored_is_lost() -> None:
    assert compare([ask("a"), ask("b")], {"a": 1}).lost == ("b",)


def test_an_answer_whose_id_is_not_stored_is_lost_though_its_key_is() -> None:
    assert compare([ask("a")], {"a": 1}, ids={"id-of-another"}).lost == ("id-a",)


def test_a_key_that_is_stored_twice_is_doubled_also_when_nothing_was_promised() -> None:
    assert compare([ask("a", status=BAD)], {"a": 2}).doubled == ("a",)


def test_what_failed_may_be_stored_or_not() -> None:
    for stored in ({}, {"a": 1}):
        kept = compare([ask("a", status=BAD)], stored)
        assert (kept.promised, kept.lost, kept.doubled) == (0, (), ())


def test_one_event_of_a_batch_that_is_missing_is_lost() -> None:
    batch = Ask("events", ("e-0", "e-1"), 1.0, 1.1, 202, promised=True)
    assert compare([batch], {"e-0": 1}).lost == ("e-1",)


def test_a_full_disk_excuses_predictions_while_it_lasts_and_no_events() -> None:
    full = fault("disk-full", "disk", began=100.0, lifted=108.0)
    during, after = ask("a", at=104.0), ask("b", at=110.0)
    kept = compare([during, after], {}, [full])
    assert kept.lost == ("b",)
    assert kept.unrecorded == 1
    event = Ask("events", ("e",), 104.0, 104.1, 202, promised=True)
    assert compare([event], {}, [full]).lost == ("e",)


def kept_list(key: str, *, at: float, made: float) -> Ask:
    return Ask("lists", (key,), at, at + 0.1, GOOD, promised=True, made=made)


def test_a_list_that_was_kept_is_promised_once_and_lost_once() -> None:
    asks = [kept_list(key, at=at, made=50.0) for at in (50.0, 60.0, 70.0) for key in ("l-1", "l-2")]
    kept = compare(asks, {"l-1": 1})
    assert (kept.promised, kept.lost) == (2, ("l-2",))


def test_a_list_is_excused_by_the_full_disk_it_was_made_on_and_by_no_other() -> None:
    full = fault("disk-full", "disk", began=100.0, lifted=108.0)
    made_then = [kept_list("l-1", at=at, made=104.0) for at in (104.0, 300.0, 400.0)]
    kept = compare(made_then, {}, [full])
    assert (kept.lost, kept.unrecorded) == ((), 1), "it is kept, and given long after"
    made_before = kept_list("l-2", at=104.0, made=50.0)
    assert compare([made_before], {}, [full]).lost == ("l-2",)


def test_a_failure_that_no_fault_explains_is_beyond_the_bounds() -> None:
    failed = ask("a", status=BAD, at=50.0)
    assert unexcused([failed, ask("b", at=50.0)], [fault()]) == [failed]


def test_a_killed_service_excuses_its_own_failures_for_its_time() -> None:
    mine, others = ask("a", status=BAD, at=130.0), ask("b", stream="ctr", status=BAD, at=130.0)
    too_late = ask("c", status=BAD, at=100.0 + 600.0)
    assert unexcused([mine, others, too_late], [fault()]) == [others, too_late]


def test_a_killed_database_excuses_nothing() -> None:
    failed = ask("a", status=BAD, at=101.0)
    assert unexcused([failed], [fault(target="postgres")]) == [failed]


def test_a_platform_that_never_gets_well_or_does_so_too_late_is_told() -> None:
    well, never, slow = fault(), fault(), fault()
    never.recovered, slow.recovered = None, slow.lifted + 1000.0
    assert late([well, never, slow]) == [never, slow]


def test_what_a_fault_cost_ends_where_the_next_began() -> None:
    asks = [
        ask("a", at=90.0, status=BAD),
        ask("b", at=101.0, status=BAD),
        ask("c", at=101.5),
        ask("d", at=200.0),
    ]
    spent = cost(fault(), asks, until=150.0)
    assert spent["asked"] == 2
    assert spent["failed"] == {"viral: refused": 1}
    assert spent["recovery_s"] == 5.0


def test_the_book_is_on_disk_line_by_line(tmp_path: Path) -> None:
    book = Book(tmp_path / "requests.jsonl")
    book.write(ask("a", at=10.0))
    book.write(ask("b", at=90.0))
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    assert [line["keys"] for line in lines] == [["a"], ["b"]]
    assert [one.keys for one in book.since(80.0)] == [("b",)]
    book.close()
