"""`assay moderate` and `assay analyze` without a service: what they ask, and how they tell it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands import texts
from cli.main import app
from config.errors import InputError

SPAM = {
    "decision": "rejected",
    "scores": {"spam": 0.97, "hate": 0.01, "toxicity": 0.02},
    "reasons": [{"label": "spam", "score": 0.97, "threshold": 0.8}],
}
ABOUT = {
    "language": "en", "sentiment": "positive", "sentiment_score": 0.62, "tags": ["lisbon"],
    "categories": [{"name": "travel", "score": 0.9}], "topics": [],
    "entities": [{"text": "Lisbon", "type": "place"}],
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was asked; each text gets the same answer."""
    found: list[tuple[str, Any]] = []

    def ask(url: str, body: dict[str, Any], _key: str | None, family: str) -> dict[str, Any]:
        found.append((url, body))
        answer = SPAM if "/moderate" in url else ABOUT
        assert family == "content"
        return {"results": [answer] * len(next(iter(body.values())))}

    monkeypatch.setattr("cli.commands.predict._ask", ask)
    monkeypatch.setenv("COLUMNS", "200")
    return found


def test_a_text_is_moderated_and_not_kept(asked: list[tuple[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["moderate", "WIN a free phone", "--url", "http://here:1/"])
    assert done.exit_code == 0, done.output
    ((url, body),) = asked
    assert url == "http://here:1/api/v1/moderate/batch"
    assert body == {"items": [{"text": "WIN a free phone", "record": False}]}
    assert "rejected" in done.stdout
    assert "0.97" in done.stdout


def test_a_file_is_asked_about_line_by_line_in_batches(
    asked: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "AT_ONCE", 2)
    (tmp_path / "all.txt").write_text("\ufeffone\n\n  \ntwo\nthree\n")
    done = CliRunner().invoke(app, ["moderate", "--file", str(tmp_path / "all.txt"), "--json"])
    assert [len(body["items"]) for _, body in asked] == [2, 1]
    assert asked[0][1]["items"][0]["text"] == "one"
    assert json.loads(done.stdout) == [SPAM] * 3


def test_what_a_text_is_about_is_told(asked: list[tuple[str, Any]]) -> None:
    done = CliRunner().invoke(app, ["analyze", "I love Lisbon"])
    ((_, body),) = asked
    assert body == {"items": [{"content_data": {"text": "I love Lisbon"}}]}
    for said in ("positive (+0.62)", "travel", "Lisbon (place)", "lisbon"):
        assert said in done.stdout


@pytest.mark.parametrize(
    ("given", "name", "wrong"),
    [(None, None, "Say what"), (["a"], "all.txt", "Say what"), (None, "gone.txt", "cannot be read"),
     (None, "empty.txt", "no text"), (None, "picture.txt", "UTF-8")],
)  # fmt: skip
def test_nothing_to_ask_about_is_said(
    given: list[str] | None, name: str | None, wrong: str, tmp_path: Path
) -> None:
    (tmp_path / "all.txt").write_text("one")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match=wrong):
        texts.read_texts(given, tmp_path / name if name else None)


@pytest.mark.parametrize(
    ("family", "path", "body"),
    [
        ("moderation", "/api/v1/moderate", {"text": "WIN"}),
        ("sentiment", "/api/v1/analyze", {"content_data": {"text": "WIN"}}),
    ],
)
def test_a_family_of_content_is_asked_by_its_own_name(
    family: str, path: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []

    def ask(url: str, sent: Any, *_: Any) -> dict[str, Any]:
        asked.append((url, sent))
        return SPAM

    monkeypatch.setattr("cli.commands.predict._ask", ask)
    monkeypatch.setenv("CONTENT_PORT", "8905")
    done = CliRunner().invoke(app, ["predict", family, "text=WIN"])
    assert done.exit_code == 0, done.output
    assert asked == [(f"http://127.0.0.1:8905{path}", body)]
