"""Tables of viral: videos, who published them, and their counts in time.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
What changes in time about a video or its creator stands on the snapshot, as it was known then; ``videos`` holds
what does not.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, at_least_zero


class Creator(Base):
    """Who published videos."""

    __tablename__ = "creators"

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]


class Video(Base):
    """What does not change about a video.

    Each field of the description is that of the earliest snapshot that has it, taken at ``<field>_at``,
    whatever the order in which snapshots arrive: a title that was changed later never shows up in an earlier
    snapshot, and a field that was known only later is still kept.
    """

    __tablename__ = "videos"
    __table_args__ = (
        *at_least_zero("video_duration", "video_width", "video_height", "song_duration"),
        CheckConstraint("id <> ''", name="id"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    creator_id: Mapped[EntityId | None] = mapped_column(ForeignKey("creators.id"), index=True)
    creator_id_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    published_at_at: Mapped[datetime | None]
    title: Mapped[str | None]
    title_at: Mapped[datetime | None]
    description: Mapped[str | None]
    description_at: Mapped[datetime | None]
    category: Mapped[str | None]
    category_at: Mapped[datetime | None]
    language: Mapped[str | None]
    language_at: Mapped[datetime | None]
    country: Mapped[str | None]
    country_at: Mapped[datetime | None]
    video_duration: Mapped[float | None]
    video_duration_at: Mapped[datetime | None]
    video_width: Mapped[int | None]
    video_width_at: Mapped[datetime | None]
    video_height: Mapped[int | None]
    video_height_at: Mapped[datetime | None]
    has_music: Mapped[bool | None]
    has_music_at: Mapped[datetime | None]
    song_duration: Mapped[float | None]
    song_duration_at: Mapped[datetime | None]
    is_original_sound: Mapped[bool | None]
    is_original_sound_at: Mapped[datetime | None]


class EngagementSnapshot(Base):
    """A video's counts, and its creator's, as they stood at one moment."""

    __tablename__ = "engagement_snapshots"
    __table_args__ = (
        *at_least_zero(
            "views", "likes", "comments", "shares", "bookmarks",
            "creator_followers", "creator_following", "creator_videos", "sound_uses",
        ),
    )  # fmt: skip

    video_id: Mapped[EntityId] = mapped_column(ForeignKey("videos.id"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    views: Mapped[int]
    likes: Mapped[int | None]
    comments: Mapped[int | None]
    shares: Mapped[int | None]
    bookmarks: Mapped[int | None]
    creator_followers: Mapped[int | None]
    creator_following: Mapped[int | None]
    creator_videos: Mapped[int | None]
    creator_verified: Mapped[bool | None]
    sound_uses: Mapped[int | None]
