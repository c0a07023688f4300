from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import PlatformError
from local.parts import Part
from local.preflight import MIN_FREE_BYTES, check_home, check_ports, check_space, disk_error


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_taken_port_is_one_sentence_with_part_port_holder_and_setting(taken: int) -> None:
    part = Part("mlflow", "MLflow", port=taken, setting="MLFLOW_PORT")
    with pytest.raises(PlatformError) as caught:
        check_ports([part])
    assert f"Port {taken} of MLflow is taken by " in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert "MLFLOW_PORT" in str(caught.value.hint)


def test_a_port_of_a_server_that_is_not_ours_may_be_taken(taken: int) -> None:
    check_ports([Part("mlflow", "MLflow", "external", port=taken)])


def test_two_parts_on_one_port_are_named() -> None:
    parts = [Part("a", "A", port=1025, setting="A_PORT"), Part("b", "B", port=1025, setting="B_PORT")]
    with pytest.raises(PlatformError, match="A and B are both set to port 1025"):
        check_ports(parts)


def test_a_nearly_full_disk_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="nearly full: 511 MB are free, 512 MB are needed"):
        check_space(tmp_path, free=lambda _: MIN_FREE_BYTES - 1)
    check_space(tmp_path, free=lambda _: MIN_FREE_BYTES)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(PlatformError, match="is a file, and must be a folder"):
        check_home(tmp_path / "home")


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="not a folder"):
        check_home(tmp_path / "file" / "home")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "No space is left on the disk"),
        (errno.EDQUOT, "No space is left on the disk"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "cannot be written"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_says_becomes_one_sentence(number: int, sentence: str) -> None:
    assert sentence in disk_error(OSError(number, os.strerror(number), "/data/x"), Path("/data")).message
