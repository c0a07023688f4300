"""Drift of answers: what was answered lately against what the same version answers on its held-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.monitoring.contract import Compared
from models.monitoring.drift import compare_columns
from models.monitoring.inputs import Rules
from models.monitoring.side import Side

#: Answers recorded then and given now to the same rows may differ in this share of them before it is a skew: a
#: row may have become known better in between.
MOST_SKEW = 0.05
#: Scores differ from here on, relative to the spread of the scores.
SCORE_SLACK = 1e-6


def compare_answers(reference: Side, current: Side, rules: Rules) -> list[Compared]:
    """The class answered by chi-square, the score by Kolmogorov-Smirnov's distance. Both sides have the columns
    of ``PREDICTED_SCHEMA``; one that is null throughout on one side is left out.
    """
    used = [
        name
        for name in ("answer", "score")
        if all(side.columns[name].null_count < side.rows for side in (reference, current))
    ]
    before, now = (Side(side.columns.select(used), side.clusters, side.days) for side in (reference, current))
    return compare_columns(before, now, rules, kind="answer")


@dataclass(frozen=True)
class Skew:
    """Of ``rows`` rows the recorded answer of a version is not its answer of now in ``different``."""

    rows: int
    different: int

    @property
    def share(self) -> float:
        """Of the rows."""
        return self.different / self.rows if self.rows else 0.0

    @property
    def skewed(self) -> bool:
        """Whether it is more than what later knowledge explains."""
        return self.share > MOST_SKEW


def skew(recorded: pa.Table, now: pa.Table) -> Skew:
    """Answers of one version recorded for rows, against its answers to the same rows now (both n,)."""
    classes = pc.is_valid(recorded["answer"]).to_numpy(), pc.is_valid(recorded["score"]).to_numpy()
    apart = np.zeros(recorded.num_rows, bool)
    if classes[0].any():
        apart |= np.asarray(pc.fill_null(pc.not_equal(recorded["answer"], now["answer"]), False))
    elif classes[1].any():
        before, after = (table["score"].to_numpy(zero_copy_only=False) for table in (recorded, now))
        slack = SCORE_SLACK + 0.01 * float(np.nanstd(before))
        apart |= np.nan_to_num(np.abs(before - after)) > slack
    return Skew(int((classes[0] | classes[1]).sum()), int(apart.sum()))
