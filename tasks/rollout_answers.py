"""The quick part of a rollout's comparison, out of the database alone: for pages, too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from models.monitoring.rollouts import Agreement, LossGap, agreement
from storage.monitor_figures import FigurePoint, latest_figures
from storage.rollout_answers import VersionAnswers, answer_pairs, given_answers, unseen_answers
from storage.rollouts import SHADOW, Rollout

#: What of a comparison is kept for each day, as figures of the monitor.
GAP, CHAMPION_LOSS, CHALLENGER_LOSS, MORE_ROWS, SAME = (
    "rollout.loss_gap", "rollout.loss.champion", "rollout.loss.challenger", "rollout.more_rows",
    "rollout.same_answers",
)  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """What was answered since a rollout began: of a shadow, ``challenger`` are its unseen answers."""

    champion: VersionAnswers
    challenger: VersionAnswers
    agreement: Agreement | None


@dataclass(frozen=True)
class KeptGap:
    """The losses as they were compared last, and when."""

    gap: LossGap
    measured_at: datetime


def compare_answers(engine: Engine, rollout: Rollout, at: datetime) -> Answers:
    """Counts, latencies and agreement since the rollout began."""
    span = rollout.started_at, rollout.ended_at or at
    family = rollout.family
    champion = given_answers(engine, family, rollout.champion, *span)
    if rollout.mode != SHADOW:
        return Answers(champion, given_answers(engine, family, rollout.version, *span), None)
    pairs = answer_pairs(engine, family, rollout.version, rollout.champion, *span)
    alike = agreement(family, [(pair.given, pair.unseen, pair.entity) for pair in pairs])
    return Answers(champion, unseen_answers(engine, family, rollout.version, *span), alike)


def kept_gap(engine: Engine, rollout: Rollout) -> KeptGap | None:
    """What the monitor said last of who errs less; None: nothing yet."""
    found = {
        name: point
        for name, point in latest_figures(engine, rollout.family).items()
        if point.version == rollout.version
        and rollout.started_at <= point.measured_at <= (rollout.ended_at or point.measured_at)
    }
    if any(name not in found for name in (GAP, CHAMPION_LOSS, CHALLENGER_LOSS)):
        return None
    gap = found[GAP]
    low = -math.inf if gap.low is None else gap.low
    high = math.inf if gap.high is None else gap.high
    more = found.get(MORE_ROWS)
    return KeptGap(
        LossGap(
            champion=found[CHAMPION_LOSS].value,
            challenger=found[CHALLENGER_LOSS].value,
            difference=gap.value,
            low=low,
            high=high,
            rows=gap.rows or 0,
            clusters=0,
            verdict="better" if low > 0 else "worse" if high < 0 else "undecided",
            more_rows=_more(more, gap),
        ),
        gap.measured_at,
    )


def _more(more: FigurePoint | None, gap: FigurePoint) -> int | None:
    return round(more.value) if more is not None and more.measured_at == gap.measured_at else None
