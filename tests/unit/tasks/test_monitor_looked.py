"""Many looks at once: one that fails or hangs takes no other with it."""

from __future__ import annotations

import threading

from config.errors import StoreUnavailable
from models.monitoring.contract import Figure
from tasks.monitor_looked import Looked, look_at_all


def well() -> Looked:
    return Looked((Figure("a", 1.0),))


def away() -> Looked:
    raise StoreUnavailable("The object store at x cannot be reached.")


def broken() -> Looked:
    raise ZeroDivisionError("by zero")


def test_what_fails_is_a_finding_and_the_rest_goes_on() -> None:
    seen = look_at_all({"the disk": well, "the object store": away, "the thing": broken}, seconds=5)
    assert [one.name for one in seen.figures] == ["a"]
    assert {one.fingerprint: one.sentence for one in seen.findings} == {
        "health/platform/object store": "The object store at x cannot be reached.",
        "health/platform/thing": "The thing cannot be looked at: ZeroDivisionError: by zero.",
    }
    assert {one.severity for one in seen.findings} == {"critical"}
    assert {one.link for one in seen.findings} == {"/monitoring/platform"}


def test_what_hangs_is_left_behind() -> None:
    released = threading.Event()

    def hangs() -> Looked:
        released.wait(30)
        return Looked()

    seen = look_at_all({"MLflow": hangs, "the disk": well}, seconds=0.2)
    released.set()
    assert [one.sentence for one in seen.findings] == ["MLflow has not answered within 0.2 seconds."]
    assert [one.name for one in seen.figures] == ["a"]
