"""`assay token`."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError, SettingsError
from config.settings import get_settings

SECRET = "a secret of at least thirty-two characters, for tests"


def call(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["token", *arguments])
    if answer.exception is not None:
        raise answer.exception
    return answer.stdout.strip()


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setattr("config.settings.get_settings", get_settings.__wrapped__)


def test_a_token_says_who_and_for_how_long() -> None:
    claims = jwt.decode(call("--user", "u-1", "--role", "creator", "--hours", "2"), SECRET, ["HS256"])
    assert (claims["sub"], claims["roles"]) == ("u-1", ["creator"])
    assert claims["exp"] - time.time() == pytest.approx(7200, abs=30)


def test_it_names_the_issuer_and_the_audience_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_ISSUER", "https://id.example")
    monkeypatch.setenv("JWT_AUDIENCE", "assay")
    claims = jwt.decode(call("--user", "u-1"), SECRET, ["HS256"], audience="assay", issuer="https://id.example")
    assert claims["roles"] == ["user"]


def test_unknown_roles_and_a_missing_secret_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="root"):
        call("--user", "u-1", "--role", "root")
    monkeypatch.delenv("JWT_SECRET")
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        call("--user", "u-1")
