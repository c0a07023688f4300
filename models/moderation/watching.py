"""What the monitor looks at in the moderation family: its texts, and the labels that are answered."""

from __future__ import annotations

from models.text.watching import text_watch

WATCH = text_watch()
