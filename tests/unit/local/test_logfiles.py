from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from local.logfiles import Follower, Lines, LogFile, tail


@given(st.binary(max_size=400), st.lists(st.integers(min_value=1, max_value=40), max_size=20))
def test_lines_are_the_same_however_the_stream_is_cut(data: bytes, cuts: list[int]) -> None:
    lines, found, rest = Lines(), [], data
    for cut in cuts:
        found += lines.feed(rest[:cut])
        rest = rest[cut:]
    found += lines.feed(rest) + lines.end()
    assert b"".join(found) == data + (b"\n" if data and not data.endswith(b"\n") else b"")
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in found)


def test_a_line_without_end_does_not_grow_in_memory() -> None:
    lines = Lines()
    assert lines.feed(b"x" * 70_000) == [b"x" * 70_000 + b"\n"]
    assert lines.end() == []


def test_a_full_file_is_set_aside_and_the_oldest_is_forgotten(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", max_bytes=20, keep=2)
    for number in range(8):
        log.write(f"line {number:04d}\n".encode())
    log.close()
    assert (tmp_path / "a.log").read_text() == "line 0006\nline 0007\n"
    assert (tmp_path / "a.log.1").read_text() == "line 0004\nline 0005\n"
    assert (tmp_path / "a.log.2").read_text() == "line 0002\nline 0003\n"
    assert not (tmp_path / "a.log.3").exists()


def test_a_log_that_cannot_be_written_does_not_stop_its_part() -> None:
    log = LogFile(Path("/dev/full"))
    log.write(b"one\ntwo\n")
    assert log.dropped >= 2


def test_the_tail_reaches_back_into_the_file_before(tmp_path: Path) -> None:
    (tmp_path / "a.log.1").write_text("1\n2\n")
    (tmp_path / "a.log").write_text("3\n")
    assert tail(tmp_path / "a.log", 2) == ["2", "3"]
    assert tail(tmp_path / "none.log", 5) == []
    assert tail(tmp_path / "a.log", 0) == []


def test_following_goes_on_through_a_rotation(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", max_bytes=12, keep=1)
    log.write(b"before\n")
    follower = Follower(log.path)
    assert follower.more() == []
    log.write(b"new\n")
    log.write(b"rotated\n")  # the file is set aside between two looks
    assert follower.more() == ["new", "rotated"]
    assert follower.more() == []
    log.close()
    follower.close()


def test_following_a_log_that_begins_later(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "later.log")
    assert follower.more() == []
    (tmp_path / "later.log").write_text("first\n")
    assert follower.more() == ["first"]
    follower.close()
