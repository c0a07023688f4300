from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import SettingsError
from config.settings import load_settings

STRONG = "x9" * 16


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DB_HOST", "DB_PORT", "ASSAY_HOME", "ASSAY_ENV", "ML_API_KEY", "VIRAL_THRESHOLDS"):
        monkeypatch.delenv(name, raising=False)


def test_with_nothing_set_everything_is_embedded_and_local() -> None:
    settings = load_settings()
    assert settings.embedded_database
    assert settings.embedded_objects
    assert settings.database_url() == "postgresql+psycopg://assay@127.0.0.1:54329/assay"
    assert settings.prefect_url == "http://127.0.0.1:4200/api"


def test_an_external_server_is_taken_at_its_usual_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "db.internal")
    monkeypatch.setenv("DB_PASSWORD", "p@ss/word")
    assert (
        load_settings().database_url("other")
        == "postgresql+psycopg://assay:p%40ss%2Fword@db.internal:5432/other"
    )


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "")
    assert load_settings().embedded_database


def test_the_environment_wins_over_dotenv_and_dotenv_over_generated_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".assay").mkdir()
    (tmp_path / ".assay" / "secrets.env").write_text(
        "ML_API_KEY=from-secrets\nJWT_SECRET=from-secrets\nDB_PASSWORD=s\n"
    )
    (tmp_path / ".env").write_text("JWT_SECRET=from-dotenv\nDB_PASSWORD=d\n")
    monkeypatch.setenv("DB_PASSWORD", "from-environment")
    settings = load_settings()
    assert settings.ml_api_key is not None
    assert settings.ml_api_key.get_secret_value() == "from-secrets"
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == "from-dotenv"
    assert settings.db_password is not None
    assert settings.db_password.get_secret_value() == "from-environment"


@pytest.mark.parametrize("value", ["50000,500000", "5,4,3", "0,10,20", "a,b,c", "10,10,20"])
def test_thresholds_that_do_not_rise_are_refused_by_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_THRESHOLDS", value)
    with pytest.raises(SettingsError, match="VIRAL_THRESHOLDS"):
        load_settings()


def test_thresholds_may_be_written_with_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_THRESHOLDS", "50_000, 500_000, 2_000_000")
    assert load_settings().viral_thresholds == (50_000, 500_000, 2_000_000)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("CTR_BANDS", "0.1, 0.2 ,0.3", (0.1, 0.2, 0.3)),
        ("RECOMMENDATION_MIX", " 0.5,0.25 , 0.25", (0.5, 0.25, 0.25)),
        ("FACE_CLASSES", "Soft , Warm tones", ("Soft", "Warm tones")),
        ("ANALYSIS_LANGUAGES", "EN, de,,", ("en", "de")),
    ],
)
def test_a_list_is_written_with_commas(
    name: str, text: str, values: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(load_settings(), name.lower()) == values


def test_an_empty_part_of_a_list_is_refused_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTR_BANDS", "0.1,,0.3")
    with pytest.raises(SettingsError, match=r"CTR_BANDS\.1"):
        load_settings()


def test_all_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "DB_PORT" in str(caught.value)
    assert "LOG_LEVEL" in str(caught.value)


@pytest.mark.parametrize("secret", [None, "changeme", "minioadmin", "short"])
def test_production_refuses_a_missing_default_or_short_secret(
    secret: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ENV", "production")
    monkeypatch.setenv("JWT_SECRET", STRONG)
    monkeypatch.setenv("DB_PASSWORD", STRONG)
    if secret is not None:
        monkeypatch.setenv("ML_API_KEY", secret)
    with pytest.raises(SettingsError, match="ML_API_KEY") as caught:
        load_settings()
    assert secret is None or secret not in str(caught.value)


def test_production_starts_with_strong_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ENV", "production")
    for name in ("ML_API_KEY", "JWT_SECRET", "DB_PASSWORD"):
        monkeypatch.setenv(name, STRONG)
    assert load_settings().assay_env == "production"


def test_secrets_do_not_show_in_the_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_API_KEY", "do-not-show-me")
    assert "do-not-show-me" not in repr(load_settings())
