"""Which code is running: logged with every training, so that a version can be traced to its source."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_version(root: Path = ROOT) -> str:
    """The git commit of ``root``, ``-modified`` where tracked files differ; else the package's version."""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if commit and (root / ".git").exists():
        modified = _git(root, "status", "--porcelain", "--untracked-files=no")
        return f"git:{commit}{'-modified' if modified else ''}"
    try:
        return f"assay {version('assay')}"
    except PackageNotFoundError:
        return "unknown"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
