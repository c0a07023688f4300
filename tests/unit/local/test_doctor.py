from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import load_settings
from local import doctor_machine, doctor_platform
from local.doctor import diagnose
from local.findings import Finding


def only(findings: list[Finding], status: str) -> list[Finding]:
    return [finding for finding in findings if finding.status == status]


def test_a_wrong_setting_is_an_error_and_the_rest_is_still_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_PORT", "many")
    findings = diagnose()
    assert "VIRAL_PORT" in only(findings, "error")[0].detail
    assert {"python", "packages"} <= {finding.check for finding in findings}


def test_a_version_that_is_not_the_locked_one_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("typer==0.0.1\nnot-there==1.0\n")
    [finding] = doctor_machine.packages(load_settings(), lock)
    assert finding.status == "warning"
    assert "not 0.0.1" in finding.detail
    assert "not-there is missing" in finding.detail


def test_secrets_that_others_can_read_are_an_error_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text("ML_API_KEY=x\n")
    path.chmod(0o640)
    [finding] = doctor_platform.secrets(load_settings(assay_home=tmp_path))
    assert (finding.status, finding.hint) == ("error", f"chmod 600 {path}")


def test_a_well_known_secret_is_warned_of(tmp_path: Path) -> None:
    findings = list(doctor_platform.every_setting(load_settings(assay_home=tmp_path, ml_api_key="changeme")))
    assert "ML_API_KEY" in only(findings, "warning")[0].detail


def test_a_server_that_is_away_is_an_error_that_names_its_setting(tmp_path: Path) -> None:
    settings = load_settings(assay_home=tmp_path, mlflow_tracking_uri="http://127.0.0.1:9")
    [finding] = doctor_platform.mlflow(settings)
    assert finding.status == "error"
    assert "MLFLOW_TRACKING_URI" in str(finding.hint)


def test_listening_to_the_world_is_warned_of(tmp_path: Path) -> None:
    findings = list(doctor_platform.every_setting(load_settings(assay_home=tmp_path, bind_host="0.0.0.0")))  # noqa: S104
    assert "BIND_HOST" in str(only(findings, "warning")[0].hint)
