"""The generated secrets of an embedded platform: made once, readable by their owner only, never logged."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from config.errors import PlatformError
from config.settings import Settings

MODE = 0o600
HEADING = (
    "# Made by `assay up`. Keep it secret. A variable of the same name in the environment or in .env wins.\n"
)
#: variable -> bytes of randomness (0: not random)
VARIABLES = {"ML_API_KEY": 32, "JWT_SECRET": 48, "ADMIN_USER": 0, "ADMIN_PASSWORD": 18, "DB_PASSWORD": 24}
#: settings that the file can fill in
FIELDS = tuple(name.lower() for name in VARIABLES)


def secrets_file(home: Path) -> Path:
    """Where the secrets of ``home`` are kept."""
    return home / "secrets.env"


def read_secrets(home: Path) -> dict[str, str]:
    """The variables in the file; empty where there is none.

    Raises:
        PlatformError: the file cannot be read, or a line is not ``NAME=value``.
    """
    path = secrets_file(home)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise PlatformError(
            f"{path} cannot be read ({error}).", hint="Mend its owner and mode (600)."
        ) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise PlatformError(
                f"Line {number} of {path} is not NAME=value.",
                hint="Mend that line; the other secrets are kept.",
            )
        found[name.strip()] = value.strip()
    return found


def ensure_secrets(home: Path) -> Path:
    """Create ``secrets.env`` with mode 600, or add what it lacks; values that are there stay as they are."""
    path = secrets_file(home)
    known = read_secrets(home)
    missing = {name: _generate(size) for name, size in VARIABLES.items() if not known.get(name)}
    if missing:
        _replace(path, HEADING + "".join(f"{name}={value}\n" for name, value in {**known, **missing}.items()))
    elif path.stat().st_mode & 0o077:
        path.chmod(MODE)
    return path


def with_secrets(settings: Settings) -> Settings:
    """``settings`` with every unset secret filled in from the file of its home."""
    found = read_secrets(settings.home)
    values: dict[str, str | SecretStr] = {}
    for name in FIELDS:
        value = found.get(name.upper())
        if value and getattr(settings, name) is None:
            values[name] = value if name == "admin_user" else SecretStr(value)
    return settings.model_copy(update=values)


def _generate(size: int) -> str:
    return secrets.token_urlsafe(size) if size else "admin"


def _replace(path: Path, text: str) -> None:
    # mkstemp makes the file with mode 600, so the secrets are at no moment readable by others
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
