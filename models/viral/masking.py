"""Teaching a model to answer when a backend knows less than the collector did.

The collector's rows know nearly everything, so that trees grown on them alone have never seen a field missing,
and send a request that lacks one to an arbitrary side: with the counts, the creator and a title only, log loss
in the sample world was 2.7 where full rows had 0.23. So each training row is also shown with parts of it
hidden, by groups of fields that are known or unknown together (the input noise of Vincent et al. 2008,
"Extracting and composing robust features with denoising autoencoders"). Such requests then have 0.5, and full
rows stay at 0.22.

How sure an answer may be depends on what is known, above all on the pace so far and on the age. The chances are
therefore calibrated apart for the four cases of those two.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.viral.features import FEATURES

#: Fields that are known or unknown together. ``views`` and ``taken_at`` are always known.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("previous_views", "previous_taken_at"),
    ("published_at",),
    ("creator_followers", "creator_following", "creator_videos", "creator_verified"),
    ("video_duration", "video_width", "video_height", "has_music"),
    ("song_duration", "is_original_sound", "sound_uses"),
    ("title", "description"),
    ("category",),
    ("likes",),
    ("comments",),
    ("shares",),
    ("bookmarks",),
)
HIDDEN_SHARE = 0.5
_PACE, _AGE = FEATURES.index("views_gained"), FEATURES.index("days_since_upload")
#: What the calibrations are kept apart by, in the order of :func:`known_case`.
CASES = ("pace and age", "pace, no age", "age, no pace", "neither")


def hide(rows: pa.Table, seed: int) -> pa.Table:
    """``rows`` with each group of fields made missing in ``HIDDEN_SHARE`` of the rows, independently."""
    rng = np.random.default_rng(seed)
    for group in GROUPS:
        hidden = pa.array(rng.random(rows.num_rows) < HIDDEN_SHARE)
        for name in group:
            place = rows.schema.get_field_index(name)
            column = rows.column(place)
            shown = pc.if_else(hidden, pa.scalar(None, column.type), column)
            rows = rows.set_column(place, rows.schema.field(place), shown)
    return rows


def known_case(row: np.ndarray) -> int:
    """Which of ``CASES`` a row of features (features,) is."""
    age: float = row[_AGE]
    pace: float = row[_PACE]
    return 2 * (pace != pace) + (age != age)  # NaN is not itself


def known_cases(matrix: np.ndarray) -> np.ndarray:
    """(n,) :func:`known_case` of each row of (n, features)."""
    return 2 * np.isnan(matrix[:, _PACE]) + np.isnan(matrix[:, _AGE])
