"""`assay admin` on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from cli.main import app
from config.errors import InputError
from config.settings import Settings
from storage.accounts import verify_password

PASSWORD = "correct horse battery"
Call = Callable[..., Result]


@pytest.fixture
def admin(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command; an error of ours is raised, as `assay` itself then shows it."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def call(*arguments: str, given: str | None = None) -> Result:
        result = CliRunner().invoke(app, ["admin", *arguments], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_an_account_is_made_listed_changed_and_disabled(admin: Call, engine: Engine) -> None:
    admin("create", "Ada", "--password-stdin", given=f"{PASSWORD}\n")
    admin("create", "bo", "--role", "viewer", "--password-stdin", given=f"{PASSWORD}\n")
    admin("role", "bo", "verifier")
    admin("disable", "bo")
    found = json.loads(admin("list", "--json").stdout)
    assert [(one["name"], one["role"], one["disabled"]) for one in found] == [
        ("ada", "admin", False),
        ("bo", "verifier", True),
    ]
    assert verify_password(engine, "bo", PASSWORD) is None
    admin("enable", "bo")
    assert verify_password(engine, "bo", PASSWORD) is not None
    assert PASSWORD not in admin("list").output


def test_a_generated_password_is_printed_once_and_lets_in(admin: Call, engine: Engine) -> None:
    first = admin("create", "ada", "--generate").stdout.strip()
    assert len(first) >= 20
    assert verify_password(engine, "ada", first) is not None
    second = admin("password", "ada", "--generate").stdout.strip()
    assert verify_password(engine, "ada", first) is None
    assert verify_password(engine, "ada", second) is not None


def test_what_cannot_be_is_said_in_a_sentence(admin: Call) -> None:
    admin("create", "ada", "--generate")
    for arguments, complaint in (
        (("disable", "ada"), "last admin"),
        (("role", "ada", "viewer"), "last admin"),
        (("role", "ada", "king"), "no role 'king'"),
        (("disable", "eve"), "no account 'eve'"),
        (("create", "ada", "--generate"), "already"),
        (("create", "eve", "--role", "king", "--generate"), "no role 'king'"),
        (("create", "eve", "--generate", "--password-stdin"), "exclude each other"),
        (("create", "eve"), "no terminal"),
    ):
        with pytest.raises(InputError, match=complaint):
            admin(*arguments)


def test_a_password_that_is_too_easy_is_refused_before_anything_is_made(admin: Call) -> None:
    with pytest.raises(InputError, match="characters"):
        admin("create", "ada", "--password-stdin", given="short\n")
    assert json.loads(admin("list", "--json").stdout) == []
