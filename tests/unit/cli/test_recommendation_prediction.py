"""``assay predict recommendation``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError
from serving.recommendation_schema import EXAMPLE_ANSWER


def call(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["predict", "recommendation", *arguments, "--url", "http://service"])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.stdout


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Any]]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    found: list[tuple[str, Any]] = []

    def ask(url: str, inputs: Any, *_: object) -> dict[str, Any]:
        found.append((url, inputs))
        return dict(EXAMPLE_ANSWER)

    monkeypatch.setattr("cli.commands.predict._ask", ask)
    return found


def test_a_users_list_is_shown_with_its_reasons(asked: list[tuple[str, Any]]) -> None:
    out = call("user_id=42", "limit=2", "content_type=video")
    assert asked == [
        ("http://service/api/v1/recommend", {"user_id": "42", "limit": 2, "content_type": "video"})
    ]
    assert "trending in cooking" in out
    assert EXAMPLE_ANSWER["recommendation_id"] in out


def test_a_list_of_users_is_refused(asked: list[tuple[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text('[{"user_id": "1"}]')
    with pytest.raises(InputError, match="one user at a time"):
        call("--json-file", str(tmp_path / "users.json"))
    assert asked == []
