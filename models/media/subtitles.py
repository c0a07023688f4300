"""Cues as WebVTT (W3C, 2019) and as SubRip."""

from __future__ import annotations

from collections.abc import Sequence

from models.media.cues import Cue


def as_vtt(cues: Sequence[Cue], *, note: str | None = None) -> str:
    """A WebVTT file; ``&``, ``<`` and ``>`` are escaped. ``note``: a comment at its head, of one line."""
    blocks = ["WEBVTT"]
    if note:
        blocks.append(f"NOTE {' '.join(note.replace('-->', '->').split())}")
    for cue in cues:
        lines = [_escaped(line) for line in cue.lines]
        blocks.append("\n".join([f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}", *lines]))
    return "\n\n".join(blocks) + "\n"


def as_srt(cues: Sequence[Cue]) -> str:
    """A SubRip file, UTF-8. The format knows no escape: text stands as it is."""
    blocks = [
        "\n".join([str(number), f"{_time(cue.start, ',')} --> {_time(cue.end, ',')}", *cue.lines])
        for number, cue in enumerate(cues, 1)
    ]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"
