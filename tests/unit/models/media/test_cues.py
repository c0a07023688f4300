"""Cues are short, in time and apart, and both formats give them back."""

from __future__ import annotations

import html
import io
import re

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.media.cues import Cue, cues
from models.media.speech import Segment, Word
from models.media.subtitles import as_srt, as_vtt

_VTT = re.compile(r"(\d\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d\d+):(\d\d):(\d\d)\.(\d{3})")
_SRT = re.compile(r"(\d\d+):(\d\d):(\d\d),(\d{3}) --> (\d\d+):(\d\d):(\d\d),(\d{3})")

_times = st.floats(0, 20_000, allow_nan=False)
_words = st.builds(
    lambda text, start, length: Word(text, start, start + length),
    st.text(max_size=60) | st.sampled_from(["-->", "a --> b", "<i>", "&amp;", "--" * 30 + ">", "7", "NOTE"]),
    _times,
    st.floats(0, 12),
)
_segments = st.lists(
    st.lists(_words, max_size=30).map(
        lambda words: Segment(
            min((word.start for word in words), default=0.0),
            max((word.end for word in words), default=0.0),
            tuple(words),
        )
    ),
    max_size=5,
)


def read(text: str, timing: re.Pattern[str], head: int) -> list[Cue]:
    """A strict reader: ``head`` lines stand before the timing of each block."""
    found = []
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        if block.startswith(("WEBVTT", "NOTE")) or not block:
            continue
        times = timing.fullmatch(lines[head])
        assert times, block
        parts = [int(part) for part in times.groups()]
        start, end = (
            ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest
            for hours, minutes, seconds, rest in (parts[:4], parts[4:])
        )
        found.append(Cue(start, end, tuple(lines[head + 1 :])))
    return found


@given(_segments)
def test_cues_are_short_apart_and_in_order_whatever_was_said(segments: list[Segment]) -> None:
    shown, before = cues(segments), 0
    for cue in shown:
        assert before <= cue.start < cue.end <= cue.start + 7000
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < len(line) <= 42 and "-->" not in line for line in cue.lines)
        before = cue.end


@given(_segments)
def test_both_formats_give_the_cues_back(segments: list[Segment]) -> None:
    shown = cues(segments)
    assert read(as_srt(shown), _SRT, 1) == shown
    got = read(as_vtt(shown, note="a --> note\n\nof two"), _VTT, 0)
    assert [Cue(cue.start, cue.end, tuple(html.unescape(line) for line in cue.lines)) for cue in got] == shown
    assert not any(re.search(r"[<>]|&(?!amp;|lt;|gt;)", line) for cue in got for line in cue.lines)


@given(_segments)
def test_no_word_is_lost(segments: list[Segment]) -> None:
    ordered = sorted(segments, key=lambda segment: segment.start)
    said = "".join(
        word.text for segment in ordered for word in sorted(segment.words, key=lambda word: word.start)
    )
    if any(not character.isalnum() for character in said):
        return
    assert "".join("".join(cue.lines) for cue in cues(segments)).replace(" ", "") == said


@pytest.mark.parametrize(("name", "write"), [("webvtt", as_vtt), ("srt", as_srt)])
def test_another_reader_sees_the_same_times(name: str, write: object) -> None:
    words = [Word(f"word{at}", 3600 + at * 0.5, 3600 + at * 0.5 + 0.4) for at in range(60)]
    shown = cues([Segment(words[0].start, words[-1].end, tuple(words))])
    text = write(shown)  # type: ignore[operator]
    with av.open(io.BytesIO(text.encode()), format=name) as container:
        packets = [packet for packet in container.demux() if packet.pts is not None]
    assert [(packet.pts, packet.pts + packet.duration) for packet in packets] == [
        (cue.start, cue.end) for cue in shown
    ]
    assert len(shown) > 4


def test_a_cue_does_not_reach_over_a_pause() -> None:
    one, two = Segment(0, 1, (Word("one", 0, 1),)), Segment(3, 4, (Word("two", 3, 4),))
    assert cues([two, one]) == [Cue(0, 1000, ("one",)), Cue(3000, 4000, ("two",))]


def test_nothing_said_is_an_empty_file() -> None:
    assert as_srt([]) == ""
    assert as_vtt([]) == "WEBVTT\n"
