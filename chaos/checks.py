"""What must hold after all faults, without a hand having moved."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import httpx

from chaos.ledger import Ask, Happened, Kept, compare, late, unexcused
from chaos.work import Job
from config.settings import Settings
from storage.erasure_spools import QUEUES, SET_ASIDE

#: Names shown of many.
SHOWN = 5
_DRAINED_SECONDS = 60.0
_RUNS_SECONDS = 90.0
_OPEN = ["RUNNING", "PENDING", "CANCELLING"]


@dataclass(frozen=True)
class Check:
    """One of them, and what was found."""

    name: str
    good: bool
    found: str


def check_answers(asks: Sequence[Ask], faults: Sequence[Happened]) -> Check:
    """No failed answer beyond the stated bounds."""
    failed = sum(not ask.good for ask in asks)
    beyond = unexcused(asks, faults)
    shown = "; ".join(f"{ask.stream} at {_clock(ask.ended)}: {ask.reason}" for ask in beyond[:SHOWN])
    said = f"{len(asks):,} requests, {failed:,} failed within the bounds' reach, {len(beyond):,} beyond them"
    return Check("no failed answer beyond the bounds", not beyond, f"{said}{': ' + shown if shown else ''}")


def check_recovery(faults: Sequence[Happened]) -> Check:
    """After each fault everything was well again, by itself and in time."""
    bad = late(faults)
    shown = "; ".join(f"{fault.name}: {fault.problem or 'too late'}" for fault in bad[:SHOWN])
    return Check(
        "everything recovered without a hand",
        not bad,
        f"{len(faults)} faults, {len(bad)} not" + (f": {shown}" if shown else ""),
    )


def check_kept(settings: Settings, mark: str, asks: Sequence[Ask], faults: Sequence[Happened]) -> list[Check]:
    """No lost or doubled prediction, recommended list or event."""
    found = []
    for family, streams in (("viral", ("viral", "gateway")), ("ctr", ("ctr",)), ("face", ("styles",))):
        there = rows(
            settings,
            "select entity_id, id::text from predictions where family = %s and starts_with(entity_id, %s)",
            (family, mark),
        )
        mine = [ask for ask in asks if ask.stream in streams]
        kept = compare(mine, Counter(row[0] for row in there), faults, {row[1] for row in there})
        found.append(_kept(f"predictions of {family}", kept))
    # the users are the world's, not ours alone: of a list only its id tells that it is the one we were given
    lists = Counter(
        row[0]
        for row in rows(settings, "select id::text from predictions where family = %s", ("recommendation",))
    )
    found.append(
        _kept("recommended lists", compare([ask for ask in asks if ask.stream == "lists"], lists, faults))
    )
    stored = Counter(
        row[0] for row in rows(settings, "select id from events where starts_with(id, %s)", (mark,))
    )
    events = [ask for ask in asks if ask.stream == "events"]
    return [*found, _kept("events", compare(events, stored, faults))]


def rows(settings: Settings, query: LiteralString, values: tuple[str, ...]) -> list[Any]:
    """What the platform's database answers. Raises DatabaseUnavailable."""
    from storage.copying import cursor
    from storage.database import make_engine, transaction

    engine = make_engine(settings, pool_size=1)
    try:
        with transaction(engine) as connection, cursor(connection) as cur:
            return list(cur.execute(query, values).fetchall())
    finally:
        engine.dispose()


def _kept(name: str, kept: Kept) -> Check:
    said = f"{kept.promised:,} promised, {len(kept.lost)} lost, {len(kept.doubled)} doubled"
    if kept.unrecorded:
        said += f"; {kept.unrecorded} answered and not recorded while the disk was full"
    names = [*kept.lost, *kept.doubled][:SHOWN]
    return Check(
        f"no lost or doubled {name}",
        not kept.lost and not kept.doubled,
        said + (f": {', '.join(names)}" if names else ""),
    )


