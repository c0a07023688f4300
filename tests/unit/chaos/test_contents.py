"""What became of published contents: each thing that may be wrong is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.content_checks import found_of
from chaos.contents import Decided, Delivery, Job, Stored, World, compare_contents
from chaos.kinds import LOOKED_AT_SECONDS
from chaos.publishing import Post
from storage import content_claims, media_jobs, webhooks

POST = Post("a", "posts", 3, "hello", kept=1, sent=1)
FILM = Post("v", "contents", 3, "a film", "film.mp4", edition=2, kept=2, sent=1)
TOLD = (
    Delivery("1", "content.moderated", "a", "1", delivered=True),
    Delivery("2", "content.analyzed", "a", "1", delivered=True),
    Delivery("3", "content.moderated", "v", "2", delivered=True),
    Delivery("4", "content.analyzed", "v", "2", delivered=True),
    Delivery("5", "media.done", "v", "job", delivered=True),
)
WELL = World(
    (Stored("a", "hello (1)", 1, 1, 1, "d1"), Stored("v", "a film (2)", 2, 2, 2, "d2")),
    (
        Decided("d1", "a", "hello (1)", "3", None),
        Decided("d0", "v", "a film (1)", "3", None),
        Decided("d2", "v", "a film (2)", "3", None),
    ),
    TOLD,
    (Job("job", "v", "done"),),
    frozenset("12345"),
)


def broken(world: World, *posts: Post) -> set[str]:
    """Which kinds of faults are found."""
    found = compare_contents(posts or (POST, FILM), world)
    return {kind for kind, names in vars(found).items() if names}


def test_what_is_there_once_and_was_looked_at_and_told_is_well() -> None:
    assert broken(WELL) == set()
    assert not WELL.waits
    assert all(check.good for check in found_of([POST, FILM], WELL, 0, 1.0))


def test_a_content_that_was_taken_and_is_not_there_is_lost() -> None:
    gone = replace(WELL, contents=WELL.contents[1:], decisions=WELL.decisions[1:], deliveries=TOLD[2:])
    assert broken(gone) == {"lost"}


def test_one_that_was_never_taken_may_be_there_or_not() -> None:
    refused = replace(POST, kept=0)
    gone = replace(WELL, contents=WELL.contents[1:], decisions=WELL.decisions[1:], deliveries=TOLD[2:])
    assert broken(gone, refused, FILM) == broken(WELL, refused, FILM) == set()


def test_an_older_text_than_the_one_that_was_taken_last_is_a_loss() -> None:
    older = Stored("v", "a film (1)", 1, 1, 1, "d0")
    assert "lost" in broken(replace(WELL, contents=(WELL.contents[0], older)))
    unanswered = replace(FILM, kept=1)  # the second may have been taken, or not
    assert "lost" not in broken(replace(WELL, contents=(WELL.contents[0], older)), POST, unanswered)
    assert "lost" not in broken(WELL, POST, unanswered)


def test_a_content_that_was_sent_twice_and_counts_two_revisions_is_doubled() -> None:
    again = Stored("a", "hello (1)", 2, 2, 2, "d1")
    assert "doubled" in broken(replace(WELL, contents=(again, WELL.contents[1])))


@pytest.mark.parametrize("field", ["moderated_revision", "analyzed_revision"])
def test_what_was_not_looked_at_waits(field: str) -> None:
    one = replace(WELL.contents[0], **{field: 0})
    world = replace(WELL, contents=(one, WELL.contents[1]))
    assert world.waits
    assert "waiting" in broken(world)


def test_a_revision_has_one_decision_and_it_is_the_one_that_holds() -> None:
    none = replace(WELL, decisions=WELL.decisions[1:])
    assert broken(none) == {"undecided"}
    another = replace(WELL.contents[0], moderation_id="d9")
    assert broken(replace(WELL, contents=(another, WELL.contents[1]))) == {"undecided"}


def test_a_second_decision_is_found_whoever_made_it() -> None:
    same, other = replace(WELL.decisions[0], id="d8"), replace(WELL.decisions[0], id="d9", version="4")
    assert broken(replace(WELL, decisions=(*WELL.decisions, same))) == {"decided_again", "by_the_same"}
    assert broken(replace(WELL, decisions=(*WELL.decisions, other))) == {"decided_again"}


def test_each_result_is_told_once() -> None:
    for number, one in enumerate(TOLD):
        without = replace(WELL, deliveries=TOLD[:number] + TOLD[number + 1 :])
        assert broken(without) == {"untold"}, one.event
        twice = replace(WELL, deliveries=(*TOLD, replace(one, id="9")), told=frozenset("123459"))
        assert broken(twice) == {"told_again"}, one.event


def test_a_webhook_that_the_product_does_not_have_is_undelivered() -> None:
    waits = replace(WELL, deliveries=(replace(TOLD[0], delivered=False), *TOLD[1:]))
    assert waits.waits
    assert broken(waits) == {"undelivered"}
    assert broken(replace(WELL, told=frozenset("2345"))) == {"undelivered"}


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_a_job_that_is_not_done_is_stuck(state: str) -> None:
    world = replace(WELL, jobs=(Job("job", "v", state),), deliveries=TOLD[:4])
    assert broken(world) == {"stuck"}
    assert world.waits == (state != "failed")


def test_the_checks_name_what_is_wrong() -> None:
    gone = replace(WELL, decisions=WELL.decisions[1:])
    bad = [check for check in found_of([POST, FILM], gone, 0, 1.0) if not check.good]
    assert [check.name for check in bad] == ["each revision has exactly one decision"]
    assert "1 undecided" in bad[0].found
    assert bad[0].found.endswith(": a")
    unsigned = [check for check in found_of([POST, FILM], WELL, 2, 1.0) if not check.good]
    assert "2 with a false signature" in unsigned[0].found


def test_the_bound_is_longer_than_any_lease() -> None:
    longest = max(content_claims.LEASE, media_jobs.LEASE, webhooks.LEASE).total_seconds()
    assert longest < LOOKED_AT_SECONDS
