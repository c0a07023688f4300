"""The report: how many faults, of which kinds, what each cost, and what held; as Markdown and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chaos.kinds import KINDS
from chaos.ledger import Ask, by_stream, cost
from chaos.suite import Outcome

NAME = "chaos"


def write_report(outcome: Outcome, folder: Path) -> Path:
    """Write both into ``folder``; the path of the Markdown."""
    costs = _costs(outcome)
    plain = {
        "seed": outcome.seed,
        "began": outcome.began.isoformat(),
        "good": outcome.good,
        "store": outcome.store,
        "machine": outcome.machine,
        "seconds": {name: round(value, 1) for name, value in outcome.seconds.items()},
        "kinds": outcome.kinds,
        "faults": [
            {**asdict(fault), "cost": spent} for fault, spent in zip(outcome.faults, costs, strict=True)
        ],
        "not_made": outcome.not_made,
        "streams": {name: _stream(asks) for name, asks in by_stream(outcome.asks)},
        "jobs": [asdict(job) for job in outcome.jobs],
        "checks": [asdict(check) for check in outcome.checks],
    }
    (folder / f"{NAME}.json").write_text(json.dumps(plain, indent=1))
    path = folder / f"{NAME}.md"
    path.write_text(markdown(outcome, costs))
    return path


def _costs(outcome: Outcome) -> list[dict[str, Any]]:
    starts = [fault.began for fault in outcome.faults[1:]] + [float("inf")]
    return [cost(fault, outcome.asks, until) for fault, until in zip(outcome.faults, starts, strict=True)]


def markdown(outcome: Outcome, costs: Sequence[dict[str, Any]]) -> str:
    """For people."""
    machine = outcome.machine
    lines = [
        f"# Fault suite, {outcome.began:%Y-%m-%d %H:%M} UTC: {'all holds' if outcome.good else 'BROKEN'}",
        "",
        f"Seed {outcome.seed}; {len(outcome.faults)} faults in {outcome.seconds.get('faults', 0):.0f} s "
        f"(start and world {outcome.seconds.get('start', 0):.0f} s); object store: {outcome.store}; "
        f"{machine.get('cores')} cores, {machine.get('memory_gb')} GB, load {machine.get('load_mean')} "
        f"(at most {machine.get('load_max')}); bounds times {machine.get('patience', 1):g}.",
        "",
        "## Checks",
        "",
        *_table(("", "check", "found"), [
            ("holds" if check.good else "**BROKEN**", check.name, check.found) for check in outcome.checks
        ]),
        "",
        "## Kinds",
        "",
        *_table(("kind", "what", "faults", "requests failed", "slowest recovery"), _kinds(outcome, costs)),
        "",
        "## Requests",
        "",
        *_table(("stream", "asked", "failed", "degraded", "p50 ms", "p99 ms", "slowest s"), [
            (name, *_stream(asks).values()) for name, asks in by_stream(outcome.asks)
        ]),
        "",
        "## Work meanwhile",
        "",
        *_table(("job", "done", "failed", "the last reason"), _jobs(outcome)),
        "",
        "## Each fault",
        "",
        *_table(("", "fault", "what was done", "failed meanwhile", "slowest answer", "well again after"), [
            (fault.number, fault.name, "; ".join(fault.notes), _failed(spent), f"{spent['slowest_s']} s",
             fault.problem or f"{spent['recovery_s']} s")
            for fault, spent in zip(outcome.faults, costs, strict=True)
        ]),
        "",
    ]  # fmt: skip
    if outcome.not_made:
        lines += ["Not made: " + "; ".join(outcome.not_made) + ".", ""]
    missing = [name for name in KINDS if name not in outcome.kinds]
    if missing:
        lines += [f"Kinds that were left out, or that this machine does not allow: {', '.join(missing)}.", ""]
    return "\n".join(lines)


def _kinds(outcome: Outcome, costs: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    rows = []
    for name, kind in KINDS.items():
        mine = [(f, c) for f, c in zip(outcome.faults, costs, strict=True) if f.kind == name]
        if mine:
            failed = sum(sum(c["failed"].values()) for _, c in mine)
            slowest = max((c["recovery_s"] or float("inf") for _, c in mine), default=0.0)
            rows.append((name, kind.title, len(mine), failed, f"{slowest} s"))
    return rows


def _jobs(outcome: Outcome) -> list[tuple[Any, ...]]:
    rows = []
    for name in dict.fromkeys(job.name for job in outcome.jobs):
        mine = [job for job in outcome.jobs if job.name == name]
        bad = [job.problem for job in mine if job.problem]
        rows.append((name, len(mine) - len(bad), len(bad), bad[-1][:160] if bad else ""))
    return rows


def _failed(spent: dict[str, Any]) -> str:
    return "; ".join(f"{count} {name}" for name, count in Counter(spent["failed"]).most_common(4)) or "none"


def _stream(asks: Sequence[Ask]) -> dict[str, Any]:
    good = np.array([ask.ended - ask.began for ask in asks if ask.good] or [0.0]) * 1000
    return {
        "asked": len(asks),
        "failed": sum(not ask.good for ask in asks),
        "degraded": sum(ask.degraded for ask in asks),
        "p50_ms": round(float(np.percentile(good, 50)), 1),
        "p99_ms": round(float(np.percentile(good, 99)), 1),
        "slowest_s": round(float(good.max()) / 1000, 2),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "/").replace("\n", " ") for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows)]
