from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.errors import PlatformError
from config.settings import load_settings
from local.secrets import VARIABLES, ensure_secrets, read_secrets, with_secrets


def test_the_first_start_makes_long_secrets_that_only_the_owner_can_read(tmp_path: Path) -> None:
    path = ensure_secrets(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read_secrets(tmp_path)
    assert set(found) == set(VARIABLES)
    assert all(len(found[name]) >= 24 for name, size in VARIABLES.items() if size)


def test_secrets_stay_as_they_are_and_missing_ones_are_added(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("# mine\nML_API_KEY=kept\n")
    first = read_secrets(ensure_secrets(tmp_path).parent)
    assert first["ML_API_KEY"] == "kept"
    assert read_secrets(ensure_secrets(tmp_path).parent) == first


def test_a_mode_that_lets_others_read_is_mended(tmp_path: Path) -> None:
    path = ensure_secrets(tmp_path)
    path.chmod(0o644)
    ensure_secrets(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_platforms_have_different_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert read_secrets(ensure_secrets(tmp_path / "a").parent) != read_secrets(
        ensure_secrets(tmp_path / "b").parent
    )


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("ML_API_KEY=x\nwhat is this\n")
    with pytest.raises(PlatformError, match="Line 2"):
        ensure_secrets(tmp_path)


def test_a_secret_that_is_set_wins_over_the_file(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)
    settings = load_settings(assay_home=tmp_path, ml_api_key="from the environment").model_copy(
        update={"jwt_secret": None}
    )
    filled = with_secrets(settings)
    assert filled.ml_api_key is not None
    assert filled.ml_api_key.get_secret_value() == "from the environment"
    assert filled.jwt_secret is not None
    assert filled.jwt_secret.get_secret_value() == read_secrets(tmp_path)["JWT_SECRET"]
