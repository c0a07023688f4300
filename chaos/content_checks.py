"""What must hold of contents, their decisions, webhooks and media jobs after all faults, by themselves."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from chaos.checks import SHOWN, Check, rows
from chaos.contents import Decided, Delivery, Job, Stored, World, compare_contents
from chaos.kinds import LOOKED_AT_SECONDS
from chaos.ledger import Happened
from chaos.product import Product
from chaos.publishing import Post
from config.settings import Settings

#: What is published last is looked at within this, however long ago the last fault was.
_LEAST_SECONDS = 60.0


def check_contents(
    settings: Settings,
    mark: str,
    posts: Sequence[Post],
    faults: Sequence[Happened],
    product: Product,
    patience: float,
) -> list[Check]:
    """Wait until everything was looked at and told, for at most the bound after the last fault, and compare."""
    began = time.time()
    lifted = max((fault.lifted for fault in faults), default=began)
    until = max(lifted + LOOKED_AT_SECONDS * patience, began + _LEAST_SECONDS * patience)
    while (world := _read(settings, mark, product)).waits and time.time() < until:
        time.sleep(2.0)
    return found_of(posts, world, product.unsigned, time.time() - began)


def found_of(posts: Sequence[Post], world: World, unsigned: int, waited: float) -> list[Check]:
    """The checks of what is there."""
    found = compare_contents(posts, world)
    taken = sum(post.kept > 0 for post in posts)
    edited = sum(one.revision > 1 for one in world.contents)
    events = Counter(one.event for one in world.deliveries)
    said = ", ".join(f"{count:,} {event}" for event, count in sorted(events.items()))
    versions = ", ".join(sorted({one.version or "none" for one in world.decisions}))
    states = ", ".join(f"{count} {state}" for state, count in Counter(job.state for job in world.jobs).items())
    return [
        _check(
            "no lost or doubled contents",
            f"{taken:,} taken ({edited} described anew)",
            lost=found.lost,
            doubled=found.doubled,
        ),
        _check(
            "every content was moderated and analyzed, without a hand",
            f"{len(world.contents):,} are there; waited {waited:.0f} s for the last",
            waiting=found.waiting,
        ),
        _check(
            "each revision has exactly one decision",
            f"{len(world.decisions):,} decisions (version {versions})",
            undecided=found.undecided,
            decided_again=found.decided_again,
            by_the_same_versions=found.by_the_same,
        ),
        _check(
            "each result has exactly one webhook, and the product has it",
            said or "none",
            untold=found.untold,
            told_twice=found.told_again,
            undelivered=found.undelivered,
            with_a_false_signature=["some"] * unsigned,
        ),
        _check("no media job is stuck", f"{len(world.jobs)} jobs: {states or 'none'}", not_done=found.stuck),
    ]


def _check(name: str, said: str, **bad: Sequence[str]) -> Check:
    counts = ", ".join(f"{len(names)} {kind.replace('_', ' ')}" for kind, names in bad.items())
    shown = [one for names in bad.values() for one in names][:SHOWN]
    return Check(name, not shown, f"{said}; {counts}" + (f": {', '.join(shown)}" if shown else ""))


def _read(settings: Settings, mark: str, product: Product) -> World:
    contents = rows(
        settings,
        "select id, text, revision, moderated_revision, analyzed_revision, moderation_id::text from contents"
        " where starts_with(id, %s) order by id",
        (mark,),
    )
    decisions = rows(
        settings,
        "select id::text, content_id, text, version, image_version from moderation_decisions"
        " where starts_with(content_id, %s) order by content_id, at",
        (mark,),
    )
    deliveries = rows(
        settings,
        "select id::text, event, content_id, coalesce(payload ->> 'revision', payload ->> 'job_id', ''),"
        " delivered_at is not null from webhook_deliveries where starts_with(content_id, %s) order by id",
        (mark,),
    )
    jobs = rows(
        settings,
        "select id::text, content_id, state from media_jobs where starts_with(content_id, %s) order by id",
        (mark,),
    )
    return World(
        [Stored(*row) for row in contents],
        [Decided(*row) for row in decisions],
        [Delivery(*row) for row in deliveries],
        [Job(*row) for row in jobs],
        frozenset(product.told),
    )
