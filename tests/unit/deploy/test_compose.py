"""The compose file and the Dockerfile say what the code can do. No Docker engine is needed, and none was used.

What stays unproven here: that the images can be pulled, that the image builds on a real engine, and that the
containers come up together. docs/guides/run-on-a-server.md says so too.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config.settings import TELEMETRY_OFF, Settings
from tests.unit.deploy.composed import COMPOSE, OURS, ROOT, SERVICES, VARIABLE, environment

DOCKERFILE = ROOT / "Dockerfile"
ONE_SHOT = {"migrate", "deploy"}
SETTINGS = {name.upper() for name in Settings.model_fields}
SECRETS = {
    name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
} | {"MINIO_ROOT_USER"}
#: Who does not use what they are for has none.
MAY_BE_LEFT_OUT = {"ALERT_WEBHOOK_URL", "ALERT_SLACK_URL", "ALERT_SMTP_PASSWORD", "CONTENT_WEBHOOK_SECRET"}

#: What other programs read, and which of them. Everything else that we pass must be a setting of ours.
OTHER_PROGRAMS = {
    "POSTGRES_USER": "postgres image", "POSTGRES_PASSWORD": "postgres image", "POSTGRES_DB": "postgres image",
    "POSTGRES_INITDB_ARGS": "postgres image", "PGPASSWORD": "libpq",
    "AWS_ACCESS_KEY_ID": "boto3, SeaweedFS", "AWS_SECRET_ACCESS_KEY": "boto3, SeaweedFS",
    "AWS_DEFAULT_REGION": "boto3",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "MLflow", "MLFLOW_BACKEND_STORE_URI": "MLflow",
    "MLFLOW_S3_ENDPOINT_URL": "MLflow",
    "PREFECT_HOME": "Prefect", "PREFECT_SERVER_EPHEMERAL_ENABLED": "Prefect", "PREFECT_UI_API_URL": "Prefect",
    "PREFECT_UI_STATIC_DIRECTORY": "Prefect", "PREFECT_SERVER_ENCRYPTION_KEY": "Prefect",
    "PREFECT_LOGGING_SETTINGS_PATH": "Prefect", "PREFECT_WORKER_QUERY_SECONDS": "Prefect",
    "PREFECT_SERVER_DATABASE_DRIVER": "Prefect",
    "PREFECT_SERVER_DATABASE_HOST": "Prefect", "PREFECT_SERVER_DATABASE_PORT": "Prefect",
    "PREFECT_SERVER_DATABASE_USER": "Prefect", "PREFECT_SERVER_DATABASE_PASSWORD": "Prefect",
    "PREFECT_SERVER_DATABASE_NAME": "Prefect", "FORWARDED_ALLOW_IPS": "uvicorn",
}  # fmt: skip

#: The keys of the compose specification that this file uses, with their shapes: a mistyped key is an error.
STRING, STRINGS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
SIZE = {"type": "string", "pattern": r"^\d+[kmg]$"}
SERVICE_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart", "mem_limit", "logging", "security_opt"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[\w./-]+:\d+\.\d+[\w.-]*$"},
        "build": STRING,
        "user": STRING,
        "init": {"type": "boolean"},
        "restart": {"type": "string", "pattern": r"^(unless-stopped|on-failure:\d+)$"},
        "cap_drop": STRINGS,
        "security_opt": STRINGS,
        "logging": {"type": "object", "required": ["driver", "options"]},
        "mem_limit": SIZE,
        "shm_size": SIZE,
        "command": STRINGS,
        "environment": {"type": "object", "additionalProperties": STRING},
        "ports": STRINGS,
        "volumes": STRINGS,
        "configs": {"type": "array", "items": {"type": "object", "required": ["source", "target"]}},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
                "required": ["condition"],
                "additionalProperties": False,
            },
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries", "start_period"],
            "properties": {
                "test": STRINGS,
                "interval": DURATION,
                "timeout": DURATION,
                "retries": {"type": "integer"},
                "start_period": DURATION,
            },
        },
    },
}
COMPOSE_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"const": "assay"},
        "services": {"type": "object", "additionalProperties": SERVICE_SCHEMA},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
        "configs": {"type": "object"},
    },
    "patternProperties": {"^x-": {}},
    "required": ["services", "volumes"],
    "additionalProperties": False,
}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def variables() -> list[re.Match[str]]:
    lines = [line for line in COMPOSE.read_text().splitlines() if not line.lstrip().startswith("#")]
    return list(VARIABLE.finditer("\n".join(lines)))


def test_the_file_has_the_shape_that_compose_asks_for() -> None:
    jsonschema.validate(document(), COMPOSE_SCHEMA)


def test_a_mistyped_key_would_be_noticed() -> None:
    broken = document()
    broken["services"]["viral"]["memlimit"] = "1g"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, COMPOSE_SCHEMA)


def test_the_platform_is_complete() -> None:
    tools = {
        "postgres",
        "objects",
        "redis",
        "prefect",
        "worker",
        "content-worker",
        "mlflow",
        "migrate",
        "deploy",
        "gateway",
        "admin",
    }
    assert set(SERVICES) >= tools
    from models.family import FAMILIES
    from serving.content_app import FAMILIES as CONTENT_FAMILIES

    assert {*SERVICES, *CONTENT_FAMILIES} >= set(FAMILIES), "each family has a service"


def test_every_variable_is_a_setting() -> None:
    assert {match["name"] for match in variables()} <= {
        *SETTINGS,
        "FORWARDED_ALLOW_IPS",
        "PREFECT_SERVER_ENCRYPTION_KEY",
    }


def test_every_value_given_to_a_container_is_read_by_something() -> None:
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    assert given - SETTINGS - set(TELEMETRY_OFF) <= set(OTHER_PROGRAMS)


def test_no_secret_has_a_value_or_a_default() -> None:
    for match in variables():
        if match["name"] in MAY_BE_LEFT_OUT:
            assert (match["kind"], match["text"]) == ("-", "")
        elif match["name"] in SECRETS:
            assert match["kind"] == "?", f"{match['name']} must be required"
            assert match["text"], "and say what is missing"


def test_secrets_are_passed_on_only_as_variables() -> None:
    """A literal beside a name that sounds secret is a secret in the file."""
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|ACCESS_KEY|API_KEY", name):
                assert VARIABLE.fullmatch(value), f"{name} holds a literal"


def test_production_settings_accept_what_the_file_requires() -> None:
    """With each required variable set to something long, the services' environment makes valid settings."""
    known = {name.lower(): value for name, value in environment("viral").items() if name in SETTINGS and value}
    settings = Settings(_env_file=None, **known)  # type: ignore[call-arg]
    assert settings.assay_env == "production"
    assert settings.database_port == 5432
    assert not settings.embedded_database
    assert not settings.embedded_objects


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_ours_exists(name: str) -> None:
    command = SERVICES[name]["command"]
    if command[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(command[2]) is not None
        if command[2] == "serving.run":
            assert f"{command[3]}_port" in Settings.model_fields
    elif command[:2] == ["python", "-c"]:
        compile(command[2], name, "exec")
        for module, attribute in re.findall(r"from (\S+) import (\w+)", command[2]):
            assert hasattr(importlib.import_module(module), attribute)
    elif command[0] == "python":
        assert (ROOT / command[1]).is_file()
    else:
        assert (
            shutil.which(command[0], path=str(Path(shutil.which("python") or "").parent))
            or (ROOT / ".venv" / "bin" / command[0]).exists()
        )


def test_every_port_is_bound_to_loopback_and_can_be_moved() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:${"), f"{name}: {port}"


def test_inner_ports_are_the_defaults_of_the_settings() -> None:
    """The variable moves the outer port; inside, a part listens where its default is."""
    for service in SERVICES.values():
        for port in service.get("ports", []):
            match = VARIABLE.search(port)
            assert match is not None
            default = Settings.model_fields[match["name"].lower()].default
            assert port.endswith(f":{default}")
            assert match["text"] == str(default)


def test_every_part_that_stays_up_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) is (name not in ONE_SHOT)


def test_health_checks_use_programs_that_their_images_have() -> None:
    """Seen in each image's own Dockerfile; our slim image has Python and neither curl nor wget."""
    programs = {"postgres": "pg_isready", "objects": "curl", "redis": "redis-cli"}
    for name, service in SERVICES.items():
        if name not in ONE_SHOT:
            words = " ".join(service["healthcheck"]["test"][1:])
            assert words.startswith(programs.get(name, "python -c"))


def test_nothing_waits_for_a_part_that_does_not_exist() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert (condition["condition"] == "service_completed_successfully") is (other in ONE_SHOT)
            assert other in SERVICES


def test_every_volume_is_named_and_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(document()["volumes"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_part_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert name in OURS or service["user"] not in ("root", "0", "0:0")


@pytest.mark.parametrize("name", OURS)
def test_telemetry_is_off_in_every_part_of_ours(name: str) -> None:
    assert SERVICES[name]["environment"].items() >= TELEMETRY_OFF.items()


def test_the_object_store_sends_no_telemetry_and_opens_one_door() -> None:
    command = SERVICES["objects"]["command"]
    assert "-master.telemetry=false" in command
    assert "-ip.bind=127.0.0.1" in command


def instructions(verb: str) -> list[str]:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{verb} ")]


def test_the_image_ends_as_a_user_other_than_root() -> None:
    assert instructions("USER") == ["assay"]
    assert any("useradd --uid 10001" in line for line in instructions("RUN"))


def test_the_image_has_the_programs_of_a_backup_at_the_version_of_the_server() -> None:
    """pg_dump refuses a server that is newer than itself."""
    server = re.match(r"postgres:(\d+)\.", SERVICES["postgres"]["image"])
    assert server is not None
    assert any(f" postgresql-client-{server[1]} " in line for line in instructions("RUN"))


def test_base_images_are_pinned_to_the_python_of_the_lock() -> None:
    for image in instructions("FROM"):
        assert re.match(r"python:3\.11\.\d+-slim-\w+( AS \w+)?$", image)


def copied() -> list[str]:
    lines = [line for line in instructions("COPY") if "--from" not in line]
    return [source for line in lines for source in line.split()[:-1]]


def test_every_copied_source_exists_and_is_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in allowed


def test_every_package_of_the_project_is_in_the_image() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    modules = {f"{name}.py" for name in project["tool"]["setuptools"]["py-modules"]}
    assert packages | modules <= set(copied())


def test_dependencies_come_from_the_lock() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert len(installs) == 2
    assert "-c requirements.lock" in installs[0]
    assert "--no-deps" in installs[1]


def test_prefect_makes_its_pages_where_it_may_write() -> None:
    # by default among its packages, which belong to root: it would start without pages, and be healthy
    assert environment("prefect")["PREFECT_UI_STATIC_DIRECTORY"] == "/tmp"
