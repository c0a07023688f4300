"""The kinds of faults, whom each can hit, and what it may cost: the one table of bounds, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: What the load asks for, by the name of its stream.
STREAMS = ("viral", "ctr", "events", "lists", "gateway", "contents", "posts", "styles")
#: Part -> the streams that only it can answer. ``contents`` are published at the content service, ``posts``
#: through the gateway, which asks that service.
OWN: Mapping[str, tuple[str, ...]] = {
    "viral": ("viral",),
    "ctr": ("ctr",),
    "recommendation": ("events", "lists"),
    "gateway": ("gateway", "posts"),
    "content": ("contents", "posts"),
    "face": ("styles",),
}
PARTS = (
    "postgres", "objects", "prefect", "mlflow", "worker", "content-worker",
    "viral", "ctr", "recommendation", "face", "content", "gateway", "admin",
)  # fmt: skip
#: Processes whose clock can be made to jump by itself.
CLOCKED = ("viral", "ctr", "recommendation", "face", "content", "gateway", "worker", "content-worker")
#: How clocks jump, in seconds.
JUMPS: Mapping[str, int] = {"+1h": 3600, "-1h": -3600, "+1d": 86_400}
POISONS = ("pickle", "truncated", "swapped", "unlisted")
#: What the supervisor gives a start (90 s), and its longest wait before one (30 s). On an idle machine a part
#: is back after 4 to 10 s.
RESTART_SECONDS = 120.0
#: 6 looks, 10 s apart, until the supervisor takes a silent part for hung, and its start.
HUNG_SECONDS = 60.0 + 3.0 * 6 + RESTART_SECONDS
#: Queues of requests that waited are worked off.
CATCH_UP_SECONDS = 15.0
#: What a worker that died had in its hands is due again when its lease is over (ten minutes for contents, the
#: longest of them); a minute for the work itself.
LOOKED_AT_SECONDS = 600.0 + 60.0
#: A creator publishes by way of the gateway only where the database says whose a content is, and the gateway
#: waits two seconds for that.
OWNED = "posts"


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        targets: whom it can hit; one of them is drawn.
        shortest, longest: how many seconds it lasts; both 0: it is a moment.
    """

    name: str
    title: str
    targets: tuple[str, ...]
    shortest: float = 0.0
    longest: float = 0.0


@dataclass(frozen=True)
class Bound:
    """What a fault may cost.

    Attributes:
        fails: stream -> for so many seconds after the end of the fault its answers may still fail; a stream
            that is not named must not fail at all.
        recovers: so many seconds after its end every part is well again, by itself.
        unrecorded: streams whose predictions may be answered without being recorded while it lasts.
        reason: why so.
    """

    recovers: float
    reason: str
    fails: Mapping[str, float] = field(default_factory=dict)
    unrecorded: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("kill", "SIGKILL of a whole part", PARTS),
        Kind("pause", "SIGSTOP of a whole part for seconds, then SIGCONT", PARTS, 2.0, 6.0),
        Kind(
            "crash",
            "SIGKILL of one process of a part",
            ("postgres", "viral", "ctr", "recommendation", "face", "content"),
        ),
        Kind("kill-run", "SIGKILL of a flow run in its middle", ("worker",), 0.0, 20.0),
        Kind("disk-full", "no byte left on the platform's disk", ("disk",), 4.0, 8.0),
        Kind("disk-slow", "256 KB a second to the platform's disk", ("disk",), 4.0, 8.0),
        Kind("disk-stall", "no write to the platform's disk ends", ("disk",), 1.5, 4.0),
        Kind("clock", "a process's clock jumps, and later back", CLOCKED, 4.0, 6.0),
        Kind("poison", "the alias is put, by hand, on a version whose files were replaced", POISONS, 8.0, 10.0),
        Kind("hang", "SIGSTOP of a part for good", ("viral", "mlflow", "gateway", "content")),
    )
}


