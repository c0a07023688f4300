"""What must hold before a version may answer anybody: somebody answers for it, and the gate passed it."""

from __future__ import annotations

from config.errors import GateFailed, InputError
from registry.records import ModelVersion


def require_actor(actor: str) -> None:
    """Raise InputError unless somebody is named."""
    if not actor.strip():
        raise InputError("A promotion, rollback or rollout names who does it.", hint="Give a name or a run.")


def require_gate(candidate: ModelVersion, champion: ModelVersion | None) -> None:
    """Raise GateFailed unless the gate passed ``candidate`` against what is in production."""
    name = f"Version {candidate.version} of '{candidate.family}'"
    gate, in_production = candidate.gate, champion.version if champion else None
    if not gate:
        raise GateFailed(f"{name} was never judged by the gate.", hint="Train again, or use --force.")
    if not gate.get("passed"):
        reasons = "; ".join(check["detail"] for check in gate["checks"] if not check["passed"])
        raise GateFailed(f"{name} did not pass the gate: {reasons}.", hint="--force overrides the gate.")
    if gate.get("champion") != in_production:
        raise GateFailed(
            f"{name} was judged against {_named(gate.get('champion'))}, but {_named(in_production)} is in"
            " production now.",
            hint="Train again, use a rollback to go back, or --force.",
        )


def _named(version: str | None) -> str:
    return f"version {version}" if version else "nothing"
