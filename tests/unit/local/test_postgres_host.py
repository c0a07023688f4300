"""What the machine has to offer a private PostgreSQL."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from config.errors import PlatformError
from local.postgres import PostgresCluster
from local.postgres_host import CLIENT, SERVER, Account, find_programs, require_free_port


def fake_programs(folder: Path, version: str, names: tuple[str, ...] = SERVER) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Debian)'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_programs_of_the_setting_are_taken(tmp_path: Path) -> None:
    asked = fake_programs(tmp_path / "bin", "14.11")
    found = find_programs(asked)
    assert (found.folder, found.major) == (asked, 14)


def test_programs_that_are_not_there_are_answered_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="make system"):
        find_programs(tmp_path)


def test_a_machine_with_the_client_alone_can_dump_and_cannot_serve(tmp_path: Path) -> None:
    asked = fake_programs(tmp_path / "bin", "17.2", CLIENT)
    assert find_programs(asked, needed=CLIENT).major == 17
    with pytest.raises(PlatformError, match=r"\(initdb, postgres\) was not found in"):
        find_programs(asked)


def test_a_machine_without_the_client_is_told_what_to_install(tmp_path: Path) -> None:
    asked = fake_programs(tmp_path / "bin", "17.2", SERVER)
    with pytest.raises(PlatformError, match=r"\(pg_dump, pg_restore\) was not found .*postgresql-client"):
        find_programs(asked, needed=CLIENT)


@pytest.mark.parametrize("wrapped", [False, True])
def test_programs_are_found_by_the_path_also_where_it_has_one_wrapper_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    folder = tmp_path / "bin"
    if (
        wrapped
    ):  # as on Debian: each name is a link to a program of another name, in a folder without the others
        wrapper = fake_programs(tmp_path / "share", "17.2", ("pg_wrapper",)) / "pg_wrapper"
        folder.mkdir()
        for name in CLIENT:
            (folder / name).symlink_to(wrapper)
    else:
        fake_programs(folder, "17.2", CLIENT)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr("local.postgres_host.VERSIONED", ())
    assert find_programs(needed=CLIENT).folder == folder


def test_a_data_folder_of_another_major_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="made by PostgreSQL 9, and this machine has PostgreSQL 14"):
        find_programs(fake_programs(tmp_path / "bin", "14.11"), major=9)


def test_a_taken_port_names_who_has_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlatformError, match=rf"127.0.0.1:{port}: the port is taken by .*pid {os.getpid()}"):
            require_free_port("127.0.0.1", port)


def test_too_little_space_is_said_before_anything_is_made(tmp_path: Path) -> None:
    cluster = PostgresCluster(tmp_path / "data", 1, "assay", "x", min_free_bytes=2**60)
    with pytest.raises(PlatformError, match="MB are free"):
        cluster.prepare()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("initdb: error: could not write: No space left on device", "No space is left"),
        (
            "LOG:  could not bind IPv4 address: Address already in use\nFATAL:  no sockets",
            "Port 7 on 127.0.0.1",
        ),
        ("FATAL:  lock file is empty\n", "does not start on .*: lock file is empty"),
        ("", "does not start"),
    ],
)
def test_the_servers_last_words_become_one_sentence(tmp_path: Path, output: str, said: str) -> None:
    with pytest.raises(PlatformError, match=said):
        raise PostgresCluster(tmp_path / "data", 7, "assay", "x").failure(output)


def test_an_ordinary_user_needs_no_other_account() -> None:
    assert Account().popen == {}
    assert Account(ids=(101, 104)).popen == {"user": 101, "group": 104, "extra_groups": []}
