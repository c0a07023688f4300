"""What an admin should look at: odd counts get a sentence in ``flag``; they are kept, not dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

#: Above this rate counts of so many impressions are more likely a robot's, or mixed up, than a clip's.
WILD_RATE, WILD_FROM = 0.5, 100
#: Every impression was clicked: of fewer that may be chance.
ALL_CLICKED_FROM = 20


def flags(impressions: np.ndarray, clicks: np.ndarray) -> Any:
    """(n,) sentences that say what is odd about each outcome, null where nothing is.

    Only the counts are looked at, never what a model had answered: to keep its misses for review would keep
    them out of the rows that it is measured on.
    """
    found: list[str | None] = [None] * len(impressions)

    def note(rows: np.ndarray, sentence: str) -> None:
        for row in np.flatnonzero(rows):
            values = {"clicks": f"{clicks[row]:,}", "impressions": f"{impressions[row]:,}"}
            found[row] = found[row] or sentence.format(**values)

    note(impressions == 0, "The counts were restated to no impression at all.")
    everything = (clicks == impressions) & (impressions >= ALL_CLICKED_FROM)
    note(everything, "All {impressions} impressions were clicked.")
    wild = (impressions >= WILD_FROM) & (clicks > WILD_RATE * impressions)
    note(wild, "More than half of the impressions were clicked: {clicks} of {impressions}.")
    return pa.array(found, pa.string())
