"""Directions on real trends: hashtags and sounds of TikTok's Discover page, half a year of 2022.

The page told cumulative views of some ten hashtags and ten sounds a day, rounded to two or three digits. What
an item gained in a day is its engagement; a day's gains together stand for ``ACCOUNTS`` accounts. Most gains of
hashtags are one step of that rounding.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.trending.direction import directions

if TYPE_CHECKING:
    import pandas as pd

ACCOUNTS, DRAWS = 5_000, 2_000


def real_rows() -> list[dict[str, Any]]:
    """How often a change of today still holds tomorrow: of those that we call, and of all that are seen."""
    calls = _calls()
    if calls is None:
        return []
    rows = []
    for kind, name in (("music", "sounds"), ("hashtag", "hashtags")):
        kept = calls[(calls["kind"] == kind) & (calls["changed"] != 0)]
        ours, other = kept[kept["direction"] != 0], kept
        low, middle, high = _share(ours)
        their_low, theirs, their_high = _share(other)
        note = (
            f"{low:.3f} to {high:.3f} of {len(ours)} calls; other: each change goes on as it is (persistence), "
            f"{their_low:.3f} to {their_high:.3f} of {len(other)}; 95 % by a bootstrap of days"
        )
        rows.append(
            _row(f"TikTok's {name}: called rising or falling, so still a day later", middle, theirs, note)
        )
        low, middle, high = _difference(kept)
        rows.append(_row(f"TikTok's {name}: calls less persistence", middle, None, f"{low:.3f} to {high:.3f}"))
    return rows


def _row(name: str, ours: float, other: float | None, note: str) -> dict[str, Any]:
    ratio = None if other is None else ours / other
    return {"figure": name, "ours": ours, "other": other, "ratio": ratio, "unit": "share", "note": note}


def _calls() -> pd.DataFrame | None:
    import pandas as pd

    folder = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "viral"
    path = folder / "tiktok_discover_2022.csv.gz"
    if not path.exists():
        return None
    told = pd.read_csv(path, parse_dates=["date"]).groupby(["kind", "date", "id"])["count"].max()
    found = []
    for kind in ("hashtag", "music"):
        counts = told[kind].unstack().asfreq("D")
        gains = counts.diff().clip(lower=0)
        for day in gains.index[1:-1]:
            three = gains.loc[day - pd.Timedelta(days=1) : day + pd.Timedelta(days=1)].dropna(axis=1)
            if three.shape[1] < 3 or not (three.sum(axis=1) > 0).all():
                continue
            shares = three.div(three.sum(axis=1), axis=0).to_numpy()
            before, now = np.rint(ACCOUNTS * shares[:2]).astype(np.int64)
            found.append(
                pd.DataFrame(
                    {
                        "day": day,
                        "kind": kind,
                        "direction": directions(now, before, int(now.sum()), int(before.sum())).direction,
                        "changed": np.sign(shares[1] - shares[0]),
                        "next": np.sign(shares[2] - shares[0]),
                    }
                )
            )
    return pd.concat(found)


def _by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """How many changes hold the next day, and how many there are, a day."""
    held = rows["next"] == rows["changed"]
    return held.groupby(rows["day"]).agg(["sum", "count"])


def _share(rows: pd.DataFrame) -> tuple[float, float, float]:
    """(2.5 %, itself, 97.5 %) of the share that holds, by a bootstrap of days."""
    days = _by_day(rows).to_numpy()
    random = np.random.default_rng(7)
    drawn = days[random.integers(0, len(days), (DRAWS, len(days)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(low), float(days[:, 0].sum() / days[:, 1].sum()), float(high)


def _difference(rows: pd.DataFrame) -> tuple[float, float, float]:
    """The same of the share of calls that hold, less that of all changes, on the same days."""
    ours = _by_day(rows[rows["direction"] != 0])
    both = _by_day(rows).join(ours, rsuffix="_ours").fillna(0).to_numpy()
    random = np.random.default_rng(7)
    drawn = both[random.integers(0, len(both), (DRAWS, len(both)))].sum(axis=1)
    gaps = drawn[:, 2] / drawn[:, 3] - drawn[:, 0] / drawn[:, 1]
    low, high = np.quantile(gaps, [0.025, 0.975])
    total = both.sum(axis=0)
    return float(low), float(total[2] / total[3] - total[0] / total[1]), float(high)
