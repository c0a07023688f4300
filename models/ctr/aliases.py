"""Which column of a stranger's file is which of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.errors import InputError
from models.ctr.schema import OUTCOME_SCHEMA

#: Ways to say when, beside ``started_at`` and ``ended_at``: a day, an hour of a day (or all of ``yymmddhh``),
#: and a week (``yyyyww``).
WHEN = ("day", "hour", "week")
FIELDS: tuple[str, ...] = (*OUTCOME_SCHEMA.names, *WHEN)

#: Canonical name -> names that other tools and exports use for it, best first.
ALIASES: dict[str, tuple[str, ...]] = {
    "key": ("outcome", "outcome_id", "outcome_key", "impression_id", "row_id"),
    "clip_id": ("clip", "video_id", "item_id", "content_id", "ad_id", "arm_id"),
    "group_id": ("clickability_test_id", "test_id", "experiment_id", "group", "campaign_id"),
    "creator_id": ("creator", "author_id", "author", "channel_id", "channel"),
    "advertiser_id": ("advertiser", "account_id", "brand_id", "brand"),
    "creative_id": ("creative", "eyecatcher_id", "image_id", "thumbnail_id"),
    "title": ("headline", "video_title", "caption"),
    "hook_text": ("hook", "excerpt", "lede", "description", "text"),
    "category": ("category_id", "category_name", "vertical", "topic"),
    "language": ("lang",),
    "duration": ("duration_seconds", "video_duration", "length_seconds"),
    "psychology_composite": ("psychology_score", "psychology"),
    "hook_strength": ("hook_score",),
    "novelty_score": ("novelty",),
    "emotion_priority": ("priority_score", "emotion_score", "emotion"),
    "has_face": ("face_present", "face"),
    "composite_score": ("composite", "score"),
    "published_at": ("publish_time", "published"),
    "started_at": ("start", "started", "timestamp", "time", "at"),
    "ended_at": ("end", "ended"),
    "day": ("date", "stat_date"),
    "week": ("test_week", "iso_week", "year_week"),
    "hour": (),
    "placement": ("slot", "surface", "banner_pos"),
    "audience": ("segment", "audience_segment"),
    "device": ("device_type", "device_kind"),
    "impressions": ("impression_count", "imps", "shown", "exposures"),
    "clicks": ("click_count", "click", "clicked", "is_click"),
}
#: In a log with a row for each impression: what says whether it was clicked, and what names it.
LOG_ALIASES = {"clicks": ("label",), "key": ("id",)}


def resolve_columns(names: Sequence[str], mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Canonical name -> column of the file, by ``mapping`` first and by known names for the rest.

    A file without a column of impressions is a log: each row is one impression.

    Raises:
        InputError: the mapping names a column that is not there or a field that is not ours, or there are no
            clicks.
    """
    chosen = dict(mapping or {})
    for field, column in chosen.items():
        if field not in FIELDS:
            raise InputError(f"'{field}' is no CTR field.", hint=f"Fields: {', '.join(FIELDS)}.")
        if column not in names:
            raise InputError(f"The file has no column '{column}' for {field}.", hint=_has(names))
    folded = {name.strip().lower().replace(" ", "_").lstrip("\ufeff"): name for name in reversed(names)}
    taken = set(chosen.values())

    def look(field: str, aliases: Sequence[str]) -> None:
        for alias in aliases:
            found = folded.get(alias)
            if field not in chosen and found is not None and found not in taken:
                chosen[field] = found
                taken.add(found)

    for field in FIELDS:
        look(field, (field, *ALIASES[field]))
    if "impressions" not in chosen:
        for field, aliases in LOG_ALIASES.items():
            look(field, aliases)
    if "clicks" not in chosen:
        raise InputError(
            f"The file has no clicks (also known as {', '.join(ALIASES['clicks'])}; label in a log).",
            hint=f"{_has(names)} Name one with a mapping such as clicks=COLUMN. A file of counts also has "
            "impressions; without them each row is taken for one impression, clicked (1) or not (0).",
        )
    return chosen


def require_for_import(columns: Mapping[str, str], names: Sequence[str]) -> None:
    """That rows can be kept: they have a time, and a log a name for each impression. Raises InputError."""
    if not {"started_at", "day", "week"} & set(columns) and "hour" not in columns:
        raise InputError(
            "The file has no time (started_at, day, week), so nobody knows when its rows were known.",
            hint=f"{_has(names)} Name one with a mapping such as day=COLUMN. `assay evaluate` can do without.",
        )
    if "impressions" not in columns and "key" not in columns:
        raise InputError(
            "The file is a log of single impressions, and nothing names them: to import it again would count "
            "them twice.",
            hint=f"{_has(names)} Name one with a mapping such as key=COLUMN; `assay evaluate` needs none.",
        )


def _has(names: Sequence[str]) -> str:
    return f"Its columns are: {', '.join(names)}."
