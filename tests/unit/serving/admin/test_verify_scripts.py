"""The parts of the verify page's scripts that need no page, under node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "verify_scripts.test.mjs"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_queue_store_and_keys() -> None:
    ran = subprocess.run(
        ["node", "--test", str(TESTS)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert "# fail 0" in ran.stdout
