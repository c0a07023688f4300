"""Which keys can name an object."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError, SettingsError
from config.settings import Settings
from storage.objects import check_key, check_prefix, open_store
from storage.objects_local import LocalStore
from storage.objects_s3 import S3Store


@given(st.text(max_size=40))
def test_an_accepted_key_stays_inside_the_folder(key: str) -> None:
    try:
        check_key(key)
    except InputError:
        return
    root = Path("/root/bucket")
    path = root / key
    assert path.is_relative_to(root)
    assert ".." not in path.parts
    assert path.relative_to(root).as_posix() == key


@pytest.mark.parametrize("key", ["a", "a/b.c", "..a", "a..b", "datasets/viral/full/2026-10/x.parquet", "Ünï"])
def test_ordinary_keys_are_accepted(key: str) -> None:
    assert check_key(key) == key


def test_the_folder_of_unfinished_writes_is_reserved() -> None:
    with pytest.raises(InputError, match="reserved"):
        check_key(".assay-tmp/x")


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b"])
def test_ordinary_prefixes_are_accepted(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


def test_without_an_endpoint_the_store_is_a_folder(tmp_path: Path) -> None:
    store = open_store(Settings(assay_home=tmp_path), "photos")
    assert isinstance(store, LocalStore)
    assert repr(store) == f"LocalStore('{tmp_path}/objects/photos')"
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("endpoint", ["store:9000", "http://store:9000", "https://store:9000/"])
def test_with_an_endpoint_the_store_is_s3(endpoint: str) -> None:
    settings = Settings(minio_endpoint=endpoint, minio_root_user="me", minio_root_password="mine")
    store = open_store(settings)
    assert isinstance(store, S3Store)
    assert repr(store) == "S3Store('store:9000', bucket='ml-artifacts')"


def test_an_endpoint_needs_credentials() -> None:
    with pytest.raises(SettingsError, match="MINIO_ROOT_USER"):
        open_store(Settings(minio_endpoint="store:9000"))


@pytest.mark.parametrize("endpoint", ["ftp://store", "http://", "store:9000/path"])
def test_an_endpoint_is_an_address(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="is not an address"):
        open_store(Settings(minio_endpoint=endpoint, minio_root_user="me", minio_root_password="mine"))
