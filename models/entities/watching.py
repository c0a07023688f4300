"""What the monitor looks at in the entities family: its texts, and how many names are found in them."""

from __future__ import annotations

from models.text.watching import counted_names, text_watch

WATCH = text_watch(counted_names)
