from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from config.errors import InputError
from config.settings import load_settings
from serving.run import ROOT, SERVICES, service_command, service_environment


def test_the_command_serves_on_the_address_of_the_settings(tmp_path: Path) -> None:
    settings = load_settings(assay_home=tmp_path, viral_port=24500, bind_host="127.0.0.2")
    command = service_command("viral", settings)
    assert command[command.index("--port") + 1] == "24500"
    assert command[command.index("--host") + 1] == "127.0.0.2"
    assert SERVICES["viral"] in command


def test_whatever_the_server_keeps_is_below_the_home_and_it_calls_nobody(tmp_path: Path) -> None:
    settings = load_settings(assay_home=tmp_path, service_workers=3)
    environment = service_environment("viral", settings, {"PYTHONPATH": "/else"})
    for name in ("BENTOML_HOME", "TMPDIR", "ASSAY_HOME"):
        assert Path(environment[name]).is_relative_to(tmp_path)
    assert environment["BENTOML_DO_NOT_TRACK"] == "True"
    assert environment["BENTOML_CONFIG_OPTIONS"] == "services.viral.workers=3"
    assert environment["PYTHONPATH"].split(":") == [str(ROOT), "/else"]


def test_an_unknown_family_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Services: viral"):
        service_command("weather", load_settings(assay_home=tmp_path))


@pytest.mark.parametrize("arguments", [[], ["weather"], ["viral", "ctr"]])
def test_a_wrong_call_ends_with_two_and_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serving.run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "viral" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_the_service_makes_nothing_and_asking_it_early_is_an_error() -> None:
    with warnings.catch_warnings():  # BentoML's own, about what it imports
        warnings.simplefilter("ignore")
        from serving.bento import DirectService, LateApplication
        from serving.viral import ViralService, application

    assert isinstance(ViralService, DirectService)
    assert application.target is None
    with pytest.raises(RuntimeError, match="before it was started"):
        asyncio.run(LateApplication()({"type": "http"}, None, None))  # type: ignore[arg-type]
