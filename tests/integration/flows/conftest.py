"""The whole path of the flows, on real servers: a database with a sample world, MLflow, Prefect."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from config.settings import Settings
from registry.registry import Registry
from storage.datasets.repository import DatasetRepository
from storage.objects import open_store
from tests.viral_world import snapshots

#: Prefect's own clients leave sockets to the garbage collector.
PREFECT_SOCKETS = pytest.mark.filterwarnings("ignore:Exception ignored in. <(socket|_Selector|ssl)")


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    yield
    gc.collect()  # now, while the mark above holds, and not in a test of someone else


@pytest.fixture
def flow_settings(ml_settings: Settings, prefect_here: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as flows read them: from the environment, as a worker's process has it."""
    chosen = ml_settings.model_copy(update={"prefect_api_url": prefect_here})
    password = chosen.db_password.get_secret_value() if chosen.db_password else ""
    environment = {
        "ASSAY_HOME": str(chosen.home),
        "DB_HOST": str(chosen.db_host),
        "DB_PORT": str(chosen.db_port),
        "DB_USER": chosen.db_user,
        "DB_PASSWORD": password,
        "DB_NAME": chosen.db_name,
        "MLFLOW_TRACKING_URI": chosen.mlflow_url,
        "PREFECT_API_URL": chosen.prefect_url,
        "MIN_TRAINING_SAMPLES": str(chosen.min_training_samples),
        "RETRAIN_ACCURACY_THRESHOLD": str(chosen.retrain_accuracy_threshold),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.fixture
def world(engine: Engine) -> None:
    """The sample world's snapshots in the database."""
    from storage.bulk import load_snapshots

    load_snapshots(engine, snapshots())


@pytest.fixture
def datasets(flow_settings: Settings) -> DatasetRepository:
    return DatasetRepository(open_store(flow_settings))


@pytest.fixture
def registry(flow_settings: Settings, engine: Engine) -> Iterator[Registry]:
    made = Registry(flow_settings, engine)
    yield made
    made.close()


Report = Callable[[str], str]


@pytest.fixture
def report(flow_settings: Settings) -> Report:
    """The text of the latest artifact with a key."""
    import httpx

    def read(key: str) -> str:
        answer = httpx.get(f"{flow_settings.prefect_url}/artifacts/{key}/latest", timeout=10, trust_env=False)
        return str(answer.raise_for_status().json()["data"])

    return read
