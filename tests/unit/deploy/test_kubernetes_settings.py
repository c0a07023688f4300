"""Settings, secrets and commands in the Kubernetes manifests are those that the code has."""

from __future__ import annotations

import importlib
import importlib.util
import re

from config.settings import Settings
from docs.tools.commands import parse_assay
from tasks.monitor_services import addresses
from tests.unit.deploy.kustomized import (
    EVERY,
    KUBERNETES,
    WORKLOADS,
    containers,
    needs_kubectl,
    of_kind,
)

pytestmark = needs_kubectl
SETTINGS = {name.upper() for name in Settings.model_fields}
SECRETS = {
    name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
}
#: What other programs read, and which of them.
OTHER_PROGRAMS = {
    "HOME": "programs that write below it", "MPLCONFIGDIR": "matplotlib", "PREFECT_HOME": "Prefect",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "Prefect", "PREFECT_SERVER_ANALYTICS_ENABLED": "Prefect",
    "PREFECT_UI_API_URL": "Prefect", "PREFECT_UI_STATIC_DIRECTORY": "Prefect",
    "PREFECT_SERVER_ENCRYPTION_KEY": "Prefect",
    "PREFECT_WORKER_QUERY_SECONDS": "Prefect",
    "PREFECT_LOGGING_SETTINGS_PATH": "Prefect",
    "PREFECT_SERVER_DATABASE_DRIVER": "Prefect", "PREFECT_SERVER_DATABASE_HOST": "Prefect",
    "PREFECT_SERVER_DATABASE_PORT": "Prefect", "PREFECT_SERVER_DATABASE_USER": "Prefect",
    "PREFECT_SERVER_DATABASE_PASSWORD": "Prefect", "PREFECT_SERVER_DATABASE_NAME": "Prefect",
    "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES": "prefect-kubernetes",
    "DO_NOT_TRACK": "many", "MLFLOW_DISABLE_TELEMETRY": "MLflow", "BENTOML_DO_NOT_TRACK": "BentoML",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "MLflow", "MLFLOW_S3_ENDPOINT_URL": "MLflow", "POD_IP": "our command",
    "PGPASSWORD": "libpq", "AWS_DEFAULT_REGION": "boto3", "AWS_ACCESS_KEY_ID": "boto3",
    "AWS_SECRET_ACCESS_KEY": "boto3", "FORWARDED_ALLOW_IPS": "uvicorn", "FLOW_IMAGE": "tasks.kubernetes_pool",
}  # fmt: skip


@EVERY
def test_every_value_given_to_a_container_is_read_by_something(root: str) -> None:
    given = {name for one in of_kind(root, "ConfigMap").values() for name in one["data"] if name != "pool.json"}
    given |= {
        each["name"]
        for one in of_kind(root, *WORKLOADS).values()
        for container in containers(one)
        for each in container.get("env", ())
    }
    assert given - SETTINGS <= set(OTHER_PROGRAMS)


@EVERY
def test_no_secret_is_in_a_file(root: str) -> None:
    """Secrets have names here, and nothing else: they are made beside the manifests."""
    assert not of_kind(root, "Secret")
    wanted = {line.partition("=") for line in (KUBERNETES / "secrets.env.example").read_text().splitlines()
              if line and not line.startswith("#")}  # fmt: skip
    assert {value for _, _, value in wanted} == {""}
    known = {name for name, _, _ in wanted}
    assert known <= SETTINGS
    for one in of_kind(root, *WORKLOADS).values():
        for container in containers(one):
            for each in container.get("env", ()):
                asked = each.get("valueFrom", {}).get("secretKeyRef")
                assert asked is None or asked["key"] in known or asked.get("optional")
                assert (
                    asked
                    or not re.search(r"PASSWORD|SECRET|ACCESS_KEY|API_KEY$", each["name"])
                    or (each["name"] == "REQUIRE_API_KEY")
                )
    settings = of_kind(root, "ConfigMap")["assay-settings"]["data"]
    assert not (SECRETS - {"REDIS_URL"}) & set(settings), "Redis asks for no password here"


@EVERY
def test_production_accepts_the_settings(root: str) -> None:
    data = of_kind(root, "ConfigMap")["assay-settings"]["data"]
    keys = [line.rstrip("=") for line in (KUBERNETES / "secrets.env.example").read_text().splitlines()
            if line.endswith("=")]  # fmt: skip
    values = {name.lower(): value for name, value in data.items()} | {key.lower(): "x" * 32 for key in keys}
    settings = Settings(_env_file=None, **values)
    assert settings.assay_env == "production"
    assert not settings.embedded_database
    assert not settings.embedded_objects
    assert (settings.dask_scheduler_address is not None) is (root != "base")


@EVERY
def test_the_monitor_finds_each_service_by_its_name_and_people_by_a_public_one(root: str) -> None:
    """Flow runs, the monitor among them, have these settings; what is public may not be reached from inside."""
    data = of_kind(root, "ConfigMap")["assay-settings"]["data"]
    settings = Settings.model_construct(**{name.lower(): value for name, value in data.items()})
    for name, address in addresses(settings).items():
        (port,) = of_kind(root, "Service")[name]["spec"]["ports"]
        assert address == f"http://{name}:{port['port']}"
    if root != "base":
        assert settings.admin_ui_url == data["ADMIN_PUBLIC_URL"]
    assert settings.redis_url == "redis://redis:6379/0"


@EVERY
def test_every_program_is_given_what_it_is_told_to_read(root: str) -> None:
    """Settings reach our own programs; a variable in a command is one that its container has."""
    maps = {name: set(one["data"]) for name, one in of_kind(root, "ConfigMap").items()}
    for name, one in of_kind(root, *WORKLOADS).items():
        for container in containers(one):
            sources = [each.get("configMapRef", {}).get("name") for each in container.get("envFrom", ())]
            has = {each["name"] for each in container.get("env", ())}
            has |= {key for source in sources if source for key in maps[source]}
            for variable in re.findall(r"\$\((\w+)\)", " ".join(container.get("command", ()))):
                assert variable in has, (name, variable)
            if container.get("command", [""])[0] in ("python", "assay"):
                assert {"ASSAY_ENV", "PREFECT_HOME"} <= has, name


@EVERY
def test_every_command_of_ours_exists(root: str) -> None:
    root_folder = KUBERNETES.parents[1]
    for one in of_kind(root, *WORKLOADS).values():
        for container in containers(one):
            command: list[str] = container.get("command", [])
            if command[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(command[2]) is not None
            elif command[:2] == ["python", "-c"]:
                for module, attribute in re.findall(r"from (\S+) import (\w+)", command[2]):
                    assert hasattr(importlib.import_module(module), attribute)
            elif command[:1] == ["python"]:
                assert (root_folder / command[1]).is_file()
            elif command[:1] == ["assay"]:
                assert parse_assay(command[1:]) is None
            elif command:
                assert command[0] in ("prefect", "mlflow", "dask")
