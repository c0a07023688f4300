"""What must hold before anything is started; each failure is one sentence that says what to mend."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from config.errors import PlatformError
from local.parts import Part

#: Below this a platform would fill its disk within its first hours.
MIN_FREE_BYTES = 512 * 1024 * 1024
MEGABYTE = 1024 * 1024


def check_home(home: Path) -> None:
    """Make ``home`` where it is missing, and see that it is a folder that we may write to.

    Raises:
        PlatformError: it is not.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("run", "logs", "tmp"):
            (home / name).mkdir(exist_ok=True)
        probe = home / "run" / ".probe"
        probe.write_text("")
        probe.unlink()
    except FileExistsError as error:
        raise PlatformError(
            f"{error.filename} is a file, and must be a folder.", hint="Move it away, or set ASSAY_HOME."
        ) from None
    except OSError as error:
        raise disk_error(error, home) from None


def check_space(home: Path, free: Callable[[Path], int] | None = None) -> None:
    """See that the disk of ``home`` has room to work.

    Raises:
        PlatformError: less than MIN_FREE_BYTES are free.
    """
    left = free(home) if free else shutil.disk_usage(home).free
    if left < MIN_FREE_BYTES:
        raise PlatformError(
            f"The disk of {home} is nearly full: {left // MEGABYTE} MB are free, "
            f"{MIN_FREE_BYTES // MEGABYTE} MB are needed.",
            hint="Free some space, or set ASSAY_HOME to a folder on another disk.",
        )


def check_ports(parts: Sequence[Part]) -> None:
    """See that every port that we shall listen on is free.

    Raises:
        PlatformError: one is taken (which, by whom, and which setting changes it), or two parts share one.
    """
    owners: dict[int, Part] = {}
    for part in parts:
        if part.kind != "server" or part.port is None:
            continue
        if twin := owners.get(part.port):
            raise PlatformError(
                f"{twin.title} and {part.title} are both set to port {part.port}.",
                hint=f"Change {twin.setting} or {part.setting}.",
            )
        owners[part.port] = part
        if not port_free(part.host, part.port):
            raise PlatformError(
                f"Port {part.port} of {part.title} is taken by {port_holder(part.port)}.",
                hint=f"Stop that program, or set {part.setting} to a free port.",
            )


def port_free(host: str, port: int) -> bool:
    """Whether we could listen on ``host:port``."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise PlatformError(
                f"Nothing can listen on {host}:{port} ({error.strerror}).",
                hint="Check BIND_HOST and that port.",
            ) from None
    return True


def port_holder(port: int) -> str:
    """Who listens on ``port``, as well as we may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return "another user's program"
    return "another program"


def disk_error(error: OSError, home: Path) -> PlatformError:
    """The sentence for an operating system error that working in ``home`` met."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PlatformError(
            f"No space is left on the disk of {home}.",
            hint="Free some space, or set ASSAY_HOME to a folder on another disk.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PlatformError(
            f"{error.filename or home} cannot be written ({error.strerror}).",
            hint="Mend its owner and mode, or set ASSAY_HOME to another folder.",
        )
    if error.errno == errno.ENOTDIR:
        return PlatformError(
            f"{home} lies below something that is not a folder.", hint="Set ASSAY_HOME to another folder."
        )
    return PlatformError(f"{error.filename or home}: {error.strerror or error}.")
