"""Two replicas of a service as processes, and before them nginx with the configuration of the documentation."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from config.settings import Settings
from local.ports import free_port
from tests.gateway_world import SECRET
from tests.integration.serving.conftest import KEY, ROOT, ServiceProcess, eventually

BINARY = shutil.which("nginx") or next((one for one in ("/usr/sbin/nginx",) if Path(one).exists()), None)
CONFIGURATION = ROOT / "docs" / "operations" / "nginx.conf"
#: The last digit of the ports in it.
NUMBERS = {"gateway": 0, "viral": 1, "ctr": 2, "recommendation": 3, "face": 4, "content": 5}
#: What a replica refuses or breaks off is tried again this much later (fail_timeout), and a bit.
RESTED_SECONDS = 8.0
_LINE = re.compile(r'"(?P<upstream>[^"]*)" "[^"]*" \S+$')
_MAIN = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/assay.conf;
}}
"""


class Balancer:
    """nginx with the documentation's file, its ports changed to ports that are free.

    Args:
        replicas: service -> the ports of its replicas; the others' are ports on which nobody listens.
    """

    def __init__(self, folder: Path, replicas: Mapping[str, tuple[int, int]]) -> None:
        self.folder = folder
        self._replicas = replicas
        self._ports = {name: free_port() for name in NUMBERS}
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, service: str) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert BINARY is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "assay.conf").write_text(self._configuration())
        main = self.folder / "nginx.conf"
        main.write_text(_MAIN.format(folder=self.folder))
        command = [BINARY, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(main)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._listens)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def answered_by(self, since: int = 0) -> Counter[str]:
        """How many requests each replica answered, by its port; of the lines of the log after ``since``."""
        return Counter(one.rsplit(":", 1)[-1] for one in self.lines()[since:])

    def lines(self) -> list[str]:
        """Of each request, who answered it; of one that was tried twice, who answered in the end."""
        log = (self.folder / "assay.log").read_text()
        return [found["upstream"].split(", ")[-1] for line in log.splitlines() if (found := _LINE.search(line))]

    def complaints(self) -> str:
        """What nginx logged."""
        return (self.folder / "error.log").read_text()[-2000:]

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.complaints()
        try:
            httpx.get(self.url("gateway"), timeout=2, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def _configuration(self) -> str:
        text = CONFIGURATION.read_text()
        for name, number in NUMBERS.items():
            nobody = (free_port(), free_port())
            first, second = self._replicas.get(name, nobody)
            for written, port in ((8000, first), (8100, second), (8200, self._ports[name])):
                address = f"127.0.0.1:{written + number}"
                assert text.count(address) == 1, address
                text = text.replace(address, f"127.0.0.1:{port}", 1)
        return text.replace("/var/log/nginx", str(self.folder))


class Replica(ServiceProcess):
    """One of the two, on a folder of its own, as on a machine of its own."""

    def _environment(self) -> dict[str, str]:
        found = super()._environment()
        assert self.settings.redis_url
        return {**found, "REDIS_URL": self.settings.redis_url.get_secret_value()}


@dataclass
class Pair:
    """Two replicas of a service behind nginx."""

    service: str
    balancer: Balancer
    replicas: tuple[Any, Any]
    #: As many clients as ask at a time.
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.balancer.url(self.service)


@contextmanager
def two_replicas(service: str, settings: Settings) -> Iterator[Pair]:
    """Two replicas that share registry, database and Redis, behind a balancer. Both have answered."""
    settings = settings.model_copy(update={"prefect_api_url": "http://127.0.0.1:9/api"})
    with ExitStack() as stack:
        replicas = []
        for number in (1, 2):
            own = {f"{service}_port": free_port(), "assay_home": settings.home / f"replica-{number}"}
            replica = Replica(settings.model_copy(update=own), service)
            stack.callback(replica.close)
            replicas.append(replica)
        at_once([one.start for one in replicas])
        first, second = (replica.settings.service_port(service) for replica in replicas)
        balancer = Balancer(settings.home / f"nginx-{service}", {service: (first, second)})
        stack.callback(balancer.stop)
        balancer.start()
        yield Pair(service, balancer, (replicas[0], replicas[1]))


def at_once(works: list[Callable[[], Any]]) -> None:
    """Do all in threads; the first fault is raised."""
    faults: list[BaseException] = []

    def do(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - it is raised below
            faults.append(fault)

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


class GatewayProcess:
    """``python -m serving.gateway`` under given settings."""

    def __init__(self, settings: Settings, urls: Mapping[str, str]) -> None:
        self.settings = settings
        self.url = f"http://127.0.0.1:{settings.gateway_port}"
        self.log = settings.home / "gateway.log"
        self._urls = urls
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving.gateway"], cwd=ROOT, env=self._environment(), stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        eventually(self._answers, 30)

    def kill(self) -> None:
        """Kill all of it at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        """End it, where it runs."""
        if self.process and self.process.poll() is None:
            self.kill()

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        assert settings.redis_url
        names = ("db_host", "db_port", "db_name", "gateway_port", "rate_limit_per_minute")
        return {
            **os.environ,
            **{name.upper(): str(getattr(settings, name) or "") for name in names},
            **{f"{name}_URL".upper(): self._urls.get(name, "http://127.0.0.1:9") for name in NUMBERS},
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "ASSAY_HOME": str(settings.home),
            "ML_API_KEY": KEY,
            "JWT_SECRET": SECRET,
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "LOG_FORMAT": "json",
        }

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx.get(self.url, timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Asked:
    """One answered request: when it began and ended (``time.monotonic``), its version, its record."""

    began: float
    ended: float
    version: str
    identity: str


class Crowd:
    """Clients that ask one after the other until the block ends.

    Args:
        ask: sends question ``number`` of a client; gives the answer.
        read: the version and the id of the record that an answer names.
    """

    def __init__(
        self,
        url: str,
        ask: Callable[[httpx.Client, int], httpx.Response],
        read: Callable[[dict[str, Any]], tuple[str, str]],
        clients: int = 4,
    ) -> None:
        self._url, self._ask, self._read = url, ask, read
        self.asked: list[Asked] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int, seconds: float = 20.0) -> None:
        """Wait until so many more are answered."""
        wanted = len(self.asked) + count
        eventually(lambda: self.failures or len(self.asked) >= wanted, seconds)

    def _run(self, client_number: int) -> None:
        number = client_number * 1_000_000
        with httpx.Client(base_url=self._url, timeout=15, trust_env=False) as client:
            while not self._stop.is_set():
                number += 1
                began = time.monotonic()
                try:
                    answer = self._ask(client, number)
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.failures.append(f"{answer.status_code} {answer.text[:300]}")
                    continue
                version, identity = self._read(answer.json())
                self.asked.append(Asked(began, time.monotonic(), version, identity))
