"""Which column of a stranger's file is which of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.errors import InputError
from models.viral.schema import SNAPSHOT_SCHEMA

#: Canonical name -> names that other tools and exports use for it, best first.
ALIASES: dict[str, tuple[str, ...]] = {
    "video_id": ("videoid", "aweme_id", "item_id", "vid", "id"),
    "creator_id": ("channel_id", "author_id", "user_id", "channel_title", "channel", "author", "username"),
    "taken_at": (
        "trending_date",
        "snapshot_date",
        "collected_at",
        "fetched_at",
        "snapshot_at",
        "date",
        "timestamp",
    ),
    "views": ("view_count", "views_count", "play_count", "plays", "viewcount", "video_views"),
    "likes": ("like_count", "likes_count", "digg_count", "diggcount"),
    "comments": ("comment_count", "comment_total", "comments_count", "commentcount"),
    "shares": ("share_count", "shares_count", "sharecount"),
    "bookmarks": ("bookmark_count", "collect_count", "save_count", "saves", "favorites", "favorite_count"),
    "creator_followers": ("followers", "follower_count", "subscribers", "subscriber_count"),
    "creator_following": ("following", "following_count"),
    "creator_videos": ("video_count", "videos_count", "channel_videos"),
    "creator_verified": ("verified", "is_verified", "author_verified"),
    "published_at": ("publish_time", "publishedat", "upload_date", "created_at", "create_time", "published"),
    "title": ("video_title", "caption", "text"),
    "description": ("video_description", "desc"),
    "category": ("category_id", "category_name", "categoryid"),
    "language": ("lang", "default_language"),
    "country": ("region", "country_code"),
    "video_duration": ("duration", "duration_seconds", "length_seconds"),
    "video_width": ("width",),
    "video_height": ("height",),
    "has_music": ("music",),
    "song_duration": ("music_duration",),
    "is_original_sound": ("original_sound", "music_original"),
    "sound_uses": ("sound_popularity", "music_uses", "sound_count"),
}
#: A picture's address that holds the video's id; it mends an id that a spreadsheet has mangled.
PICTURE_LINKS = ("thumbnail_link", "thumbnail_url", "thumbnail")


def resolve_columns(names: Sequence[str], mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Canonical name -> column of the file, by ``mapping`` first and by known names for the rest.

    Raises:
        InputError: the mapping names a column that is not there or a field that is not ours, or a column that
            nothing can do without is lacking.
    """
    chosen = dict(mapping or {})
    for field, column in chosen.items():
        if field not in SNAPSHOT_SCHEMA.names:
            raise InputError(
                f"'{field}' is no viral field.", hint=f"Fields: {', '.join(SNAPSHOT_SCHEMA.names)}."
            )
        if column not in names:
            raise InputError(f"The file has no column '{column}' for {field}.", hint=_has(names))
    folded = {name.strip().lower().replace(" ", "_").lstrip("\ufeff"): name for name in reversed(names)}
    taken = set(chosen.values())
    for field in SNAPSHOT_SCHEMA.names:
        for alias in (field, *ALIASES[field]):
            found = folded.get(alias)
            if field not in chosen and found is not None and found not in taken:
                chosen[field] = found
                taken.add(found)
    _require(chosen, names)
    return chosen


def _require(chosen: Mapping[str, str], names: Sequence[str]) -> None:
    lacking = [field for field in ("taken_at", "views") if field not in chosen]
    if "video_id" not in chosen and "title" not in chosen:
        lacking.insert(0, "video_id")
    if lacking:
        known = "; ".join(f"{field} (also known as {', '.join(ALIASES[field])})" for field in lacking)
        raise InputError(
            f"The file lacks what a video snapshot needs: {known}.",
            hint=f"{_has(names)} Name a column with a mapping such as {lacking[0]}=COLUMN. Without a video_id, "
            "a title (with its creator and time of publication) identifies the video.",
        )


def _has(names: Sequence[str]) -> str:
    return f"Its columns are: {', '.join(names)}."
