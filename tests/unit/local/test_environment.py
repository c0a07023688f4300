from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from local.environment import part_environment, settings_environment


def read_back(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_a_child_reads_exactly_the_settings_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(
        assay_home=tmp_path, db_port=25999, ml_api_key="k" * 20, minio_secure=True, viral_thresholds="1,2,3"
    )
    assert read_back(settings_environment(settings), monkeypatch) == settings


def test_an_exported_address_does_not_look_like_a_server_of_the_users_own(tmp_path: Path) -> None:
    settings = load_settings(assay_home=tmp_path)
    environment = settings_environment(
        settings, {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "HOME": "/root"}
    )
    assert "PREFECT_API_URL" not in environment
    assert environment["HOME"] == "/root"


def test_every_part_knows_its_name_its_home_and_that_telemetry_is_off(tmp_path: Path) -> None:
    environment = part_environment(load_settings(assay_home=tmp_path), "mlflow")
    assert environment["ASSAY_PART"] == "mlflow"
    assert environment["ASSAY_HOME"] == str(tmp_path)
    assert environment["DO_NOT_TRACK"] == "true"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
