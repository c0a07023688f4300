"""What a replica is called: one name for its workers, another one for each start."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.metrics import ServiceMetrics
from serving.replica import replica_name


def test_workers_that_share_their_figures_share_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with ThreadPoolExecutor(8) as workers:
        names = set(workers.map(lambda _: replica_name(), range(32)))
    assert len(names) == 1
    assert names.pop().startswith(f"{socket.gethostname()}-")
    assert [one.name for one in tmp_path.iterdir()] == ["replica"]


def test_each_start_and_each_process_alone_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    assert replica_name() != replica_name()
    names = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
        names.append(replica_name())
    assert names[0] != names[1]


def test_without_the_folder_there_is_a_name_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nowhere"))
    assert replica_name()


def test_the_name_is_among_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    text = ServiceMetrics("viral").render().decode()
    assert f'assay_replica_info{{replica="{socket.gethostname()}-' in text
