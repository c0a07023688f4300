from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.errors import ModelInvalid, ModelNotFound
from serving.disk_copy import DiskCopy, replace_file

FILES = {"model.txt": b"trees", "model.json": b"{}"}


@pytest.fixture
def disk(tmp_path: Path) -> DiskCopy:
    return DiskCopy(tmp_path / "viral")


def test_what_was_saved_last_is_loaded(disk: DiskCopy) -> None:
    disk.save("1", FILES, {"dataset": "a"})
    disk.save("2", {"model.txt": b"more"}, {"dataset": "b"})
    stored = disk.load()
    assert (stored.version, stored.files, stored.facts["dataset"]) == ("2", {"model.txt": b"more"}, "b")


def test_nothing_saved_is_told_from_something_damaged(disk: DiskCopy) -> None:
    with pytest.raises(ModelNotFound):
        disk.load()
    disk.save("1", FILES, {})
    (disk.folder / "1" / "model.txt").write_bytes(b"tre")
    with pytest.raises(ModelInvalid, match="not what was saved"):
        disk.load()


@pytest.mark.parametrize("pointer", [b"", b"../../etc", b"9", b"\xff\xfe", b"1\x00"])
def test_a_damaged_pointer_is_a_clear_error(disk: DiskCopy, pointer: bytes) -> None:
    disk.save("1", FILES, {})
    (disk.folder / "current").write_bytes(pointer)
    with pytest.raises(ModelInvalid):
        disk.load()


def test_a_damaged_copy_is_replaced_by_saving_again(disk: DiskCopy) -> None:
    disk.save("1", FILES, {})
    (disk.folder / "1" / "model.txt").write_bytes(b"")
    disk.save("1", FILES, {})
    assert disk.load().files == FILES


def test_only_the_last_few_versions_stay(disk: DiskCopy) -> None:
    for number in range(8):
        disk.save(str(number), FILES, {})
    folders = {path.name for path in disk.folder.iterdir() if path.is_dir()}
    assert len(folders) == 3
    assert "7" in folders


def test_what_a_killed_writer_left_half_made_is_removed(disk: DiskCopy) -> None:
    half = disk.folder / ".7-0123abcd"
    half.mkdir(parents=True)
    (half / "model.txt").write_bytes(b"half")
    (disk.folder / ".current-0123abcd").write_text("7")
    disk.save("8", FILES, {})
    assert {path.name for path in disk.folder.iterdir()} == {"8", "current"}


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_names_that_lead_elsewhere_are_refused(disk: DiskCopy, name: str) -> None:
    with pytest.raises(ModelInvalid):
        disk.save(name, FILES, {})
    with pytest.raises(ModelInvalid):
        disk.save("1", {name: b""}, {})


def test_workers_that_save_the_same_version_at_once_all_succeed(disk: DiskCopy) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(disk.save, "1", FILES, {}) for _ in range(16)]:
            done.result()
    assert disk.load().files == FILES
    assert {path.name for path in disk.folder.iterdir()} == {"1", "current"}


def test_threads_that_replace_one_file_leave_it_whole_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.json"
    whole = [bytes([number]) * 20_000 for number in range(4)]
    replace_file(path, whole[0])

    def write(data: bytes) -> None:
        for _ in range(30):
            replace_file(path, data)
            assert path.read_bytes() in whole

    with ThreadPoolExecutor(len(whole)) as pool:
        list(pool.map(write, whole))
    assert [one.name for one in path.parent.iterdir()] == ["kept.json"]
