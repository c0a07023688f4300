"""What became of the contents that were published, compared with what the answers said of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from chaos.publishing import Post

MODERATED, ANALYZED, FILM_LOOKED_AT = "content.moderated", "content.analyzed", "media.done"


@dataclass(frozen=True)
class Stored:
    """A row of ``contents``."""

    id: str
    text: str
    revision: int
    moderated_revision: int
    analyzed_revision: int
    moderation_id: str | None

    @property
    def waits(self) -> bool:
        """Whether it is still to be looked at."""
        return min(self.moderated_revision, self.analyzed_revision) < self.revision


@dataclass(frozen=True)
class Decided:
    """A decision about a content; the text tells its revisions apart."""

    id: str
    content_id: str
    text: str
    version: str | None
    image_version: str | None


@dataclass(frozen=True)
class Delivery:
    """A webhook. ``about``: the revision, or the job that it tells of."""

    id: str
    event: str
    content_id: str
    about: str
    delivered: bool


@dataclass(frozen=True)
class Job:
    """A media job."""

    id: str
    content_id: str
    state: str


@dataclass
class Found:
    """What does not hold, each with the names of the contents, jobs or deliveries.

    Attributes:
        lost: was taken, and is not there, or not as it was taken last.
        doubled: counts more revisions than it was described in.
        waiting: was not moderated or not analyzed.
        undecided: its present revision has no decision, or not the one that holds.
        decided_again: a revision has more than one decision.
        by_the_same: of those, where the same versions decided twice.
        untold: no webhook tells of its present revision, or of its job.
        told_again: two webhooks tell of the same.
        undelivered: a webhook that the product does not have.
        stuck: a media job that is not done.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    decided_again: list[str] = field(default_factory=list)
    by_the_same: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    told_again: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """The tables, as far as they are the suite's, and the ids of deliveries that the product was told."""

    contents: Sequence[Stored] = ()
    decisions: Sequence[Decided] = ()
    deliveries: Sequence[Delivery] = ()
    jobs: Sequence[Job] = ()
    told: Collection[str] = ()

    @property
    def waits(self) -> bool:
        """Whether something is still to be done about it."""
        return (
            any(one.waits for one in self.contents)
            or any(one.state in ("queued", "running") for one in self.jobs)
            or any(not one.delivered for one in self.deliveries)
        )


def compare_contents(posts: Iterable[Post], world: World) -> Found:
    """Compare what was published with what is there. A content that was not taken may be there or not; what is
    there is looked at all the same.
    """
    found = Found()
    _kept(posts, world, found)
    _decided(world, found)
    _told(world, found)
    found.stuck = sorted(job.id for job in world.jobs if job.state != "done")
    return found


def _kept(posts: Iterable[Post], world: World, found: Found) -> None:
    there = {one.id: one for one in world.contents}
    for post in posts:
        stored = there.get(post.name)
        # what was sent and not acknowledged may have been taken
        possible = {post.text(number) for number in range(max(1, post.kept), post.edition + 1)}
        if stored is None:
            if post.kept:
                found.lost.append(post.name)
        elif stored.text not in possible:
            found.lost.append(post.name)
        elif stored.revision > post.edition:
            found.doubled.append(post.name)
    found.waiting = sorted(one.id for one in world.contents if one.waits)


def _decided(world: World, found: Found) -> None:
    by_text: dict[tuple[str, str], list[Decided]] = defaultdict(list)
    for one in world.decisions:
        by_text[one.content_id, one.text].append(one)
    for (name, _), decided in by_text.items():
        if len(decided) > 1:
            found.decided_again.append(name)
        if len({(one.version, one.image_version) for one in decided}) < len(decided):
            found.by_the_same.append(name)
    for stored in world.contents:
        ids = {one.id for one in by_text[stored.id, stored.text]}
        if stored.moderation_id not in ids:
            found.undecided.append(stored.id)


def _told(world: World, found: Found) -> None:
    counts = Counter((one.event, one.content_id, one.about) for one in world.deliveries)
    wanted = {
        (event, one.id, str(one.revision)) for one in world.contents for event in (MODERATED, ANALYZED)
    } | {(FILM_LOOKED_AT, job.content_id, job.id) for job in world.jobs if job.state == "done"}
    found.untold = sorted(f"{name} ({event})" for event, name, about in wanted - counts.keys())
    found.told_again = sorted(f"{name} ({event})" for (event, name, _), count in counts.items() if count > 1)
    found.undelivered = sorted(
        one.id for one in world.deliveries if not one.delivered or one.id not in world.told
    )
