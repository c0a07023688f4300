"""Two versions on the same rows, looked at again and again: which one errs less, and do they agree.

Rows keep coming and people keep looking, so that an interval for one look would be wrong too often. The
intervals here are asymptotic confidence sequences: they hold at all looks together (Waudby-Smith, Arbour,
Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", arXiv
2103.06476, theorem 2.2; see ``models.experiments.sequential``). A unit is a cluster of rows (a video, a
creator, a user), by whichever column makes the interval widest; the sums of clusters grow from look to look,
which only makes looks more alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from models.experiments import sequential
from models.monitoring.clusters import mean_variance

Verdict = Literal["better", "worse", "undecided"]
#: Clusters at which the interval is narrowest for its purpose; chosen beforehand, valid at any number.
PLANNED_CLUSTERS = 400
#: With fewer, a mean is not yet normal.
LEAST_CLUSTERS = 30
#: A number of rows that nobody will wait for.
MOST_ROWS = 1e8
#: Standard deviations on either side of an interval of 95 %; and one with too few entities.
Z = 1.96
Interval = tuple[float, float] | tuple[None, None]
NOWHERE: Interval = (None, None)


@dataclass(frozen=True)
class LossGap:
    """Mean loss of the champion less that of the challenger on the same rows: above zero, the latter errs less.

    Attributes:
        champion, challenger: the mean losses.
        low, high: interval of the difference that holds at all looks together; infinite with too few rows.
        clusters: independent witnesses among the rows.
        verdict: of the challenger.
        more_rows: roughly as many more decide it, if the difference stays what it is; None: decided, or never.
    """

    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    rows: int
    clusters: int
    verdict: Verdict
    more_rows: int | None


@dataclass(frozen=True)
class Agreement:
    """Answers of a shadow beside those that were given to the same questions.

    Attributes:
        pairs: questions with both answers.
        same: share with the same class; of lists the mean share of common items.
        same_low, same_high: its 95 % interval (Wilson's); None with fewer than 30 entities.
        score: mean difference of the scores, shadow less given; None where there are none.
        score_low, score_high: its 95 % interval; None with fewer than 30 entities.
    """

    pairs: int
    same: float
    same_low: float | None
    same_high: float | None
    score: float | None
    score_low: float | None
    score_high: float | None


def loss_gap(
    champion: np.ndarray,
    challenger: np.ndarray,
    clusters: Sequence[np.ndarray],
    *,
    alpha: float,
    least_rows: int = 1,
) -> LossGap:
    """Which of two versions errs less on the same rows.

    Args:
        champion: (n,) the loss of each row, n > 0.
        challenger: (n,) the same of the other version.
        clusters: (n,) numbers of each row's cluster, by one or more columns.
        alpha: with two versions that are equally good, the probability that there is ever a verdict, however
            often one looks.
        least_rows: with fewer rows nothing is decided.
    """
    gaps = np.asarray(champion, float) - np.asarray(challenger, float)
    rows, difference = len(gaps), float(gaps.mean())
    count = min(int(codes.max()) + 1 for codes in clusters)
    error = math.sqrt(mean_variance(gaps, clusters))
    width = math.inf
    tuned = sequential.tuned_information(alpha)
    if count >= LEAST_CLUSTERS and rows >= least_rows:
        width = sequential.boundary(count / PLANNED_CLUSTERS * tuned, alpha) * error
    low, high = difference - width, difference + width
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
    more = None
    if verdict == "undecided":
        more = _more_rows(difference, error * math.sqrt(count), rows / count, count, tuned, alpha, least_rows)
    return LossGap(
        float(np.mean(champion)), float(np.mean(challenger)), difference, low, high, rows, count, verdict, more
    )


def _more_rows(
    difference: float, deviation: float, per: float, count: int, tuned: float, alpha: float, least_rows: int
) -> int | None:
    if difference == 0 or deviation == 0 or not math.isfinite(deviation):
        return None
    needed = sequential.sample_needed(
        abs(difference), deviation, information=tuned / PLANNED_CLUSTERS, alpha=alpha, power=0.5
    )
    rows = max(max(needed, LEAST_CLUSTERS) * per, least_rows) - count * per
    return math.ceil(rows) if 0 < rows < MOST_ROWS else None


def agreement(
    family: str, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], str | None]]
) -> Agreement | None:
    """How alike the answers of two versions are; None: there are none.

    Args:
        family: whose answers.
        pairs: (answer that was given, answer of the shadow, entity or None) of each question.
    """
    if not pairs:
        return None
    names = [entity if entity is not None else f"\0{place}" for place, (_, _, entity) in enumerate(pairs)]
    clusters = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)[1]
    alike = np.array([likeness(family, given, unseen) for given, unseen, _ in pairs])
    same_low, same_high = _share_interval(alike, clusters)
    scores = [(score(family, given), score(family, unseen)) for given, unseen, _ in pairs]
    known = [(place, b - a) for place, (a, b) in enumerate(scores) if a is not None and b is not None]
    mean, (low, high) = None, NOWHERE
    if known:
        gaps = np.array([gap for _, gap in known])
        mean, of_known = float(gaps.mean()), clusters[[place for place, _ in known]]
        low, high = _mean_interval(gaps, np.unique(of_known, return_inverse=True)[1])
    return Agreement(len(pairs), float(alike.mean()), same_low, same_high, mean, low, high)


def likeness(family: str, given: Mapping[str, Any], unseen: Mapping[str, Any]) -> float:
    """1 where both say the same class, else 0; of lists the share of common items."""
    if family in _LISTS:
        a, b = set(given.get("items") or ()), set(unseen.get("items") or ())
        return len(a & b) / max(len(a), len(b)) if a or b else 1.0
    name = _CLASS[family]
    return float(given.get(name) == unseen.get(name))


def score(family: str, answer: Mapping[str, Any]) -> float | None:
    """The number of an answer that goes up and down; None: it has none."""
    if family in ("moderation", "imagery"):
        scores = [value for value in (answer.get("scores") or {}).values() if value is not None]
        return float(max(scores)) if scores else None
    value = answer.get(_SCORE.get(family, ""))
    return float(value) if isinstance(value, int | float) else None


def _share_interval(values: np.ndarray, clusters: np.ndarray) -> Interval:
    """Of a share: Wilson's, with as many questions as these are worth, which is as many that are answered by
    yes or no as would leave it that uncertain. Where all say the same nothing varies: an entity counts once.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22; of clustered
    rows with n over the design effect: Dean and Pagano (2015), "Evaluating confidence interval methods for
    binomial proportions in clustered surveys", JSSAM 3.
    """
    count = int(clusters.max()) + 1
    if count < LEAST_CLUSTERS:
        return NOWHERE
    share, variance = float(values.mean()), mean_variance(values, [clusters])
    worth = share * (1 - share) / variance if variance > 0 else count
    spread = Z**2 / worth
    half = Z * math.sqrt(share * (1 - share) / worth + spread / (4 * worth))
    return (share + spread / 2 - half) / (1 + spread), (share + spread / 2 + half) / (1 + spread)


def _mean_interval(values: np.ndarray, clusters: np.ndarray) -> Interval:
    if int(clusters.max()) + 1 < LEAST_CLUSTERS:
        return NOWHERE
    mean, half = float(values.mean()), Z * math.sqrt(mean_variance(values, [clusters]))
    return mean - half, mean + half


_LISTS = ("recommendation", "topics", "entities")
_CLASS = {
    "viral": "viral_class", "ctr": "predicted_band", "face": "class", "moderation": "decision",
    "imagery": "decision", "sentiment": "label",
}  # fmt: skip
_SCORE = {"viral": "viral_score", "ctr": "predicted_ctr", "face": "confidence", "sentiment": "score"}


def verdict_sentence(gap: LossGap | None, challenger: str, champion: str, loss: str) -> str:
    """What the figures say of ``challenger``, for people. ``loss`` says what a loss is, such as log loss."""
    names = f"Version {challenger}"
    if gap is None:
        return f"Not decided yet: no outcome is known of what was asked since {names.lower()} is tried."
    figures = (
        f"{loss} {gap.challenger:.4f} against {gap.champion:.4f} of version {champion} on the same"
        f" {gap.rows:,} rows"
    )
    if gap.verdict != "undecided":
        return f"{names} is {gap.verdict}, beyond chance: {figures}."
    if gap.more_rows is None:
        return f"Not decided yet: {figures}; how many more rows it takes cannot be told."
    return f"Not decided yet: {figures}; at this difference it takes roughly {gap.more_rows:,} rows more."
