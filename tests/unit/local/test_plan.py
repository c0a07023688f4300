from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings, load_settings
from local.parts import Part, check_plan
from local.plan import plan


def parts_of(home: Path, **overrides: object) -> dict[str, Part]:
    return {
        part.name: part for part in plan(load_settings(assay_home=home, db_password="p%s w/rd", **overrides))
    }


def test_the_embedded_platform_has_every_part(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    assert list(parts) == [
        "postgres",
        "objects",
        "migrate",
        "prefect",
        "mlflow",
        "deploy",
        "worker",
        "content-worker",
        "viral",
        "ctr",
        "recommendation",
        "face",
        "content",
        "gateway",
        "admin",
    ]
    assert [name for name, part in parts.items() if part.kind == "job"] == ["migrate", "deploy"]
    assert parts["worker"].needs == ("migrate", "deploy")


def test_a_server_that_a_setting_names_is_asked_and_not_started(tmp_path: Path) -> None:
    parts = parts_of(
        tmp_path,
        db_host="db.example",
        minio_endpoint="s3.example:9000",
        prefect_api_url="http://prefect.example/api",
        mlflow_tracking_uri="http://mlflow.example",
    )
    external = {name: part for name, part in parts.items() if part.kind == "external"}
    assert set(external) == {"postgres", "objects", "prefect", "mlflow"}
    assert all(part.command is None and part.probe is not None and part.setting for part in external.values())


def test_no_password_is_on_a_command_line(tmp_path: Path) -> None:
    for part in parts_of(tmp_path).values():
        if part.command is not None:
            assert "w/rd" not in " ".join(part.command())


def test_mlflow_keeps_artifacts_in_the_bucket_of_an_s3_store(tmp_path: Path) -> None:
    settings = {"minio_endpoint": "s3.example:9000", "minio_root_user": "me", "minio_root_password": "mine"}
    environment = parts_of(tmp_path, **settings)["mlflow"].environment
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://ml-artifacts/mlflow"
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == "http://s3.example:9000"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "mine"


def test_every_port_and_address_setting_that_a_part_names_exists(tmp_path: Path) -> None:
    names = {part.setting for part in parts_of(tmp_path).values() if part.setting}
    assert names <= {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ((Part("a", "A"), Part("a", "A")), "two parts are called a"),
        ((Part("a", "A", needs=("b",)), Part("b", "B")), "a needs b"),
    ],
)
def test_a_plan_that_could_not_come_up_is_refused(parts: tuple[Part, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_plan(parts)


def test_the_worker_keeps_its_temporary_files_in_the_home_apart_from_other_users(tmp_path: Path) -> None:
    assert parts_of(tmp_path)["worker"].environment["TMPDIR"] == str(tmp_path / "tmp")


def test_flow_runs_log_as_json_where_everything_does(tmp_path: Path) -> None:
    name = "PREFECT_LOGGING_SETTINGS_PATH"
    assert name not in parts_of(tmp_path)["worker"].environment
    path = parts_of(tmp_path, log_format="json")["worker"].environment[name]
    assert Path(path).is_file()
