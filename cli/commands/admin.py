"""`assay admin`: who may use the admin pages."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.database import database
from cli.output import print_json, print_table, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name to log in with, such as ada.")]
_ROLES = "viewer reads; verifier also decides; admin does the rest."
Role = Annotated[str, typer.Option(help=_ROLES)]
FirstRole = Annotated[str | None, typer.Option("--role", help=_ROLES)]
FromStandardInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it, this once.")]
GENERATED_BYTES = 18

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Who may use the admin pages, and in which role."
)


@app.command()
def create(
    name: Name, role: FirstRole = None, password_stdin: FromStandardInput = False, generate: Generate = False
) -> None:
    """Make an account. The password is asked for twice, hidden.

    Without a role the first account is an admin, and those after it are verifiers.
    """
    from datetime import UTC, datetime

    from storage.accounts import check_role, create_account, list_accounts

    if role is not None:
        check_role(role)
    password = _password(name, from_standard_input=password_stdin, generate=generate)
    with database() as engine:
        role = role or ("verifier" if list_accounts(engine) else "admin")
        made = create_account(engine, name=name, role=role, password=password, at=datetime.now(UTC))
    say(f"{made.name} may log in as {made.role}.")
    if generate:
        typer.echo(password)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All accounts, with their roles and last logins."""
    from storage.accounts import list_accounts

    with database() as engine:
        found = list_accounts(engine)
    if as_json:
        print_json(found)
        return
    rows = [
        {**vars(one), "state": "disabled" if one.disabled else "active", "last_login": one.last_login_at}
        for one in found
    ]
    print_table(
        rows, ["name", "role", "state", "last_login"], empty="Nobody has an account yet: `assay admin create`."
    )


@app.command()
def password(name: Name, password_stdin: FromStandardInput = False, generate: Generate = False) -> None:
    """Give an account another password; its sessions end."""
    from storage.accounts import get_account, set_password

    with database() as engine:
        get_account(engine, name)  # before anybody types a password
        chosen = _password(name, from_standard_input=password_stdin, generate=generate)
        set_password(engine, name, chosen)
    say(f"The password of {name} is changed.")
    if generate:
        typer.echo(chosen)


@app.command()
def role(
    name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, verifier or admin.")]
) -> None:
    """Give an account another role."""
    from storage.accounts import set_role

    with database() as engine:
        changed = set_role(engine, name, role)
    say(f"{changed.name} is now {changed.role}.")


@app.command()
def disable(name: Name) -> None:
    """Keep an account from logging in, and end its sessions."""
    _set_disabled(name, disabled=True)


@app.command()
def enable(name: Name) -> None:
    """Let a disabled account log in again."""
    _set_disabled(name, disabled=False)


def _set_disabled(name: str, *, disabled: bool) -> None:
    from storage.accounts import set_disabled

    with database() as engine:
        changed = set_disabled(engine, name, disabled)
    say(f"{changed.name} is {'disabled' if changed.disabled else 'enabled'}.")


def _password(name: str, *, from_standard_input: bool, generate: bool) -> str:
    """The password by one of the three ways. Raises InputError."""
    from config.errors import InputError
    from storage.accounts import check_password

    if from_standard_input and generate:
        raise InputError("--password-stdin and --generate exclude each other.")
    if generate:
        import secrets

        return secrets.token_urlsafe(GENERATED_BYTES)
    chosen = _line() if from_standard_input else _asked_twice()
    check_password(name, chosen)
    return chosen


def _line() -> str:
    import sys

    return sys.stdin.readline().rstrip("\r\n")


def _asked_twice() -> str:
    import sys
    from getpass import getpass

    from config.errors import InputError

    if not sys.stdin.isatty():
        raise InputError(
            "There is no terminal to ask for the password on.", hint="Use --password-stdin or --generate."
        )
    first = getpass("Password: ")
    if getpass("Again: ") != first:
        raise InputError("The two passwords differ.")
    return first
