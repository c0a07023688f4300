"""A rollout's two versions side by side: what they answered, how fast, how alike, and which one errs less."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from config.errors import AssayError, FlowError
from models.family import get_family
from models.monitoring.contract import Figure, Finding
from models.monitoring.rollouts import LossGap, verdict_sentence
from storage.monitor_figures import upsert_figures
from storage.rollouts import Rollout, list_rollouts
from tasks.family_watch import Looks, look_at_each
from tasks.live_rows import gap_since
from tasks.platform import Platform
from tasks.policy import TRANSIENT
from tasks.rollout_answers import CHALLENGER_LOSS, CHAMPION_LOSS, GAP, MORE_ROWS, SAME, Answers, compare_answers


@dataclass(frozen=True)
class Comparison:
    """All that is known of a rollout. ``note`` says why outcomes could not be compared, where so."""

    rollout: Rollout
    at: dt.datetime
    answers: Answers
    losses: LossGap | None
    sentence: str
    note: str | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready but for its times; an end of an interval that is nowhere is None."""
        found = asdict(self)
        if self.losses is not None:
            for name in ("low", "high"):
                value = found["losses"][name]
                found["losses"][name] = value if abs(value) != float("inf") else None
        return found


def compare_rollout(parts: Platform, rollout: Rollout, at: dt.datetime, *, keep: bool = False) -> Comparison:
    """Everything, the losses on rows that matured since it began included.

    Both versions are asked these rows again, whoever answered them then, so that all of them count and not a
    canary's share alone.

    Args:
        parts: the platform.
        rollout: one that runs, or ran.
        at: now.
        keep: whether the figures are kept for the day, for the pages and their trends.

    Raises:
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away.
    """
    family = get_family(rollout.family)
    answers = compare_answers(parts.engine, rollout, at)
    gap, note = None, None
    try:
        gap = gap_since(
            parts, family, rollout.champion, rollout.version, rollout.started_at, rollout.ended_at or at
        )
    except TRANSIENT:
        raise  # a later attempt mends it
    except AssayError as error:
        note = f"Outcomes could not be compared: {error.message}"
    except (ValueError, ArithmeticError) as error:  # of a version that cannot measure these rows
        note = f"Outcomes could not be compared: {type(error).__name__}: {error}"
    sentence = verdict_sentence(gap, rollout.version, rollout.champion, family.loss)
    found = Comparison(rollout, at, answers, gap, sentence, note)
    if keep and (figures := _figures(found)):
        upsert_figures(parts.engine, rollout.family, at.date(), figures, version=rollout.version, at=at)
    return found


def compare_running(parts: Platform, families: Sequence[str], at: dt.datetime) -> Looks:
    """Compare every rollout of ``families`` that runs, and keep the figures; a finding for each version that
    errs more. What a death left behind is settled first.

    Raises:
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away.
    """
    running = {one.family for one in list_rollouts(parts.engine, running=True)}

    def look(name: str) -> Finding | None:
        rollout = parts.registry.rollouts.settle(name, at=at) if name in running else None
        if rollout is None:
            return None
        found = compare_rollout(parts, rollout, at, keep=True)
        if found.note is not None:
            raise FlowError(found.note)
        worse = found.losses is not None and found.losses.verdict == "worse"
        return _finding(found) if worse else None

    return look_at_each(families, "rollout", ("canary of version", "shadow of version"), look)


def _finding(found: Comparison) -> Finding:
    rollout, losses = found.rollout, found.as_dict()["losses"]
    return Finding(
        check="accuracy",
        family=rollout.family,
        subject=f"{rollout.mode} of version {rollout.version}",
        severity="warning",
        sentence=f"{found.sentence} It is tried as a {rollout.mode}: end that with"
        f" `assay models stop {rollout.family}`.",
        link=f"/models/{rollout.family}/rollout",
        figures=losses,
    )


def _figures(found: Comparison) -> list[Figure]:
    figures = []
    if (gap := found.losses) is not None:
        figures += [
            Figure(GAP, gap.difference, _known(gap.low), _known(gap.high), gap.rows),
            Figure(CHAMPION_LOSS, gap.champion, rows=gap.rows),
            Figure(CHALLENGER_LOSS, gap.challenger, rows=gap.rows),
        ]
        if gap.more_rows is not None:
            figures.append(Figure(MORE_ROWS, gap.more_rows, rows=gap.rows))
    if (alike := found.answers.agreement) is not None:
        figures.append(Figure(SAME, alike.same, alike.same_low, alike.same_high, alike.pairs))
    return figures


def _known(end: float) -> float | None:
    return end if abs(end) != float("inf") else None
