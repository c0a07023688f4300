"""The supervisor with real processes: small ones, so that a whole life of a platform takes a second or two."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from config.errors import PlatformError
from local.console import Console
from local.parts import Part
from local.state import PlatformState, RunFolder
from local.supervisor import Supervisor

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


def part(name: str, code: str = SLEEPER, **options: object) -> Part:
    home = options.pop("home", "")
    return Part(
        name,
        name.title(),
        command=lambda: [sys.executable, "-c", code],
        environment={"ASSAY_PART": name, "ASSAY_HOME": str(home), "PATH": os.environ["PATH"]},
        **options,  # type: ignore[arg-type]
    )


def run(
    home: Path, parts: list[Part], then: Callable[[Callable[[], PlatformState]], Awaitable[None]] | None = None
) -> tuple[PlatformState, str]:
    """Run a platform to its being ready, do ``then``, stop it: (its last state, what it said)."""
    said = io.StringIO()
    folder = RunFolder(home)

    def state() -> PlatformState:
        found = folder.read()
        assert found is not None
        return found

    async def live() -> None:
        supervisor = Supervisor(parts, home, Console(said, [one.name for one in parts]))
        running = asyncio.create_task(supervisor.run())
        while not running.done() and not (
            folder.read() and state().phase == "ready" and state().pid == os.getpid()
        ):
            await asyncio.sleep(0.02)
        try:
            if not running.done() and then is not None:
                await then(state)
        finally:
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)
            await running

    asyncio.run(asyncio.wait_for(live(), 20))
    return state(), said.getvalue()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_parts_start_when_what_they_need_is_ready_and_stop_in_reverse(tmp_path: Path) -> None:
    order = tmp_path / "order"
    trap = (
        "import signal, sys, time\n"
        f"note = lambda word: open({str(order)!r}, 'a').write(word + '\\n')\n"
        "signal.signal(signal.SIGTERM, lambda *_: (note('stop ' + sys.argv[-1]), sys.exit(0)))\n"
        "note('start ' + sys.argv[-1])\n"
        "open(sys.argv[-1] + '.ready', 'w').close()\n"
        "time.sleep(60)\n"
    )

    def traced(name: str, needs: tuple[str, ...] = ()) -> Part:
        return Part(
            name, name, command=lambda: [sys.executable, "-c", trap, str(tmp_path / name)], needs=needs,
            environment={"PATH": os.environ["PATH"]}, probe=lambda _: (tmp_path / f"{name}.ready").exists(),
        )  # fmt: skip

    state, _ = run(tmp_path, [traced("a"), traced("b", ("a",)), traced("c", ("b",))])
    words = [line.replace(f"{tmp_path}/", "") for line in order.read_text().splitlines()]
    assert words == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert state.phase == "stopped"
    assert {one.condition for one in state.parts} == {"stopped"}


def test_a_part_that_dies_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    async def kill(state: Callable[[], PlatformState]) -> None:
        victim, other = state().parts[0].pid, state().parts[1].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        await until(lambda: state().parts[0].restarts == 1 and state().parts[0].condition == "running")
        assert state().parts[0].pid != victim
        assert state().parts[1].pid == other

    _, said = run(tmp_path, [part("a"), part("b")], kill)
    assert "A: it was ended by SIGKILL; next start in" in said


def test_nothing_of_a_part_is_left_when_it_dies_even_what_left_its_group(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "child = subprocess.Popen(sleep, start_new_session=True)\n"
        f"open({str(tmp_path / 'child')!r}, 'a').write(f'{{child.pid}}\\n'); time.sleep(60)"
    )

    async def kill(state: Callable[[], PlatformState]) -> None:
        await until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()))
        pid = state().parts[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len((tmp_path / "child").read_text().split()) == 2)

    run(tmp_path, [part("a", code, home=tmp_path)], kill)
    children = [int(pid) for pid in (tmp_path / "child").read_text().split()]
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in children)


def test_a_stubborn_part_is_killed(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    started = time.monotonic()
    run(tmp_path, [part("a", code, stop_seconds=0.3, probe=lambda _: _logged(tmp_path, "a"))])
    assert time.monotonic() - started < 5


def test_a_job_that_fails_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"Tables did not start: .* \(no such table\)"):
        run(
            tmp_path,
            [part("a"), part("tables", "import sys; sys.exit('no such table')", kind="job", needs=("a",))],
        )
    state = RunFolder(tmp_path).read()
    assert state is not None
    assert state.phase == "failed"
    assert state.error is not None
    assert all(one.pid is None for one in state.parts)


def test_a_server_elsewhere_that_does_not_answer_is_named_with_its_setting(tmp_path: Path) -> None:
    away = Part(
        "db", "PostgreSQL", "external", probe=lambda _: False, url="postgresql://db.example", setting="DB_HOST",
        start_seconds=0.2,
    )  # fmt: skip
    with pytest.raises(PlatformError) as caught:
        run(tmp_path, [away])
    assert "PostgreSQL at postgresql://db.example does not answer" in caught.value.message
    assert "DB_HOST" in str(caught.value.hint)


def test_every_line_is_in_the_parts_file_and_behind_its_name_on_the_console(tmp_path: Path) -> None:
    _, said = run(tmp_path, [part("a", probe=lambda _: _logged(tmp_path, "a"))])
    assert (tmp_path / "logs" / "a.log").read_text() == "up\n"
    assert "a │ up\n" in said


def test_children_die_with_a_supervisor_that_is_killed_and_the_next_start_ends_the_rest(tmp_path: Path) -> None:
    # the grandchild lives in a session of its own and asks for no death signal, as BentoML's workers do
    code = (
        "import subprocess, sys, time\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "child = subprocess.Popen(sleep, start_new_session=True)\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    script = (
        "import asyncio, sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path; from local.console import Console; from local.parts import Part\n"
        "from local.supervisor import Supervisor\n"
        f"environment = {{'ASSAY_PART': 'a', 'ASSAY_HOME': {str(tmp_path)!r}}}\n"
        f"part = Part('a', 'A', command=lambda: [sys.executable, '-c', {code!r}], environment=environment)\n"
        "async def live(): await Supervisor([part], Path(sys.argv[1]), Console(sys.stdout, ['a'])).run()\n"
        "asyncio.run(live())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.DEVNULL
    ) as supervisor:
        deadline = time.monotonic() + 10
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        state = RunFolder(tmp_path).read()
        assert state is not None
        supervisor.kill()
    child, grandchild = state.parts[0].pid, int((tmp_path / "child").read_text())
    assert child is not None
    time.sleep(0.3)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert psutil.pid_exists(grandchild)
    _, said = run(tmp_path, [part("b")])
    assert "ended 1 processes that an earlier run had left behind" in said
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


def _logged(home: Path, name: str) -> bool:
    path = home / "logs" / f"{name}.log"
    return path.exists() and bool(path.read_text())
