"""Each setting that .env has reaches the containers that read it; one that is left out is its default."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from serving.run import SERVICES as FAMILIES
from tasks.monitor_services import addresses
from tests.unit.deploy.composed import READERS, ROOT, SECRET, SERVICES, VARIABLE, environment

SETTINGS = {name.upper() for name in Settings.model_fields}
PARTS = "the file itself says where its parts are"
#: What .env does not change, and why.
DECIDED = {
    "ASSAY_ENV": "containers are for production", "ASSAY_HOME": "a volume is there",
    "BIND_HOST": "`ports` decides what is reachable", "MINIO_SECURE": "MINIO_ENDPOINT names its scheme",
    "POSTGRES_BIN": "the image has the programs where they are looked for",
    **dict.fromkeys(("DB_HOST", "DB_PORT", "MINIO_ENDPOINT", "REDIS_URL"), PARTS),
    **dict.fromkeys(("PREFECT_API_URL", "MLFLOW_TRACKING_URI"), PARTS),
    **{f"{name.upper()}_URL": PARTS for name in (*FAMILIES, "gateway", "admin")},
    **{name: "it moves the server's port, not the container's" for name in SETTINGS
       if name.endswith("_PORT") and name not in ("DB_PORT", "ALERT_SMTP_PORT")},
}  # fmt: skip
MONITORING, POSTING = frozenset({"worker", "deploy"}), frozenset({"content-worker"})
GATEWAY, ADMIN = frozenset({"gateway"}), frozenset({"admin"})
#: What not every container needs: secrets of one job, and what one program alone reads.
ONLY: dict[str, frozenset[str]] = {
    **{name: MONITORING for name in SETTINGS if name.startswith("ALERT_")},
    **{name: POSTING for name in SETTINGS if name.startswith(("CONTENT_WEBHOOK_", "CAPTION_"))},
    **{name: GATEWAY for name in SETTINGS if name.startswith(("GATEWAY_", "JWT_")) and name != "JWT_SECRET"},
    **dict.fromkeys(("RATE_LIMIT_PER_MINUTE", "ML_MODEL_CACHE_TTL"), GATEWAY),
    **dict.fromkeys(("ADMIN_USER", "ADMIN_PASSWORD", "ADMIN_COOKIE_SECURE", "ADMIN_SESSION_HOURS"), ADMIN),
    "CONTENT_WORKERS": POSTING,
    "REQUIRE_API_KEY": frozenset(FAMILIES),
    "SERVICE_WORKERS": frozenset({*FAMILIES, "gateway"}),
}
#: Defaults that differ in containers on a server.
ON_A_SERVER = {
    "LOG_FORMAT": "json", "REQUIRE_API_KEY": "true", "ADMIN_COOKIE_SECURE": "true", "ADMIN_USER": "admin",
    "PREFECT_PUBLIC_URL": "http://127.0.0.1:4200", "MLFLOW_PUBLIC_URL": "http://127.0.0.1:5000",
    "ADMIN_PUBLIC_URL": "http://127.0.0.1:8080",
}  # fmt: skip


def settings_of(service: str, folder: Path, patched: pytest.MonkeyPatch, **told: str) -> Settings:
    """The settings that the programs of a container read."""
    for name in SETTINGS & set(os.environ):
        patched.delenv(name)
    for name, value in environment(service, told).items():
        if name in SETTINGS and name != "ASSAY_HOME":
            patched.setenv(name, value)
    patched.chdir(folder)  # there is no .env in the image
    return load_settings(assay_home=folder)


@pytest.mark.parametrize("name", sorted(SETTINGS - set(DECIDED)))
def test_what_a_user_sets_reaches_the_containers_that_read_it_and_no_others(name: str) -> None:
    needing = ONLY.get(name, READERS)
    assert {service for service in READERS if name in environment(service)} == needing
    for service in needing:
        assert environment(service, {name: "told"})[name] == "told", service


@pytest.mark.parametrize("name", sorted(DECIDED))
def test_what_the_file_decides_is_a_literal_or_not_there(name: str) -> None:
    for service in READERS:
        assert not VARIABLE.search(SERVICES[service]["environment"].get(name, "")), service


@pytest.mark.parametrize("service", sorted(READERS))
def test_what_is_left_out_is_the_default(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(service, tmp_path, monkeypatch)
    given = environment(service)
    for name, field in Settings.model_fields.items():
        if (
            name.upper() not in DECIDED
            and name.upper() not in ON_A_SERVER
            and given.get(name.upper()) != SECRET
        ):
            assert getattr(settings, name) == field.default, name
    assert {name: given[name] for name in ON_A_SERVER if name in given}.items() <= ON_A_SERVER.items()


def test_an_alert_and_what_retention_deletes_are_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "ALERT_SLACK_URL": "https://hooks.example/1",
        "RETENTION_EVENTS_MONTHS": "6",
        "AUTO_ROLLBACK": "true",
    }
    settings = settings_of("worker", tmp_path, monkeypatch, **told)
    assert settings.alert_slack_url is not None
    assert settings.alert_slack_url.get_secret_value() == "https://hooks.example/1"
    assert (settings.retention_events_months, settings.auto_rollback) == (6, True)


def test_the_monitor_asks_each_service_where_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of("worker", tmp_path, monkeypatch)
    for name, address in addresses(settings).items():
        port = Settings.model_fields[f"{name}_port"].default
        assert address == f"http://{name}:{port}"
        assert SERVICES[name]["ports"][0].endswith(f":{port}")
    assert settings.redis_url is not None
    assert settings.content_url is not None, "the content worker's sign of life is on another container's disk"


def test_people_get_addresses_that_their_browsers_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = {"ADMIN_PUBLIC_URL": "https://admin.example", "MLFLOW_PUBLIC_URL": "https://mlflow.example"}
    settings = settings_of("worker", tmp_path, monkeypatch, **public)
    assert settings.admin_ui_url == "https://admin.example"
    assert settings.mlflow_ui_url == "https://mlflow.example"
    assert (settings.admin_service_url, settings.mlflow_url) == ("http://admin:8080", "http://mlflow:5000")


def test_what_shares_counters_and_lists_has_redis_and_the_monitor_too() -> None:
    for service in ("gateway", "recommendation", "worker"):
        assert environment(service)["REDIS_URL"] == "redis://redis:6379/0"


def test_the_guide_names_what_the_file_decides() -> None:
    guide = (ROOT / "docs" / "guides" / "run-on-a-server.md").read_text()
    for name in DECIDED:
        if name == "DB_PORT" or not re.search(
            r"^(VIRAL|CTR|RECOMMENDATION|FACE|CONTENT|GATEWAY)_|_PORT$", name
        ):
            assert f"`{name}`" in guide, name
    assert "`VIRAL_URL` to `ADMIN_URL`" in guide
    assert "`VIRAL_PORT` to `ADMIN_PORT`" in guide
