"""Under which names files have their texts and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.errors import InputError

ALIASES: Mapping[str, tuple[str, ...]] = {
    "text": (
        "tweet", "content", "comment", "message", "sentence", "body", "comment_text", "post", "sms", "review",
        "full_text", "document", "question", "tokens", "title", "v2", "utterance", "headline", "description",
    ),
    "label": (
        "class", "labels", "category", "target", "sentiment", "tag", "tags", "topic", "is_spam", "toxic",
        "annotation", "classification", "y", "v1", "coarse_label", "airline_sentiment", "polarity", "type",
    ),
    "text_id": ("id", "comment_id", "tweet_id", "post_id", "message_id", "uid", "textid"),
    "language": ("lang", "locale", "language_code"),
    "group_id": ("group", "video_id", "thread_id", "conversation_id", "video", "thread", "content_id"),
    "user_id": ("user", "author", "author_id", "username", "creator_id"),
    "at": ("date", "time", "timestamp", "created_at", "published_at", "datetime"),
    "labelled_at": ("verified_at", "annotated_at", "reviewed_at"),
    "labelled_by": ("annotator", "reviewer", "verified_by"),
    "predicted": ("predicted_class", "prediction"),
}  # fmt: skip
FIELDS = tuple(ALIASES)


def resolve_columns(
    names: Sequence[str], mapping: Mapping[str, str] | None, *, more: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """Our name -> the file's column, of those that it has.

    Args:
        names: the file's columns.
        mapping: what the user said; it goes before known names.
        more: further names of a family's own.

    Raises:
        InputError: a name is none of ours, or the file lacks a column that it is mapped to.
    """
    chosen = dict(mapping or {})
    for field, column in chosen.items():
        if field not in FIELDS:
            raise InputError(f"'{field}' is no field of a text.", hint=f"Fields: {', '.join(FIELDS)}.")
        if column not in names:
            raise InputError(f"The file has no column '{column}' for {field}.", hint=columns_of(names))
    folded = {name.strip().lower().replace(" ", "_").lstrip("\ufeff"): name for name in reversed(names)}
    taken = set(chosen.values())
    for field in FIELDS:
        if field in chosen:
            continue
        for alias in (field, *(more or {}).get(field, ()), *ALIASES[field]):
            found = folded.get(alias)
            if found is not None and found not in taken:
                chosen[field] = found
                taken.add(found)
                break
    return chosen


def columns_of(names: Sequence[str]) -> str:
    """What the file has, for an error's hint."""
    return f"Its columns are: {', '.join(names)}. Name one with a mapping such as text=COLUMN."