def check_queues(settings: Settings) -> Check:
    """What waited on disk is in the database, and nothing was set aside."""
    services = settings.home / "services"
    _wait(lambda: not _lines(services, QUEUES), _DRAINED_SECONDS)
    waiting, aside = _lines(services, QUEUES), _lines(services, SET_ASIDE)
    good = not waiting and not aside
    return Check("the queues on disk are empty", good, f"{waiting} lines wait, {aside} were set aside")


def _lines(services: Path, patterns: Sequence[str]) -> int:
    count = 0
    for pattern in patterns:
        for path in services.glob(pattern):
            try:
                count += path.read_bytes().count(b"\n")
            except FileNotFoundError:
                continue
    return count


def check_published(settings: Settings) -> Check:
    """No half-published version, and the history ends at the alias: what `assay verify` reads."""
    from tasks.audit import audit
    from tasks.platform import Platform

    parts = Platform(settings)
    try:
        found = audit(parts)
    finally:
        parts.close()
    shown = "; ".join(f"{fault.what} {fault.problem}" for fault in found.faults[:SHOWN])
    said = f"{found.versions} dataset versions ({found.parts} parts) and {found.models} models read"
    return Check(
        "no half-published version; history ends at the alias",
        not found.faults,
        f"{said}, {len(found.faults)} faults" + (f": {shown}" if shown else ""),
    )


def check_served(settings: Settings) -> Check:
    """Each service answers by the version that the alias names."""
    from registry.registry import Registry

    registry = Registry(settings)
    try:
        wanted = {}
        for family in ("viral", "ctr", "face"):
            version = registry.production(family)
            wanted[family] = version.version if version else None
    finally:
        registry.close()
    _wait(lambda: _served(settings, wanted) == wanted, 30.0)
    served = _served(settings, wanted)
    return Check("services serve the version in production", served == wanted, f"{served}, wanted {wanted}")


def _served(settings: Settings, families: Any) -> dict[str, str | None]:
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    found: dict[str, str | None] = {}
    with httpx.Client(headers={"x-api-key": key}, timeout=10.0, trust_env=False) as client:
        for family in families:
            answer = client.get(f"http://127.0.0.1:{settings.service_port(family)}/health")
            found[family] = answer.json().get("model_version")
    return found


def check_runs(settings: Settings) -> Check:
    """No flow run runs for ever."""
    _wait(lambda: not _open_runs(settings), _RUNS_SECONDS)
    stuck = _open_runs(settings)
    shown = ", ".join(f"{run['name']} ({run['state_name']})" for run in stuck[:SHOWN])
    return Check("no flow run is stuck", not stuck, f"{len(stuck)} open runs{': ' + shown if shown else ''}")


def _open_runs(settings: Settings) -> list[dict[str, Any]]:
    body = {"flow_runs": {"state": {"type": {"any_": _OPEN}}}, "limit": 200}
    with httpx.Client(base_url=settings.prefect_url, timeout=30.0, trust_env=False) as client:
        found: list[dict[str, Any]] = client.post("/flow_runs/filter", json=body).raise_for_status().json()
        return found


def check_jobs(jobs: Sequence[Job]) -> Check:
    """The last round of work went well."""
    bad = [f"{job.name}: {job.problem}" for job in jobs if job.problem]
    took = ", ".join(f"{job.name} {job.ended - job.began:.0f} s" for job in jobs)
    return Check(
        "collection, build, training, promotion and roll-back work again",
        not bad and bool(jobs),
        "; ".join(bad) or took,
    )


def check_marker(marker: Path) -> Check:
    """No poisoned code ran."""
    ran = marker.exists()
    return Check("no code of a poisoned model file ran", not ran, "its marker is there" if ran else "no marker")


def check_status(settings: Settings) -> Check:
    """Every part is healthy, as `assay status` says."""
    from local.status import platform_status

    _wait(lambda: platform_status(settings).healthy, 60.0)
    status = platform_status(settings)
    bad = ", ".join(f"{part.name} {part.health}" for part in status.parts if not part.healthy)
    restarts = sum(part.restarts for part in status.parts)
    return Check(
        "every part is healthy", status.healthy, bad or f"{len(status.parts)} parts, {restarts} restarts"
    )


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(1.0)


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(moment))
