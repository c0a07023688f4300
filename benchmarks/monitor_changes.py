"""Changes of growing size, made to a week of the sample world, and what each should be found as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Made = Callable[[pa.Table, np.random.Generator], pa.Table]
_OTHER = ["crypto", "airdrop", "wallet", "bonus", "free", "token", "claim", "profit"]


@dataclass(frozen=True)
class Change:
    """``made`` of a week's rows; ``subject`` is the finding that it should give, ``column`` what evidently
    should say drifted (None: it is not asked).
    """

    name: str
    subject: str
    column: str | None
    made: Made


def changes() -> list[Change]:
    """From what nobody need notice to what nobody should miss."""
    return [
        *[Change(f"followers x {times:g}", "feature creator_followers", "creator_followers", followers(times))
          for times in (1.25, 2, 4, 8)],
        *[Change(f"{share:.0%} of the videos in one language", "feature language", "language", language(share))
          for share in (0.1, 0.25, 0.5)],
        *[Change(f"{share:.0%} of the titles about something else", "text title", "title", titles(share))
          for share in (0.1, 0.25, 0.5)],
        *[Change(f"likes missing in {share:.0%}", "missing likes", "likes", missing(share))
          for share in (0.05, 0.2, 0.5)],
        *[Change(f"{share:.0%} of the outcomes of other videos", "live accuracy", None, mixed(share))
          for share in (0.05, 0.1, 0.2, 0.4)],
    ]  # fmt: skip


def _with(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values.cast(table.schema.field(place).type))


def _videos(table: pa.Table, share: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) whether a row is of one of a share of the videos: a change is of whole videos."""
    codes = table["video_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray((rng.random(codes.max(initial=0) + 1) < share)[codes])


def followers(times: float) -> Made:
    """Creators have ``times`` as many followers."""
    return lambda rows, _rng: _with(
        rows, "creator_followers", pc.round(pc.multiply(rows["creator_followers"].cast(pa.float64()), times))
    )


def language(share: float) -> Made:
    """``share`` of the videos turn to one language."""
    return lambda rows, rng: _with(
        rows, "language", pc.if_else(pa.array(_videos(rows, share, rng)), "es", rows["language"])
    )


def titles(share: float) -> Made:
    """``share`` of the videos get a title of other words."""

    def made(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        videos = rows["video_id"].to_pylist()
        said = {video: " ".join(rng.choice(_OTHER, 5)) for video in dict.fromkeys(videos)}
        other = pa.array([said[video] for video in videos])
        return _with(rows, "title", pc.if_else(pa.array(_videos(rows, share, rng)), other, rows["title"]))

    return made


def missing(share: float) -> Made:
    """``likes`` is not sent for ``share`` of the videos."""
    return lambda rows, rng: _with(
        rows,
        "likes",
        pc.if_else(pa.array(_videos(rows, share, rng)), pa.scalar(None, pa.int64()), rows["likes"]),
    )


def mixed(share: float) -> Made:
    """``share`` of the rows have the outcome of another row."""

    def made(rows: pa.Table, rng: np.random.Generator) -> pa.Table:
        views = rows["views_at_horizon"].to_numpy()
        return _with(
            rows,
            "views_at_horizon",
            pa.array(np.where(rng.random(len(views)) < share, rng.permutation(views), views)),
        )

    return made
