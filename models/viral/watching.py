"""What the monitor looks at in the viral family: counts and rates that people know, and who posts what."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform, take_rows
from models.family import Predictor
from models.monitoring.contract import Watch
from models.monitoring.rates import given, hours_between, rate, sized, text_length
from models.viral.options import ViralOptions
from models.viral.predictions import read_predictions
from models.viral.schema import EXAMPLE_SCHEMA
from models.viral.split import at_horizon

#: Followers from which a creator is of the next size.
CREATOR_SIZES, CREATOR_NAMES = (10_000, 100_000, 1_000_000), ("small", "medium", "large", "huge")
_AS_THEY_ARE = ("views", "likes", "comments", "shares", "bookmarks", "creator_followers", "creator_videos")
_KINDS = ("creator_verified", "category", "language", "country", "has_music", "is_original_sound")


def features(rows: pa.Table, _options: ViralOptions) -> pa.Table:
    """Counts at the snapshot, rates on views, the video, its creator and its age."""
    columns: dict[str, Any] = {name: rows[name] for name in _AS_THEY_ARE}
    for name, counted in (("like_rate", "likes"), ("comment_rate", "comments"), ("share_rate", "shares")):
        columns[name] = rate(rows[counted], rows["views"])
    columns["video_duration"] = rows["video_duration"]
    columns["title_length"] = text_length(rows["title"])
    columns["hours_since_upload"] = hours_between(rows["published_at"], rows["taken_at"])
    columns["views_gained"] = pc.subtract(rows["views"], rows["previous_views"])
    columns.update({name: rows[name] for name in _KINDS})
    return pa.table(columns)


def slices(rows: pa.Table, _options: ViralOptions) -> pa.Table:
    """Country, language and category of the video, and the creator's size by followers."""
    return pa.table(
        {
            "country": rows["country"],
            "language": rows["language"],
            "category": rows["category"],
            "creator_size": sized(rows["creator_followers"], CREATOR_SIZES, CREATOR_NAMES),
        }
    )


def predicted(rows: pa.Table, _options: ViralOptions) -> pa.Table:
    """What services answered for the rows that they were asked about; the others are null."""
    return given(rows["predicted_class"], rows["predicted_score"].cast(pa.float64()), rows["predicted_version"])


def asked(records: pa.Table, options: ViralOptions) -> tuple[pa.Table, pa.Table]:
    """Recorded predictions as rows, those without a video included, and their answers."""
    unknown = pa.array([f"(asked {number})" for number in range(records.num_rows)], pa.string())
    named = {
        "video_id": pc.coalesce(records["entity_id"], pa.chunked_array([unknown])),
        "taken_at": records["at"],
        "inputs": records["inputs"],
        "answer": records["answer"],
        "version": records["model_version"],
    }
    rows = read_predictions(pa.table(named))
    return conform(rows, pa.schema([field.with_nullable(True) for field in EXAMPLE_SCHEMA])), predicted(
        rows, options
    )


def answers(predictor: Predictor, rows: pa.Table, _options: ViralOptions) -> pa.Table:
    """What the version answers to the rows now."""
    said = predictor.predict(rows)
    return given([one["viral_class"] for one in said], [float(one["viral_score"]) for one in said])


def live(rows: pa.Table, options: ViralOptions) -> pa.Table:
    """Rows whose outcome was seen near enough to the horizon."""
    return take_rows(rows, at_horizon(rows, options))


WATCH = Watch(features, slices, predicted=predicted, asked=asked, text="title", answers=answers, live=live)
