"""`assay doctor`: looks at settings and machine, and says for each finding what to mend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from config.errors import AssayError, SettingsError
from config.settings import Settings, load_settings
from local import doctor_machine, doctor_platform
from local.findings import Finding
from local.secrets import with_secrets

Check = Callable[[Settings], Iterator[Finding]]

#: what is looked at, in this order
CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", doctor_machine.python),
    ("packages", doctor_machine.packages),
    ("settings", doctor_platform.every_setting),
    ("secrets", doctor_platform.secrets),
    ("disk", doctor_machine.disk),
    ("postgresql", doctor_platform.database),
    ("objects", doctor_platform.objects),
    ("ports", doctor_platform.ports),
    ("prefect", doctor_platform.prefect),
    ("mlflow", doctor_platform.mlflow),
)


def diagnose() -> list[Finding]:
    """Look at everything; a check that cannot be made is a finding too."""
    findings = []
    try:
        settings = load_settings()
    except SettingsError as error:
        # the rest of the machine is still worth a look
        findings.append(Finding("settings", "error", error.message, error.hint))
        settings = Settings.model_construct()
        chosen = CHECKS[:2]
    else:
        chosen = CHECKS
        with contextlib.suppress(AssayError):  # the check of the secrets will say so
            settings = with_secrets(settings)
    for name, check in chosen:
        findings.extend(_look(name, check, settings))
    return findings


def _look(name: str, check: Check, settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except AssayError as error:
        return [Finding(name, "error", error.message, error.hint)]
    except OSError as error:
        return [Finding(name, "error", f"{error}.")]
