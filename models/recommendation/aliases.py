"""Which column of a stranger's file is which of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.errors import InputError
from models.recommendation.schema import INTERACTION_SCHEMA

#: ``rating`` says how much a user liked an item, and so which kind an interaction is of.
FIELDS: tuple[str, ...] = (*INTERACTION_SCHEMA.names, "rating")
#: What describes an item: a file without users needs one of them.
DESCRIPTION = ("author_id", "text", "tags", "category", "language", "published_at", "removed")

#: Canonical name -> names that other tools and exports use for it, best first. Case and underscores do not
#: count: ``userId`` and ``user_id`` are one.
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("event_id", "interaction_id", "key"),
    "at": ("timestamp", "time", "event_time", "datetime", "date", "created_at", "ts", "checkin_time"),
    "user_id": ("user", "uid", "visitor_id", "customer_id", "reviewer_id", "account_id"),
    "item_id": (
        "item", "iid", "video_id", "post_id", "movie_id", "content_id", "article_id", "product_id", "track_id",
        "artist_id", "business_id", "book_id", "location_id", "asin",
    ),
    "item_kind": ("item_type", "content_type", "kind_of_item"),
    "kind": ("event", "event_type", "action", "interaction", "interaction_type", "behavior", "type"),
    "watch_share": ("watched_share", "watch_ratio", "completion", "completion_rate", "share_watched"),
    "region": ("country", "country_code"),
    "recommendation_id": ("rec_id",),
    "author_id": ("author", "creator_id", "creator", "channel_id", "artist", "uploader"),
    "text": ("title", "caption", "description", "name", "headline"),
    "tags": ("genres", "hashtags", "keywords", "labels"),
    "category": ("category_id", "category_name", "topic", "vertical"),
    "language": ("lang",),
    "published_at": ("publish_time", "published", "upload_date", "release_date", "upload_time"),
    "removed": ("deleted", "taken_down"),
    "rating": ("score", "stars", "overall"),
}  # fmt: skip


def resolve_columns(names: Sequence[str], mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Canonical name -> column of the file, by ``mapping`` first and by known names for the rest.

    A file without users is a catalogue: each row describes an item.

    Raises:
        InputError: the mapping names a column that is not there or a field that is not ours, there are no
            items, or neither users nor anything that describes an item.
    """
    chosen = dict(mapping or {})
    for field, column in chosen.items():
        if field not in FIELDS:
            raise InputError(f"'{field}' is no field of an interaction.", hint=f"Fields: {', '.join(FIELDS)}.")
        if column not in names:
            raise InputError(f"The file has no column '{column}' for {field}.", hint=_has(names))
    folded = {_folded(name): name for name in reversed(names)}
    taken = set(chosen.values())
    for field in FIELDS:
        for alias in (field, *ALIASES[field]):
            found = folded.get(_folded(alias))
            if field not in chosen and found is not None and found not in taken:
                chosen[field] = found
                taken.add(found)
    if "item_id" not in chosen and "user_id" not in chosen:
        _bare_id(chosen)
    if "item_id" not in chosen:
        raise InputError(
            f"The file has no items (also known as {', '.join(ALIASES['item_id'])}).",
            hint=f"{_has(names)} Name one with a mapping such as item_id=COLUMN.",
        )
    if "user_id" not in chosen and not set(DESCRIPTION) & set(chosen):
        raise InputError(
            f"The file has no users (also known as {', '.join(ALIASES['user_id'])}), and nothing that "
            f"describes its items ({', '.join(DESCRIPTION)}).",
            hint=f"{_has(names)} Name one with a mapping such as user_id=COLUMN.",
        )
    return chosen


def require_for_import(columns: Mapping[str, str], names: Sequence[str]) -> None:
    """That interactions can be kept: they have a time. Raises InputError."""
    if "user_id" in columns and "at" not in columns:
        raise InputError(
            "The file has no time, so nobody knows when its interactions were.",
            hint=f"{_has(names)} Name one with a mapping such as at=COLUMN. `assay evaluate` can do without.",
        )


def _bare_id(chosen: dict[str, str]) -> None:
    """In a catalogue, ``id`` is the item's."""
    if "id" in chosen:
        chosen["item_id"] = chosen.pop("id")


def _folded(name: str) -> str:
    return name.strip().lstrip("\ufeff").lower().replace(" ", "").replace("_", "").replace("-", "")


def _has(names: Sequence[str]) -> str:
    return f"Its columns are: {', '.join(names)}."
