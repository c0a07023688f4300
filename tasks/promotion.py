"""Promotion: put a version into production if it may be, and say what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.errors import GateFailed
from registry.gate import GateResult
from registry.records import ModelVersion
from tasks.platform import platform
from tasks.policy import networked
from tasks.runtime import now
from tasks.training import Scores, comparison_figures


@dataclass(frozen=True)
class Outcome:
    """What became of a challenger.

    Attributes:
        production: the version in production after it, or None.
        reason: why it was promoted, or was not.
    """

    promoted: bool
    forced: bool
    production: str | None
    reason: str


@networked("promote")
def promote_if_passed(
    version: ModelVersion, gate: GateResult, scores: Scores, *, force: bool, actor: str
) -> Outcome:
    """Promote ``version`` when the gate passed it, or when forced; else leave production as it is.

    Raises:
        ModelInvalid: the stored version does not answer as it must; production stays as it was.
    """
    if not gate.passed and not force:
        return Outcome(False, False, gate.champion, f"The gate did not pass it: {gate.failures}.")
    forced = force and not gate.passed
    reason = f"Forced past the gate: {gate.failures}." if forced else "It passed the gate."
    figures: dict[str, Any] = {**comparison_figures(scores), "gate": gate.as_dict()}
    with platform() as parts:
        try:
            parts.registry.promote(
                version.family,
                version.version,
                actor=actor,
                reason=reason,
                figures=figures,
                force=forced,
                at=now(),
            )
        except GateFailed as error:  # another version was promoted while this one was trained
            current = parts.registry.production(version.family)
            return Outcome(False, False, current.version if current else None, error.message)
    return Outcome(True, forced, version.version, reason)
