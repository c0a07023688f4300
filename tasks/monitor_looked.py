"""What a look at something gave: figures and findings; and many looks at once, each with its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import AssayError
from models.monitoring.contract import PLATFORM, Figure, Finding, Severity

#: The admin page of what is about no family.
PAGE = "/monitoring/platform"


@dataclass(frozen=True)
class Looked:
    """Figures and findings of one look."""

    figures: tuple[Figure, ...] = ()
    findings: tuple[Finding, ...] = ()


def together(looks: Iterable[Looked]) -> Looked:
    """All of them as one."""
    all_of = list(looks)
    return Looked(
        tuple(figure for one in all_of for figure in one.figures),
        tuple(finding for one in all_of for finding in one.findings),
    )


def look_at_all(looks: Mapping[str, Callable[[], Looked]], *, seconds: float) -> Looked:
    """Look at everything at once. What fails, or has not answered after ``seconds``, is a finding.

    A look that hangs is left behind: its thread ends with the process, and nobody waits for it.

    Args:
        looks: what is looked at, as people call it, and how.
        seconds: how long all of them may take.
    """
    done: dict[str, Looked] = {}
    threads = [
        threading.Thread(target=_look, args=(done, name, look), name=f"look at {name}", daemon=True)
        for name, look in looks.items()
    ]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    hung = f"has not answered within {seconds:g} seconds."
    return together(done.get(name) or Looked((), (_trouble(name, f"{_first(name)} {hung}"),)) for name in looks)


def _look(done: dict[str, Looked], name: str, look: Callable[[], Looked]) -> None:
    try:
        done[name] = look()
    except AssayError as error:
        done[name] = Looked((), (_trouble(name, error.message),))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other looks go on and this one is told
        sentence = f"{_first(name)} cannot be looked at: {type(error).__name__}: {error}."
        done[name] = Looked((), (_trouble(name, sentence),))


def platform_finding(
    subject: str, severity: Severity, sentence: str, figures: Mapping[str, Any] | None = None
) -> Finding:
    """What is wrong with the platform itself, with the page that shows its figures over time."""
    return Finding("health", PLATFORM, subject, severity, sentence, PAGE, figures or {})


def _trouble(name: str, sentence: str) -> Finding:
    return platform_finding(name.removeprefix("the "), "critical", sentence)


def _first(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"
