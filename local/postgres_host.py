"""What the machine has to offer a private PostgreSQL: its programs, an account that may run it, a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import PlatformError
from local.preflight import port_free, port_holder

#: Where distributions keep one folder a major version.
VERSIONED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@dataclass(frozen=True)
class Account:
    """Who runs the server: a prefix for its command line, and the uid and gid to give up root for.

    PostgreSQL refuses root. As root the server runs as another account, or in a user namespace of its own,
    where our files look as if an ordinary user owned them.
    """

    prefix: tuple[str, ...] = ()
    ids: tuple[int, int] | None = None

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments of ``subprocess`` that make a process this account's."""
        if self.ids is None:
            return {}
        return {"user": self.ids[0], "group": self.ids[1], "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand ``path`` to the account."""
        if self.ids is not None:
            os.chown(path, *self.ids)


def choose_account(folder: Path) -> Account:
    """The account to run the cluster in ``folder`` as: the owner of its files, or one that can reach it.

    Raises:
        PlatformError: we are root and neither an account nor a user namespace will do.
    """
    owner = folder.stat().st_uid if folder.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise PlatformError(
                f"The data folder {folder} belongs to another user (uid {owner}).",
                hint="Run as that user, or remove the folder to start afresh.",
            )
        return Account()
    if owner:
        return Account(ids=(owner, folder.stat().st_gid))
    if owner is None and (postgres := _postgres_ids()) and _can_reach(postgres, folder.parent):
        return Account(ids=postgres)
    if _namespace_works():
        return Account(prefix=NAMESPACE)
    raise PlatformError(
        f"PostgreSQL does not run as root, and no other account can reach {folder.parent}.",
        hint="Run as an ordinary user, or set ASSAY_HOME to a folder that the account `postgres` can enter.",
    )


def _postgres_ids() -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _can_reach(ids: tuple[int, int], folder: Path) -> bool:
    test = subprocess.run(["test", "-x", str(folder)], **Account(ids=ids).popen, check=False)
    return test.returncode == 0


def _namespace_works() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Programs:
    """A folder of PostgreSQL's programs, and their major version."""

    folder: Path
    major: int = field(compare=False)

    def path(self, name: str) -> str:
        """Full path of a program."""
        return str(self.folder / name)


#: Those of a server, and those of a client: a machine may have the latter alone.
SERVER, CLIENT = ("initdb", "postgres"), ("pg_dump", "pg_restore")


def find_programs(
    asked: Path | None = None, major: int | None = None, *, needed: tuple[str, ...] = SERVER
) -> Programs:
    """PostgreSQL's programs: in ``asked``, else the newest on the machine (of version ``major``, if given).

    Args:
        asked: the only folder to look in; None: the machine's.
        major: of that version alone.
        needed: what must be there: ``SERVER`` or ``CLIENT``.

    Raises:
        PlatformError: there are none, or none of that version.
    """
    found = [asked.expanduser()] if asked is not None else _folders(needed[0])
    candidates = [
        Programs(folder, _major(folder / needed[0]))
        for folder in dict.fromkeys(found)
        if all((folder / name).exists() for name in needed)
    ]
    if not candidates:
        where = f"in {asked}" if asked else "on this machine"
        raise PlatformError(f"PostgreSQL ({', '.join(needed)}) was not found {where}.", hint=_to_get(needed))
    fitting = [each for each in candidates if major in (None, each.major)]
    if not fitting:
        have = ", ".join(sorted({str(each.major) for each in candidates}))
        raise PlatformError(
            f"The data folder was made by PostgreSQL {major}, and this machine has PostgreSQL {have}.",
            hint=f"Install PostgreSQL {major}, or move the data with pg_dump.",
        )
    return max(fitting, key=lambda each: each.major)


def _folders(program: str) -> list[Path]:
    """Where ``program`` may be with its siblings: where the one on the path really lies, where distributions
    put versions, and where the path names it (Debian has a wrapper of each program there).
    """
    versions = [path for pattern in VERSIONED for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which(program)
    return [Path(on_path).resolve().parent, *versions, Path(on_path).parent] if on_path else versions


def _to_get(needed: tuple[str, ...]) -> str:
    if needed == CLIENT:
        return (
            "Install PostgreSQL's client programs (postgresql-client), of the server's version or newer,"
            " or point POSTGRES_BIN at them."
        )
    return (
        "Run `make system`, which installs it, or point POSTGRES_BIN at its programs, or DB_HOST at a server of"
        " yours."
    )


def _major(program: Path) -> int:
    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    words = [word for word in answer.stdout.split() if word[:1].isdigit()]
    return int(words[0].split(".")[0]) if words else 0


def require_free_port(host: str, port: int) -> None:
    """Raise PlatformError when something listens on ``host:port`` already."""
    if not port_free(host, port):
        raise PlatformError(
            f"PostgreSQL cannot listen on {host}:{port}: the port is taken by {port_holder(port)}.",
            hint="Stop that program, or set DB_PORT to a free port.",
        )