def bound(kind: str, target: str, detail: str = "", patience: float = 1.0) -> Bound:
    """What a fault of ``kind`` at ``target`` may cost.

    Args:
        kind: which.
        target: whom it hits.
        detail: of a clock, how it jumps.
        patience: times are so many times as long: for a machine that does much else.
    """
    found = _bound(kind, target, detail)
    fails = {stream: seconds * patience for stream, seconds in found.fails.items()}
    return replace(found, recovers=found.recovers * patience, fails=fails)


def _bound(kind: str, target: str, detail: str) -> Bound:
    own = OWN.get(target, ())
    if kind == "kill":
        return _killed(target, own)
    if kind == "crash":
        if target == "postgres":
            why = f"PostgreSQL ends all its sessions and recovers; {_WAITING}"
            return Bound(RESTART_SECONDS, why, {OWNED: RESTART_SECONDS})
        why = "the service's one worker is gone; BentoML or the supervisor starts it again"
        return Bound(RESTART_SECONDS, why, dict.fromkeys(own, RESTART_SECONDS))
    if kind == "pause":
        why = "others go on; what only it can answer waits for it, up to the client's time-out"
        if target == "postgres":
            own, why = (OWNED,), f"answers are late, not lost; {_WAITING}"
        return Bound(RESTART_SECONDS, why, dict.fromkeys(own, CATCH_UP_SECONDS))
    if kind == "hang":
        why = "the supervisor takes a part for hung after 6 silent looks, 10 s apart, and starts it again"
        return Bound(HUNG_SECONDS, why, dict.fromkeys(own, HUNG_SECONDS))
    if kind == "clock":
        return _clock(target, detail)
    return _OTHERS[kind]


def _killed(target: str, own: tuple[str, ...]) -> Bound:
    if own:
        why = "one process a service here: its answers fail until the supervisor has it back"
        return Bound(RESTART_SECONDS, why, dict.fromkeys(own, RESTART_SECONDS))
    if target == "postgres":
        why = f"services answer from memory, and keep what they are given on disk until it is back; {_WAITING}"
        return Bound(RESTART_SECONDS, why, {OWNED: RESTART_SECONDS})
    why = {
        "objects": "no answer reads it; flows try again, and a version is there whole or not at all",
        "mlflow": "services go on with the version they have",
        "content-worker": "what is published is looked at later",
    }.get(target, "nobody who answers asks it")
    return Bound(RESTART_SECONDS, why)


def _clock(target: str, detail: str) -> Bound:
    if target == "recommendation" and detail.startswith("-"):
        why = "an event of now lies in the future of a clock that is behind: it is refused, and sent again"
        return Bound(RESTART_SECONDS, why, {"events": CATCH_UP_SECONDS})
    return Bound(RESTART_SECONDS, "time-outs count on the monotonic clock, ids and alias do not go by time")


_WAITING = "a creator's post through the gateway is refused (503) while nobody can say whose the content is"
_OTHERS: Mapping[str, Bound] = {
    "kill-run": Bound(RESTART_SECONDS, "Prefect shows the run as crashed; the next one does its work"),
    "disk-full": Bound(
        RESTART_SECONDS,
        "an event or a content is acknowledged once it is on disk, so it is refused and sent again; a"
        " prediction or a list is answered all the same, and counted as not recorded",
        {"events": CATCH_UP_SECONDS, "contents": CATCH_UP_SECONDS, OWNED: RESTART_SECONDS},
        ("viral", "ctr", "lists", "gateway", "styles"),
    ),
    "disk-slow": Bound(
        RESTART_SECONDS,
        "events and contents wait for the disk, for less than a client waits; the gateway waits less",
        {OWNED: CATCH_UP_SECONDS},
    ),
    "disk-stall": Bound(
        RESTART_SECONDS,
        "a stall is shorter than a client's patience: answers are late, not lost; the gateway waits less",
        {OWNED: CATCH_UP_SECONDS},
    ),
    "poison": Bound(RESTART_SECONDS, "the version is refused, and the one before goes on"),
}
